"""A notebook's story, from the record of a run and the notebook as it is saved: what ran, what was edited since, what is stale. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from jupyter_mlsc.artifacts import Digest

CellState = Literal["ran", "edited", "stale", "never-run", "unseen"]


@dataclass(frozen=True, slots=True)
class SavedCell:
    """A code cell as it stands in the file: its id, and ``sha256:<hex>`` of its source."""

    id: str
    code: str


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a cell, as the run recorded it."""

    code: str
    cell_id: str | None
    execution_count: int | None


@dataclass(frozen=True, slots=True)
class Touch:
    """One read or write on record; ``index`` is its ledger entry, None where only the provenance of an output tells of it."""

    operation: Literal["read", "write"]
    name: str
    digest: Digest
    at: datetime
    cell_id: str | None = None
    execution_count: int | None = None
    verdict: str | None = None
    kind: str | None = None
    index: int | None = None


@dataclass
class RecordedRun:
    """What is on record of one run. ``touches`` holds the newest for each operation and name, in the order in which they were first seen."""

    run: str
    tier: str
    notebook: str | None
    began: datetime
    last: datetime
    ended: bool = False
    environment: str | None = None
    packages: tuple[str, ...] = ()
    touches: dict[tuple[str, str], Touch] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    coverage: dict[str, int] = field(default_factory=dict)

    def names(self, operation: Literal["read", "write"]) -> tuple[str, ...]:
        """What it read, or wrote, by name."""
        return tuple(name for does, name in self.touches if does == operation)


@dataclass(frozen=True, slots=True)
class CellStory:
    """What became of one cell of the file. ``execution_count`` is that of its last execution with this source."""

    id: str
    state: CellState
    execution_count: int | None


@dataclass(frozen=True, slots=True)
class NotebookStory:
    """A notebook beside the last run that the ledger knows of it. ``complete`` is false for a run that has not ended, or was killed."""

    path: str
    run: str | None
    tier: str | None
    complete: bool
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    missing: tuple[str, ...]
    cells: tuple[CellStory, ...]
    gone: tuple[int, ...]
    """Execution counts of code that ran and stands in no cell of the file."""
    coverage: Mapping[str, int]

    def named(self, state: CellState) -> tuple[str, ...]:
        """The ids of the cells in a state, in the file's order."""
        return tuple(cell.id for cell in self.cells if cell.state == state)


def cell_stories(saved: Sequence[SavedCell], executions: Sequence[Execution]) -> tuple[CellStory, ...]:
    """Compare a notebook's cells with what ran.

    A cell *ran* if its source as saved was executed last under its id, or anywhere where the front end gave no ids; it was *edited* if its id
    ran with another source last; it is *stale* if a cell above it ran again after it, or was edited since. A cell above the first one that
    ran is *unseen*: the cell that switches the guard on is not watched itself.
    """
    last_by_id: dict[str, tuple[int, Execution]] = {}
    last_by_code: dict[str, tuple[int, Execution]] = {}
    for order, execution in enumerate(executions):
        if execution.cell_id is not None:
            last_by_id[execution.cell_id] = (order, execution)
        else:
            last_by_code[execution.code] = (order, execution)
    stories: list[CellStory] = []
    newest_above = -1
    edited_above = False
    for cell in saved:
        found = last_by_id.get(cell.id) or last_by_code.get(cell.code)
        if found is None:
            stories.append(CellStory(cell.id, "never-run", None))
            continue
        order, execution = found
        if execution.code != cell.code:
            stories.append(CellStory(cell.id, "edited", execution.execution_count))
            edited_above = True
        else:
            stale = edited_above or order < newest_above
            stories.append(CellStory(cell.id, "stale" if stale else "ran", execution.execution_count))
        newest_above = max(newest_above, order)
    first = next((place for place, cell in enumerate(stories) if cell.state != "never-run"), 0)
    return tuple(CellStory(c.id, "unseen", None) if place < first else c for place, c in enumerate(stories))


def gone_executions(saved: Sequence[SavedCell], executions: Sequence[Execution]) -> tuple[int, ...]:
    """Execution counts of code that ran under no id of the file, and whose source stands in none of its cells."""
    ids, codes = {cell.id for cell in saved}, {cell.code for cell in saved}
    return tuple(e.execution_count for e in executions if e.execution_count is not None and e.cell_id not in ids and e.code not in codes)
