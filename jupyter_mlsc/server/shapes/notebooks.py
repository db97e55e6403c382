"""A notebook's run: what it read and wrote, its cells, its environment, what was not observed."""

from __future__ import annotations

from typing import Literal

from jupyter_mlsc.server.shapes.base import Answer, ModeWord, Operation, VerdictWord
from jupyter_mlsc.server.shapes.parts import Decision, Finding, Judged, Reason, Signer


class Row(Answer, frozen=True):
    """One artifact that the notebook's last run read or wrote, with the verdict on it as it is now."""

    path: str
    server_path: str | None
    op: Operation
    kind: str | None
    digest: str
    """As it was recorded."""
    verdict: VerdictWord
    verified: bool
    reasons: tuple[Reason, ...]
    signers: tuple[Signer, ...]
    decisions: tuple[Decision, ...]
    at: str
    cell_id: str | None
    execution_count: int | None
    tier: str | None
    stale: bool
    """The file, or the cell that touched it, was changed since."""
    changed: bool
    """The bytes that lie there now are not those that were recorded."""
    missing: bool
    recorded: str | None
    """The verdict of that moment."""
    judged: Literal["now", "record"]
    """Whether ``verdict`` is of the bytes as they are now, or, while a large file is measured and where nothing lies there, of the record."""
    index: int | None
    """The ledger's entry."""


class Cell(Answer, frozen=True):
    """A code cell of the notebook as saved, beside what ran. ``verdict`` is the strictest of its rows, null where it touched nothing."""

    id: str
    state: Literal["ran", "edited", "stale", "never-run", "unseen"]
    execution_count: int | None
    verdict: VerdictWord | None
    reads: int
    writes: int


class Gap(Answer, frozen=True):
    """Something that was not observed, counted."""

    code: str
    count: int
    meaning: str


class Environment(Answer, frozen=True):
    """The installed distributions of the run: the digest over their sorted ``name==version`` lines, and these lines."""

    digest: str
    packages: tuple[str, ...]


class RunLine(Answer, frozen=True):
    """One run of the notebook, newest first."""

    run: str
    tier: str
    began: str
    complete: bool
    reads: int
    writes: int


class NotebookRuns(Answer, frozen=True):
    """What the panel shows of a notebook: a verdict with its reasons, what its last run read and wrote, its cells, what was not observed."""

    path: str
    server_path: str
    project: str
    mode: ModeWord
    verdict: VerdictWord
    headline: str
    """One sentence: whether the notebook is in order."""
    reasons: tuple[Reason, ...]
    own: Judged | None
    """The verdict on the notebook's own file; null for one that was never saved."""
    tier: str | None
    tier_meaning: str | None
    run: str | None
    complete: bool
    at: str | None
    rows: tuple[Row, ...]
    rows_left: int
    """Rows beyond the most that are sent."""
    cells: tuple[Cell, ...]
    gone: tuple[int, ...]
    """Execution counts of code that ran and stands in no cell of the file."""
    coverage: tuple[Gap, ...]
    environment: Environment | None
    findings: tuple[Finding, ...]
    runs: tuple[RunLine, ...]
    ledger_size: int
