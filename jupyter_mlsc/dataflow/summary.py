"""One executed cell's summary: the names that it uses, and how values flow between them.

Rules kept: a pure function of the source; no value of the code but names and what reads as a file's name; bounded in size: what would be
larger says that it is unknown; what was read back from a record is validated, and what is not valid is unknown too.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from typing import Any

import msgspec

from jupyter_mlsc.dataflow import lowering, magics
from jupyter_mlsc.dataflow.nodes import Stmt

VERSION = 1
LARGEST_SOURCE = 200_000
"""Characters of a cell; people's cells have some thousands, and what is larger is data in the form of code."""
LARGEST_SUMMARY = 48_000
"""Bytes of a summary, of which each execution of a run's last statement holds one."""


class CellSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a cell does to names. ``unknown`` says why nothing of it is known."""

    version: int = VERSION
    body: tuple[Stmt, ...] = ()
    unknown: str | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> CellSummary:
        return self


def summarize(source: str) -> CellSummary:
    """Summarise one cell as it was typed. A cell that is no Python does nothing when it is run either, but IPython may know better: unknown."""
    if len(source) > LARGEST_SOURCE:
        return CellSummary(unknown="a cell that is too long to analyse")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in the notebook's string is told when the notebook runs
            tree = ast.parse(magics.as_python(source))
            found = CellSummary(body=lowering.statements(tree.body))
            size = len(msgspec.json.encode(found))
    except (SyntaxError, ValueError):
        return CellSummary(unknown="a cell that is no Python")
    except (RecursionError, MemoryError):
        return CellSummary(unknown="a cell that is nested too deeply")
    return found if size <= LARGEST_SUMMARY else CellSummary(unknown="a cell that is too long to analyse")


def to_record(summary: CellSummary) -> dict[str, Any]:
    """The summary as it stands in a statement."""
    built: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(summary))
    return built


def from_record(record: Mapping[str, Any] | None) -> CellSummary:
    """The way back; anything that is no summary of this version is unknown."""
    if record is None:
        return CellSummary(unknown="a cell without a summary")
    try:
        found = msgspec.convert(record, CellSummary)
    except (msgspec.ValidationError, RecursionError):
        return CellSummary(unknown="a summary that cannot be read")
    return found if found.version == VERSION else CellSummary(unknown="a summary of another version")
