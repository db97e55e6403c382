"""A notebook as the texts in it, each with its place: sources, outputs, metadata, attachments' names.

Follows nbformat 4 (and the cells of nbformat 3 worksheets, whose sources are called ``input``).

Rules kept: a notebook is a claim by whoever wrote it, so every field may be missing or of another type; what cannot be a notebook raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from jupyter_mlsc.scan.finding import NotUnderstoodError

Role = Literal["code", "markdown", "raw", "output", "metadata"]
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a notebook. ``where`` is its place for a person ('cell 3', 'output 1 of cell 3', 'metadata'), ``cell`` counts from 1, 0 for the notebook's own
    metadata; ``mime`` is its type where it is an output; ``path`` leads to it from the document's root (keys and indexes)."""

    where: str
    role: Role
    cell: int
    mime: str
    text: str
    path: tuple[str | int, ...]
    hidden: bool = False


def cells_of(document: Any) -> list[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The cells with their paths. Raises NotUnderstoodError where the document is no notebook."""
    if not isinstance(document, dict) or not isinstance(document.get("nbformat"), int):
        raise NotUnderstoodError("it names no nbformat")
    if document["nbformat"] >= 4:
        listed: list[tuple[tuple[str | int, ...], Any]] = [(("cells",), document.get("cells"))]
    else:
        sheets = document.get("worksheets")
        if not isinstance(sheets, list):
            raise NotUnderstoodError("it has no list of worksheets")
        listed = [(("worksheets", number, "cells"), sheet.get("cells") if isinstance(sheet, dict) else None) for number, sheet in enumerate(sheets)]
    found: list[tuple[tuple[str | int, ...], dict[str, Any]]] = []
    for path, cells in listed:
        if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
            raise NotUnderstoodError("it has no list of cells")
        found += [((*path, number), cell) for number, cell in enumerate(cells)]
    return found


def texts_of(document: Any) -> Iterator[Text]:
    """Every text. Raises NotUnderstoodError where the document is no notebook."""
    for number, (path, cell) in enumerate(cells_of(document), 1):
        role = cell.get("cell_type")
        metadata = cell.get("metadata")
        hidden = isinstance(metadata, dict) and isinstance(metadata.get("jupyter"), dict) and metadata["jupyter"].get("source_hidden") is True
        key = "source" if "source" in cell else "input"
        if (source := joined(cell.get(key))) is not None:
            kind: Role = "code" if role == "code" else "markdown" if role in ("markdown", "heading") else "raw"
            yield Text(f"cell {number}", kind, number, "", source, (*path, key), hidden)
        yield from _strings(metadata, f"metadata of cell {number}", number, (*path, "metadata"))
        outputs = cell.get("outputs")
        for count, output in enumerate(outputs if isinstance(outputs, list) else (), 1):
            if isinstance(output, dict):
                yield from _output(output, f"output {count} of cell {number}", number, (*path, "outputs", count - 1))
    yield from _strings(document.get("metadata"), "metadata", 0, ("metadata",))


def joined(value: Any) -> str | None:
    """A multi-line string of nbformat: a string, or a list of strings. None where it is neither."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return None


def _output(output: dict[str, Any], where: str, cell: int, path: tuple[str | int, ...]) -> Iterator[Text]:
    if (text := joined(output.get("text"))) is not None:
        yield Text(where, "output", cell, "text/plain", text, (*path, "text"))
    for key in ("evalue", "traceback"):
        lines = output.get(key)
        if isinstance(lines, list):
            for number, line in enumerate(lines):
                if isinstance(line, str):
                    yield Text(where, "output", cell, "text/plain", line, (*path, key, number))
        elif isinstance(lines, str):
            yield Text(where, "output", cell, "text/plain", lines, (*path, key))
    data = output.get("data")
    # nbformat 3 keeps each type under a short name of its own.
    older = {"html": "text/html", "svg": "image/svg+xml", "javascript": "application/javascript", "latex": "text/latex"}
    typed = [("data", key, value) for key, value in data.items()] if isinstance(data, dict) else []
    typed += [("", key, output[key]) for key in older if key in output]
    for holder, mime, value in typed:
        place = (*path, *((holder,) if holder else ()), mime)
        if (whole := joined(value)) is not None:
            yield Text(where, "output", cell, str(older.get(mime, mime)), whole, place)
        else:
            yield from _strings(value, where, cell, place, "output", mime)
    yield from _strings(output.get("metadata"), f"metadata of {where}", cell, (*path, "metadata"))


def _strings(value: Any, where: str, cell: int, path: tuple[str | int, ...], role: Role = "metadata", mime: str = "", depth: int = 0) -> Iterator[Text]:
    if depth > _DEEPEST:
        raise NotUnderstoodError(f"{where} is nested more than {_DEEPEST} deep")
    if isinstance(value, str):
        yield Text(where, role, cell, mime, value, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            # The key makes the value a secret as much as a variable's name does.
            if isinstance(inner, str) and role == "metadata":
                yield Text(f"{where}: {key}", role, cell, mime, inner, (*path, key))
            else:
                yield from _strings(inner, where, cell, (*path, key), role, mime, depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _strings(inner, where, cell, (*path, number), role, mime, depth + 1)
