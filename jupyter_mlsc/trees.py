"""Lineage and impact as trees for a person: text, and nested lists in HTML, with the same words.

Rules kept: everything that comes from outside (names, cells, runs) is escaped; a branch that is cut says so; nothing decides.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from jupyter_mlsc import predicates
from jupyter_mlsc.display import SHOWN_DIGITS, Shown, short
from jupyter_mlsc.lineage import Impact, ImpactNode, LineageNode, Omitted, Origin, Place
from jupyter_mlsc.verdict import printable

_BACK: dict[Omitted, str] = {
    "repeated": "what it was made from is listed where it stands first",
    "depth": "it was made from more: ask with a greater --depth",
    "limit": "it was made from more: ask with a greater --limit",
}
_ON: dict[Omitted, str] = {
    "repeated": "what was made from these bytes is listed where they stand first",
    "depth": "more was made from it: ask with a greater --depth",
    "limit": "more was made from it: ask with a greater --limit",
}


@dataclass(frozen=True, slots=True)
class _Branch:
    """One artifact: its line, which begins with its path, what is said of it, and under titles (or none) what hangs on it."""

    path: str
    head: str
    is_bad: bool
    """It is revoked, or made from what is."""
    notes: tuple[str, ...]
    groups: tuple[tuple[str | None, tuple[_Branch, ...]], ...]


def lineage_lines(node: LineageNode) -> list[str]:
    """A tree of what an artifact was made from, one line for each artifact and what is said of it below."""
    return list(_lines(_of_lineage(node, ""), "", "", "  "))


def impact_lines(impact: Impact) -> list[str]:
    """A tree of what was made from an artifact, two lines for each output."""
    return [*_lines(_of_impact(impact.artifact), "", "", "  "), *_other_versions(impact)]


def lineage_html(node: LineageNode) -> str:
    """The same tree as nested lists."""
    return _listed([_of_lineage(node, "")])


def impact_html(impact: Impact) -> str:
    """The same tree as nested lists."""
    return _listed([_of_impact(impact.artifact)]) + "".join(f"<div>{escape(line.strip())}</div>" for line in _other_versions(impact))


def show_lineage(node: LineageNode, svg: str | None) -> Shown:
    """Lineage for a notebook's output; ``svg`` is its drawing, where one could be made."""
    title = f"What {node.path} was made from"
    return Shown(
        node,
        lambda: "\n".join(lineage_lines(node)),
        lambda: _image(svg, title) + lineage_html(node),
        svg,
        lambda: _view(title, _of_lineage(node, ""), svg),
    )


def show_impact(impact: Impact, svg: str | None) -> Shown:
    """Impact for a notebook's output; ``svg`` is its drawing, where one could be made."""
    title = f"What was made from {impact.artifact.path}"
    return Shown(
        impact,
        lambda: "\n".join(impact_lines(impact)),
        lambda: _image(svg, title) + impact_html(impact),
        svg,
        lambda: _view(title, _of_impact(impact.artifact), svg, _other_versions(impact)),
    )


def _view(title: str, branch: _Branch, svg: str | None, after: Sequence[str] = ()) -> dict[str, Any]:
    """What a widget shows: the words of the lists, and the drawing."""
    return {"title": printable(title), "tree": _as_data(branch), "after": [line.strip() for line in after], "drawing": svg}


def _as_data(branch: _Branch) -> dict[str, Any]:
    groups = [{"title": title, "branches": [_as_data(each) for each in branches]} for title, branches in branch.groups]
    return {"path": branch.path, "head": branch.head, "is_bad": branch.is_bad, "notes": list(branch.notes), "groups": groups}


def _image(svg: str | None, title: str) -> str:
    """The drawing as an image: in one, a browser runs no script and follows no link, whatever it holds."""
    if svg is None:
        return ""
    data = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return f'<img style="max-width:100%" alt="{escape(printable(title))}; the list below says the same" src="data:image/svg+xml;base64,{data}">'


