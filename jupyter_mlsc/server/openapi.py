"""The OpenAPI 3.1 document, made from the table of routes and the wire types; and a page that shows it without a script."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Any

import msgspec

from jupyter_mlsc.server import shapes
from jupyter_mlsc.server.contract import API_VERSION, BASE, EVENTS, PARAMETERS, ROUTES, Route

_REF = "#/components/schemas/{name}"

PROBLEMS = {
    "400": "The request cannot be carried out as it was made.",
    "403": "Not allowed: by the server's authorizer, by the policy, or by a role.",
    "404": "There is nothing under this name, or it is none that this server serves.",
    "409": "Something changed at this moment, or the ledger contradicts what was seen.",
    "422": "It could be read, and is not what it should be.",
    "423": "The key is locked: unlock it first.",
    "500": "The server failed; its log says why.",
    "501": "This installation cannot do that.",
    "503": "The ledger cannot be read or written.",
}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of this version."""
    types = [t for route in ROUTES for t in (route.answer, route.body) if t is not None] + [shapes.Problem, *EVENTS.values()]
    _, components = msgspec.json.schema_components(dict.fromkeys(types), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"/{BASE}/{route.path}", {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jupyter_mlsc",
            "version": API_VERSION,
            "description": "What a project's ledger and policy say of the artifacts of a notebook. Every request is authenticated by the Jupyter server and "
            "authorized for the resource `mlsc`; live changes come as events of the Jupyter server.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "x-events": {schema: {"$ref": _REF.format(name=event.__name__)} for schema, event in EVENTS.items()},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`token TOKEN`, as the Jupyter server's"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "description": PARAMETERS[name][1], "schema": {"type": "string", "pattern": f"^{PARAMETERS[name][0]}$"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += _query(route.query)
    answers = {str(route.status): {"description": "Done." if route.action == "write" else "The answer.", "content": _json(route.answer)}}
    answers |= {status: {"description": text, "content": _json(shapes.Problem)} for status, text in PROBLEMS.items()}
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.action],
        "parameters": parameters,
        "responses": answers,
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(route.body)}
    return operation


def _query(asked: type[msgspec.Struct]) -> list[dict[str, Any]]:
    _, components = msgspec.json.schema_components([asked], ref_template=_REF)
    schema = components[asked.__name__]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": {k: v for k, v in each.items() if k != "description"}}
        | ({"description": each["description"]} if "description" in each else {})
        for name, each in schema["properties"].items()
    ]


def _json(of: type[msgspec.Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(name=of.__name__)}}}


@cache
def page() -> str:
    """The document for a person: static HTML, nothing of it fetched from anywhere."""
    made = document()
    operations = "".join(
        f"<section><h2><code>{method.upper()}</code> {escape(path)}</h2><p>{escape(operation['summary'])}</p>{_parameters_html(operation)}</section>"
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
        f"<pre>{escape(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())}</pre></section>"
        for name, schema in made["components"]["schemas"].items()
    )
    style = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{background:#8881;padding:.6rem;overflow:auto}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>jupyter_mlsc API</title><style>{style}</style>'
        f"<h1>jupyter_mlsc {escape(made['info']['version'])}</h1><p>{escape(made['info']['description'])} "
        f'<a href="openapi.json">The OpenAPI document</a>.</p>{operations}<h2>Types</h2>{schemas}</html>'
    )


def _parameters_html(operation: dict[str, Any]) -> str:
    rows = [f"<li><code>{escape(each['name'])}</code> ({each['in']}{', required' if each['required'] else ''})</li>" for each in operation["parameters"]]
    body = operation.get("requestBody")
    if body is not None:
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        rows.append(f'<li>body: <a href="#{escape(name)}">{escape(name)}</a></li>')
    answer = next(iter(operation["responses"].values()))["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return f'<ul>{"".join(rows)}<li>answers <a href="#{escape(answer)}">{escape(answer)}</a></li></ul>'
