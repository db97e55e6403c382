"""Lineage and impact as trees: text, HTML, and nested documents.

Rules kept: everything that comes from outside (names, cells, runs) is escaped; a branch that is cut says so; nothing decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from jupyter_mlsc import predicates
from jupyter_mlsc.display import SHOWN_DIGITS, Shown, short
from jupyter_mlsc.lineage import Impact, ImpactNode, LineageNode, Origin
from jupyter_mlsc.verdict import printable

_OMITTED = {"repeated": "what was made from these bytes is listed where they stand first", "depth": "more was made from it: ask with a greater --depth"}


def lineage_lines(node: LineageNode) -> list[str]:
    """A tree of what an artifact was made from, one line for each artifact."""
    lines: list[str] = []
    _tree(node, "", "", "", lines)
    return lines


def _tree(node: LineageNode, lead: str, below: str, edge: str, lines: list[str]) -> None:
    lines.append(f"{lead}{printable(node.path)}" + (f" · {short(node.digest)}" if node.digest else "") + edge)
    if node.origin is not None:
        lines.append(f"{below}  {_made_by(node.origin)}")
        if node.inputs:
            lines.append(f"{below}  from:" if node.precise else f"{below}  from all that the run had read so far:")
    for index, (link, child) in enumerate(node.inputs):
        last = index == len(node.inputs) - 1
        note = f" · {printable(link.verdict)}" + (f", read in cell {printable(link.cell)}" if link.cell else "")
        _tree(child, below + ("  └─ " if last else "  ├─ "), below + ("     " if last else "  │  "), note, lines)


def _made_by(origin: Origin) -> str:
    where = f"cell {printable(origin.cell)}" if origin.cell else "a script"
    notebook = f" of {printable(origin.notebook)}" if origin.notebook else ""
    by = f", signed by {printable(origin.signer)}" if origin.signer else ", signed by a key that the policy does not name"
    return f"made by {where}{notebook}, run {printable(origin.run[:SHOWN_DIGITS])} ({printable(origin.tier)}{by})"


def lineage_html(node: LineageNode) -> str:
    """The same tree as preformatted HTML."""
    return _preformatted(lineage_lines(node))


def _preformatted(lines: Iterable[str]) -> str:
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def show_lineage(node: LineageNode) -> Shown:
    """Lineage for a notebook's output."""
    return Shown(node, lambda: "\n".join(lineage_lines(node)), lambda: lineage_html(node))


def lineage_document(node: LineageNode) -> dict[str, Any]:
    """``mlsc lineage --json``, nested as deep as the node was asked for."""
    return {
        "artifact": node.path,
        "digest": None if node.digest is None else str(node.digest),
        "produced_by": _origin_document(node),
        "inputs": [
            {"path": edge.path, "digest": str(edge.digest), "cell": edge.cell, "verdict": edge.verdict, **_nested(child)} for edge, child in node.inputs
        ],
        "precise": node.precise,
    }


def _origin_document(node: LineageNode) -> dict[str, Any] | None:
    origin = node.origin
    if origin is None:
        return None
    return {"run": origin.run, "notebook": origin.notebook, "cell": origin.cell, "tier": origin.tier, "signer": origin.signer}


def _nested(child: LineageNode) -> dict[str, Any]:
    below = lineage_document(child)
    return {"produced_by": below["produced_by"], "inputs": below["inputs"], "precise": below["precise"]}


def impact_lines(impact: Impact) -> list[str]:
    """A tree of what was made from an artifact, two lines for each output."""
    lines: list[str] = []
    _outputs_tree(impact.artifact, "", "", lines)
    if not impact.artifact.outputs and impact.artifact.omitted is None:
        lines.append("  no run is known that made anything from these bytes")
    if impact.other_versions:
        lines.append("  from other bytes under this name something was made as well:")
        lines += [f"    mlsc impact {digest}" for digest in impact.other_versions]
    return lines


def _outputs_tree(node: ImpactNode, lead: str, below: str, lines: list[str]) -> None:
    lines.append(f"{lead}{printable(node.path)} · {short(node.digest)}" + (" · revoked" if node.revoked else ""))
    if node.origin is not None:
        guess = "" if node.precise else ", from all that the run had read so far"
        lines.append(f"{below}  {_made_by(node.origin)} on {predicates.rfc3339(node.origin.at)[:10]}{guess}")
    if node.omitted is not None:
        lines.append(f"{below}  {_OMITTED[node.omitted]}")
    for index, child in enumerate(node.outputs):
        last = index == len(node.outputs) - 1
        _outputs_tree(child, below + ("  └─ " if last else "  ├─ "), below + ("     " if last else "  │  "), lines)


def impact_html(impact: Impact) -> str:
    """The same tree as preformatted HTML."""
    return _preformatted(impact_lines(impact))


def impact_document(impact: Impact) -> dict[str, Any]:
    """``mlsc impact --json``, nested as deep as it was asked for."""
    node = impact.artifact
    return {
        "artifact": node.path,
        "digest": str(node.digest),
        "revoked": node.revoked,
        "outputs": [_output_document(child) for child in node.outputs],
        "omitted": node.omitted,
        "other_versions": [str(digest) for digest in impact.other_versions],
    }


def _output_document(node: ImpactNode) -> dict[str, Any]:
    origin = node.origin
    assert origin is not None  # an output was made by a run
    return {
        "path": node.path,
        "digest": str(node.digest),
        "run": origin.run,
        "notebook": origin.notebook,
        "cell": origin.cell,
        "tier": origin.tier,
        "signer": origin.signer,
        "at": predicates.rfc3339(origin.at),
        "precise": node.precise,
        "revoked": node.revoked,
        "outputs": [_output_document(child) for child in node.outputs],
        "omitted": node.omitted,
    }
