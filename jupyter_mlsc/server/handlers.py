"""The HTTP side: one handler for the table of routes. Who may is asked before anything is read; whatever goes wrong has one shape.

Rules kept: authenticated by the server, authorized for the resource ``mlsc``, with the server's protection against requests of other sites; a body is
read into its type or refused; answers are not cached and are no page to be sniffed; an error that nobody foresaw is logged here and told without
its details.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import ensure_async
from tornado import web

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.server import shapes
from jupyter_mlsc.server.contract import BASE, PARAMETERS, RESOURCE, ROUTES, Action, Route
from jupyter_mlsc.server.desk import Desk

MOST_BODY = 1 << 20
"""Bytes of a request's body; the longest lists paths."""

DESK = "mlsc_desk"
"""The name of the setting in which the server keeps this extension's desk."""

_CODES = {400: "usage", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "usage"}


class _Guarded(JupyterHandler):
    """What every handler here asks before it answers."""

    auth_resource = RESOURCE

    async def require(self, action: Action) -> None:
        """Raise HTTPError unless the user may do this."""
        if not self.current_user or not await ensure_async(self.authorizer.is_authorized(self, self.current_user, action, RESOURCE)):
            raise web.HTTPError(403, f"not allowed to {action} {RESOURCE}")


class RouteHandler(_Guarded, APIHandler):
    """Answers the operations of one path."""

    def initialize(self, routes: Mapping[str, Route]) -> None:
        """Take the routes of this path by their method."""
        self._routes = routes

    @web.authenticated
    async def get(self, **parameters: str) -> None:
        """Answer a reading operation."""
        await self._serve("GET", parameters)

    @web.authenticated
    async def post(self, **parameters: str) -> None:
        """Answer an operation with a body."""
        await self._serve("POST", parameters)

    @web.authenticated
    async def delete(self, **parameters: str) -> None:
        """Take something back."""
        await self._serve("DELETE", parameters)

    async def _serve(self, method: str, parameters: dict[str, str]) -> None:
        route = self._routes.get(method)
        if route is None:
            raise web.HTTPError(405)
        await self.require(route.action)
        asked = self._body(route.body) if route.body is not None else self._query(route.query)
        desk: Desk = self.settings[DESK]
        from jupyter_mlsc.server.answers import ANSWERERS

        def answered() -> bytes:
            return msgspec.json.encode(ANSWERERS[route.operation](desk, asked, parameters))

        try:
            if route.action == "read":
                answer = await desk.projects.share((route.operation, asked, *sorted(parameters.items())), answered)
            else:
                answer = await desk.projects.work(answered)
        except MlscError as err:
            self._refuse(err.http_status, shapes.Problem(code=err.code, message=err.message, next=err.next_step))
            return
        self.set_status(route.status)
        self._finish(answer)

    def _body(self, kind: type[msgspec.Struct]) -> msgspec.Struct:
        if len(self.request.body) > MOST_BODY:
            raise web.HTTPError(413, f"the body has more than {MOST_BODY} bytes")
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise web.HTTPError(415, "the body must be application/json")
        try:
            return msgspec.json.decode(self.request.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
            # What was sent is not repeated: it may hold a passphrase.
            raise web.HTTPError(400, f"the body is no {kind.__name__}: {_without_values(err)}") from None

    def _query(self, kind: type[msgspec.Struct]) -> msgspec.Struct:
        given: dict[str, Any] = {}
        for name, values in self.request.query_arguments.items():
            if name in ("token", "_xsrf", "_") and name not in kind.__struct_fields__:
                continue  # the server's own, and what clients add against caches
            if len(values) > 1:
                raise web.HTTPError(400, f"{name} is given {len(values)} times")
            given[name] = self.decode_argument(values[0], name)
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as err:
            raise web.HTTPError(400, f"the query is wrong: {_without_values(err)}") from None

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """A query's value as text. Raises HTTPError for what is no UTF-8."""
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise web.HTTPError(400, f"{name} is not UTF-8") from None

    def _finish(self, answer: bytes) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(answer)

    def _refuse(self, status: int, problem: shapes.Problem) -> None:
        self.set_status(status)
        self._finish(msgspec.json.encode(problem))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tell an error in the one shape: of what the server itself refused, its reason; of what nobody foresaw, only that it is logged."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        told = error.log_message if isinstance(error, web.HTTPError) and status_code < 500 else None
        message = told or error.reason if isinstance(error, web.HTTPError) and status_code < 500 else None
        if status_code == 405:
            self.set_header("Allow", ", ".join(getattr(self, "_routes", {"GET": None})))
        following = "look at the server's log" if status_code >= 500 else None
        code = _CODES.get(status_code, "failed")
        self._refuse(status_code, shapes.Problem(code=code, message=message or _standard(status_code), next=following))


class DocumentHandler(_Guarded, APIHandler):
    """The OpenAPI document."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the document."""
        await self.require("read")
        from jupyter_mlsc.server.openapi import document

        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(document()))


class PageHandler(_Guarded):
    """The page that shows the document: static HTML that loads nothing."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the page."""
        await self.require("read")
        from jupyter_mlsc.server.openapi import page

        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
        self.finish(page())


class UnknownHandler(RouteHandler):
    """Whatever else is asked for below the base: there is no such route, whoever asks."""

    def initialize(self) -> None:  # type: ignore[override]  # it has no routes
        """No route."""
        self._routes = {}

    async def _serve(self, method: str, parameters: dict[str, str]) -> None:
        await self.require("read")
        raise web.HTTPError(404, "there is no such route; see mlsc/api/docs")


def handlers() -> list[tuple[Any, ...]]:
    """All handlers with the patterns of their paths, for the server to put below its base URL."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, {})[route.method] = route
    made: list[tuple[Any, ...]] = [(_pattern(path), RouteHandler, {"routes": routes}) for path, routes in by_path.items()]
    made += [(rf"/{BASE}/openapi\.json", DocumentHandler), (rf"/{BASE}/docs", PageHandler), (rf"/{BASE}(?:/.*)?", UnknownHandler)]
    return made


def _pattern(path: str) -> str:
    """A path as the server matches it: before percent-encoding is undone, so that a colon may be written in both ways."""
    written = {name: pattern.replace("):", ")(?::|%3[Aa])") for name, (pattern, _) in PARAMETERS.items()}
    return f"/{BASE}/" + re.sub(r"\{(\w+)\}", lambda found: f"(?P<{found[1]}>{written[found[1]]})", path)


def _without_values(err: Exception) -> str:
    """What msgspec says of a wrong input names types and fields only, but for an unknown member of an enumeration: that is cut."""
    return re.sub(r"Invalid enum value .*?(?= - at|$)", "not one of the words that are known", str(err))


def _standard(status: int) -> str:
    from http.client import responses

    return responses.get(status, "error")
