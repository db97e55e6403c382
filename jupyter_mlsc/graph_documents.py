"""Lineage and impact as documents for a program: what ``--json`` prints."""

from __future__ import annotations

from typing import Any

from jupyter_mlsc.lineage import Impact, ImpactNode, LineageNode, Origin, Place
from jupyter_mlsc.predicates import rfc3339


def lineage_document(node: LineageNode) -> dict[str, Any]:
    """``mlsc lineage --json``, nested as deep as the node was asked for."""
    return {"artifact": node.path, "digest": None if node.digest is None else str(node.digest), **_made(node)}


def _made(node: LineageNode) -> dict[str, Any]:
    return {
        "produced_by": None if node.origin is None else _run(node.origin),
        "inputs": [{"path": edge.path, "digest": str(edge.digest), "cell": edge.cell, "verdict": edge.verdict, **_made(child)} for edge, child in node.inputs],
        "precise": node.precise,
        "kind": node.kind,
        "files": [_part(child) for child in node.files],
        "folders": [_part(child) for child in node.folders],
        "revoked": node.revoked,
        "input_revoked": node.input_revoked,
        "places": [_place(each) for each in node.places],
        "omitted": node.omitted,
    }


def _part(node: LineageNode) -> dict[str, Any]:
    return {"path": node.path, "digest": None if node.digest is None else str(node.digest), **_made(node)}


def _run(origin: Origin) -> dict[str, Any]:
    return {
        "run": origin.run,
        "notebook": origin.notebook,
        "cell": origin.cell,
        "tier": origin.tier,
        "signer": origin.signer,
        "key_revoked": origin.key_revoked,
        "at": rfc3339(origin.at),
        "environment": None if origin.environment is None else str(origin.environment),
        "code": origin.code,
        "git_commit": origin.git_commit,
        "executable": origin.executable,
        "observed": origin.observed,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "what": place.what,
        "path": place.path,
        "by": place.by,
        "at": rfc3339(place.at),
        "source": place.source,
        "stage": place.stage,
        "until": None if place.until is None else rfc3339(place.until),
    }


def impact_document(impact: Impact) -> dict[str, Any]:
    """``mlsc impact --json``, nested as deep as it was asked for."""
    node = impact.artifact
    return {
        "artifact": node.path,
        "digest": str(node.digest),
        **_went(node),
        "other_versions": [str(digest) for digest in impact.other_versions],
    }


def _went(node: ImpactNode) -> dict[str, Any]:
    return {
        "revoked": node.revoked,
        "input_revoked": node.input_revoked,
        "places": [_place(each) for each in node.places],
        "outputs": [_output(child) for child in node.outputs],
        "omitted": node.omitted,
    }


def _output(node: ImpactNode) -> dict[str, Any]:
    run = dict.fromkeys(_NO_RUN) if node.origin is None else _run(node.origin)
    return {"path": node.path, "digest": str(node.digest), "kind": node.kind, "relation": node.relation, **run, "precise": node.precise, **_went(node)}


_NO_RUN = ("run", "notebook", "cell", "tier", "signer", "key_revoked", "at", "environment", "code", "git_commit", "executable", "observed")
