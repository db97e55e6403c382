"""Lineage and impact as the source of a drawing: Mermaid flowcharts and Graphviz DOT. Pure.

Rules kept: a name is text and never syntax, in either language; an arrow runs from what was used to what was made of it, a dashed line joins a file and its
folder; an artifact is drawn once, and what one run made stands in one box with the run, its notebook or script and its environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from jupyter_mlsc.lineage import Artifact, Impact, ImpactNode, LineageNode, Origin, Place, Relation
from jupyter_mlsc.verdict import printable

_SHOWN_DIGITS = 12
_SAFE = frozenset(" ._-/,")
"""Beside letters and digits, what Mermaid takes as it is in a quoted label; a colon is not among them, nor what begins a comment, a directive or markup."""


@dataclass
class Box:
    """One artifact: what is written on it, and the run that made it, if one is known."""

    lines: list[str]
    run: str | None = None
    is_revoked: bool = False


@dataclass
class Drawing:
    """Artifacts with what is written on them, and arrows between them with what is written on those; in the order in which they were met."""

    boxes: dict[Artifact, Box] = field(default_factory=dict)
    runs: dict[str, list[str]] = field(default_factory=dict)
    """What is written on the box of each run, by its id."""
    _arrows: dict[tuple[Artifact, Artifact, Relation], str] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """The source in ``mermaid`` or ``dot``, without a newline at its end."""
        return "\n".join(self._mermaid() if language == "mermaid" else self._dot())

    def node(self, artifact: Artifact, origin: Origin | None, notes: list[str], *, revoked: bool = False) -> None:
        """Draw an artifact, if it is not there; it stands in its run's box as soon as one is known."""
        digest = artifact.digest
        box = self.boxes.setdefault(artifact, Box([artifact.path, *([digest.hex[:_SHOWN_DIGITS]] if digest else []), *notes], is_revoked=revoked))
        if origin is not None and box.run is None:
            box.run = origin.run
            box.lines += [f"cell {origin.cell}"] if origin.cell else []
            self.runs.setdefault(origin.run, _run_lines(origin))

    def arrow(self, used: Artifact, made: Artifact, label: str = "", relation: Relation = "made") -> None:
        """Draw that one artifact was made from another, or that a file lies in a folder."""
        self._arrows.setdefault((used, made, relation), label)

    def names(self) -> dict[Artifact, str]:
        """What artifacts are called in the source."""
        return {artifact: f"n{number}" for number, artifact in enumerate(self.boxes)}

    def titles(self) -> dict[str, list[str]]:
        """What stands on artifacts and on runs, by what they are called in DOT."""
        runs = {f"cluster_{number}": self.runs[run] for number, (run, _) in enumerate(self._grouped()) if run is not None}
        return {name: self.boxes[artifact].lines for artifact, name in self.names().items()} | runs

    def _grouped(self) -> Iterator[tuple[str | None, list[Artifact]]]:
        """The artifacts of no known run, then those of each run."""
        yield None, [artifact for artifact, box in self.boxes.items() if box.run is None]
        for run in self.runs:
            yield run, [artifact for artifact, box in self.boxes.items() if box.run == run]

    def _mermaid(self) -> Iterator[str]:
        yield "flowchart LR"
        names = self.names()
        for number, (run, artifacts) in enumerate(self._grouped()):
            lead = "    " if run is None else "        "
            if run is not None:
                yield f'    subgraph r{number}["{_mermaid_label(self.runs[run])}"]'
            yield from (f'{lead}{names[each]}["{_mermaid_label(self.boxes[each].lines)}"]' for each in artifacts)
            if run is not None:
                yield "    end"
        for (used, made, relation), label in self._arrows.items():
            line = "-->" if relation == "made" else "-.-"
            yield f"    {names[used]} {line}" + (f'|"{_mermaid_text(label)}"| ' if label else " ") + names[made]

    def _dot(self) -> Iterator[str]:
        yield "digraph lineage {"
        yield "    rankdir=LR;"
        yield "    node [shape=box];"
        names = self.names()
        for number, (run, artifacts) in enumerate(self._grouped()):
            lead = "    " if run is None else "        "
            if run is not None:
                yield f"    subgraph cluster_{number} {{"
                yield f'        label="{_dot_label(self.runs[run])}";'
            yield from (f'{lead}{names[each]} [label="{_dot_label(self.boxes[each].lines)}"{_colour(self.boxes[each])}];' for each in artifacts)
            if run is not None:
                yield "    }"
        for (used, made, relation), label in self._arrows.items():
            looks = [f'label="{_dot_text(label)}"'] if label else []
            looks += ["style=dashed", "dir=none"] if relation == "part" else []
            yield f"    {names[used]} -> {names[made]}" + (f" [{', '.join(looks)}];" if looks else ";")
        yield "}"


def _run_lines(origin: Origin) -> list[str]:
    lines = [origin.notebook or "a script", f"run {origin.run[:_SHOWN_DIGITS]}, {origin.tier}"]
    return lines if origin.environment is None else [*lines, f"environment {origin.environment.hex[:_SHOWN_DIGITS]}"]


def _colour(box: Box) -> str:
    return ', color="#cf222e"' if box.is_revoked else ""


def lineage_drawing(node: LineageNode) -> Drawing:
    """What an artifact was made from; on each arrow, how the input was judged when it was read."""
    drawing = Drawing()
    _add_lineage(drawing, node)
    return drawing


def _add_lineage(drawing: Drawing, node: LineageNode) -> Artifact:
    artifact = Artifact(node.path, node.digest)
    drawing.node(artifact, node.origin, _notes(node.places, revoked=node.revoked, input_revoked=node.input_revoked), revoked=node.revoked)
    for edge, child in node.inputs:
        drawing.arrow(_add_lineage(drawing, child), artifact, edge.verdict)
    for child in node.files:
        drawing.arrow(_add_lineage(drawing, child), artifact, relation="part")
    for child in node.folders:
        drawing.arrow(artifact, _add_lineage(drawing, child), relation="part")
    return artifact


def impact_drawing(impact: Impact) -> Drawing:
    """What was made from an artifact, and from that."""
    drawing = Drawing()
    _add_impact(drawing, impact.artifact)
    return drawing


def _add_impact(drawing: Drawing, node: ImpactNode) -> Artifact:
    artifact = Artifact(node.path, node.digest)
    drawing.node(artifact, node.origin, _notes(node.places, revoked=node.revoked, input_revoked=node.input_revoked), revoked=node.revoked)
    for child in node.outputs:
        drawing.arrow(artifact, _add_impact(drawing, child), relation=child.relation)
    return artifact


def _notes(places: tuple[Place, ...], *, revoked: bool, input_revoked: bool) -> list[str]:
    notes = ["revoked"] if revoked else ["made from what is revoked"] if input_revoked else []
    return notes + list(dict.fromkeys(f"promoted to {place.path}" if place.what == "promoted" else f"exception for {place.path}" for place in places))


def _mermaid_label(lines: list[str]) -> str:
    return "<br/>".join(map(_mermaid_text, lines))


def _mermaid_text(text: str) -> str:
    return "".join(c if c.isalnum() or c in _SAFE else f"#{ord(c)};" for c in printable(text))


def _dot_label(lines: list[str]) -> str:
    return "\\n".join(map(_dot_text, lines))


def _dot_text(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