def _lines(branch: _Branch, lead: str, below: str, indent: str) -> Iterator[str]:
    yield lead + branch.head
    yield from (f"{below}{indent}{note}" for note in branch.notes)
    for title, branches in branch.groups:
        if title is not None:
            yield f"{below}{indent}{title}"
        for index, child in enumerate(branches):
            last = index == len(branches) - 1
            yield from _lines(child, below + ("  └─ " if last else "  ├─ "), below + ("     " if last else "  │  "), indent)


def _listed(branches: Iterable[_Branch]) -> str:
    items = []
    for branch in branches:
        notes = "".join(f"<br><small>{escape(note)}</small>" for note in branch.notes)
        groups = "".join((f"<div><small>{escape(title)}</small></div>" if title else "") + _listed(children) for title, children in branch.groups)
        items.append(f"<li>{escape(branch.head)}{notes}{groups}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _of_lineage(node: LineageNode, edge: str) -> _Branch:
    head = printable(node.path) + (f" · {short(node.digest)}" if node.digest else "") + _marks(revoked=node.revoked, input_revoked=node.input_revoked) + edge
    notes = [*([] if node.origin is None else [_made_by(node.origin)]), *map(_place, node.places), *([_BACK[node.omitted]] if node.omitted else [])]
    inputs = tuple(
        _of_lineage(child, f" · {printable(link.verdict)}" + (f", read in cell {printable(link.cell)}" if link.cell else "")) for link, child in node.inputs
    )
    groups = [("from:" if node.precise else "from all that the run had read so far:", inputs)]
    groups.append(("its files that runs made by themselves:", tuple(_of_lineage(child, "") for child in node.files)))
    groups.append(("it lies in the folder:", tuple(_of_lineage(child, "") for child in node.folders)))
    return _Branch(printable(node.path), head, node.revoked or node.input_revoked, tuple(notes), tuple(group for group in groups if group[1]))


def _of_impact(node: ImpactNode, *, is_asked_for: bool = True) -> _Branch:
    head = f"{printable(node.path)} · {short(node.digest)}" + _marks(revoked=node.revoked, input_revoked=node.input_revoked)
    if node.relation == "part":
        head += " · the folder that it lies in" if node.digest.algorithm == "dirhash" else " · a file of it"
    notes = []
    if node.origin is not None:
        guess = "" if node.precise else ", from all that the run had read so far"
        notes.append(f"{_made_by(node.origin)} on {predicates.rfc3339(node.origin.at)[:10]}{guess}")
    notes += map(_place, node.places)
    if node.omitted is not None:
        notes.append(_ON[node.omitted])
    if is_asked_for and not node.outputs and node.omitted is None:
        notes.append("no run is known that made anything from these bytes")
    outputs = tuple(_of_impact(child, is_asked_for=False) for child in node.outputs)
    return _Branch(printable(node.path), head, node.revoked or node.input_revoked, tuple(notes), ((None, outputs),) if outputs else ())


def _other_versions(impact: Impact) -> list[str]:
    if not impact.other_versions:
        return []
    return ["  from other bytes under this name something was made as well:", *(f"    mlsc impact {digest}" for digest in impact.other_versions)]


def _marks(*, revoked: bool, input_revoked: bool) -> str:
    return (" · revoked" if revoked else "") + (" · made from what is revoked" if input_revoked else "")


def _made_by(origin: Origin) -> str:
    notebook = printable(origin.notebook) if origin.notebook else None
    where = f"cell {printable(origin.cell)}{f' of {notebook}' if notebook else ''}" if origin.cell else notebook or "a script"
    by = f", signed by {printable(origin.signer)}" if origin.signer else ", signed by a key that the policy does not name"
    by += " with a key that is revoked" if origin.key_revoked else ""
    unseen = "" if origin.observed else ", written by something that was not observed"
    return f"made by {where}, run {printable(origin.run[:SHOWN_DIGITS])} ({printable(origin.tier)}{by}){unseen}"


def _place(place: Place) -> str:
    by = f" by {printable(place.by)}" if place.by else ""
    if place.what == "overridden":
        until = "" if place.until is None else f" until {predicates.rfc3339(place.until)[:16]}Z"
        return f"an exception for {printable(place.path)}{until}{by}"
    source = f" from {printable(place.source)}" if place.source else ""
    return f"promoted to {printable(place.path)}{source}{by} on {predicates.rfc3339(place.at)[:10]}"
