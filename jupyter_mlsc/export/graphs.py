"""Lineage and impact as the source of a drawing: Mermaid flowcharts and Graphviz DOT. Pure.

Rules kept: a name is text and never syntax, in either language; an arrow runs from what was used to what was made of it; an artifact is drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.lineage import Impact, ImpactNode, LineageNode, Origin
from jupyter_mlsc.verdict import printable

_SHOWN_DIGITS = 12
_SAFE = frozenset(" ._-/,")
"""Beside letters and digits, what Mermaid takes as it is in a quoted label; a colon is not among them, nor what begins a comment, a directive or markup."""

_Artifact = tuple[str, Digest | None]


@dataclass
class Drawing:
    """Artifacts with what is written on them, and arrows between them with what is written on those; in the order in which they were met."""

    _lines: dict[_Artifact, list[str]] = field(default_factory=dict)
    _arrows: dict[tuple[_Artifact, _Artifact], str] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """The source in ``mermaid`` or ``dot``, without a newline at its end."""
        return "\n".join(self._mermaid() if language == "mermaid" else self._dot())

    def node(self, path: str, digest: Digest | None, origin: Origin | None, *, revoked: bool = False) -> None:
        """Draw an artifact, if it is not there; its run is written on it as soon as one is known."""
        lines = self._lines.setdefault((path, digest), [path, *([digest.hex[:_SHOWN_DIGITS]] if digest else []), *(["revoked"] if revoked else [])])
        made = None if origin is None else f"{origin.notebook or 'a script'}{f' cell {origin.cell}' if origin.cell else ''}, run {origin.run[:_SHOWN_DIGITS]}"
        if made is not None and made not in lines:
            lines.append(made)

    def arrow(self, used: _Artifact, made: _Artifact, label: str = "") -> None:
        """Draw that one artifact was made from another."""
        self._arrows.setdefault((used, made), label)

    def _mermaid(self) -> Iterator[str]:
        yield "flowchart LR"
        names = self._names()
        for artifact, lines in self._lines.items():
            yield f'    {names[artifact]}["{"<br/>".join(map(_mermaid_text, lines))}"]'
        for (used, made), label in self._arrows.items():
            yield f"    {names[used]} -->" + (f'|"{_mermaid_text(label)}"| ' if label else " ") + names[made]

    def _dot(self) -> Iterator[str]:
        yield "digraph lineage {"
        yield "    rankdir=LR;"
        yield "    node [shape=box];"
        names = self._names()
        for artifact, lines in self._lines.items():
            label = "\\n".join(map(_dot_text, lines))
            yield f'    {names[artifact]} [label="{label}"];'
        for (used, made), label in self._arrows.items():
            yield f"    {names[used]} -> {names[made]}" + (f' [label="{_dot_text(label)}"];' if label else ";")
        yield "}"

    def _names(self) -> dict[_Artifact, str]:
        return {artifact: f"n{number}" for number, artifact in enumerate(self._lines)}


def lineage_drawing(node: LineageNode) -> Drawing:
    """What an artifact was made from; on each arrow, how the input was judged when it was read."""
    drawing = Drawing()
    _add_lineage(drawing, node)
    return drawing


def _add_lineage(drawing: Drawing, node: LineageNode) -> None:
    drawing.node(node.path, node.digest, node.origin)
    for edge, child in node.inputs:
        _add_lineage(drawing, child)
        drawing.arrow((child.path, child.digest), (node.path, node.digest), edge.verdict)


def impact_drawing(impact: Impact) -> Drawing:
    """What was made from an artifact, and from that."""
    drawing = Drawing()
    _add_impact(drawing, impact.artifact)
    return drawing


def _add_impact(drawing: Drawing, node: ImpactNode) -> None:
    drawing.node(node.path, node.digest, node.origin, revoked=node.revoked)
    for child in node.outputs:
        _add_impact(drawing, child)
        drawing.arrow((node.path, node.digest), (child.path, child.digest))


def _mermaid_text(text: str) -> str:
    return "".join(c if c.isalnum() or c in _SAFE else f"#{ord(c)};" for c in printable(text))


def _dot_text(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
