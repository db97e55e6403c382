"""A notebook's story, from the record of a run and the notebook as it is saved: what ran, in which order, what changed since, what is stale. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.predicates import rfc3339

CellState = Literal["ran", "edited", "stale", "never-run", "unseen"]
Role = Literal["notebook", "input", "output"]


@dataclass(frozen=True, slots=True)
class SavedCell:
    """A code cell as it stands in the file: its id, ``sha256:<hex>`` of its source, and the source."""

    id: str
    code: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a cell, as the run recorded it: with the names of the artifacts that it read."""

    code: str
    cell_id: str | None
    execution_count: int | None
    failed: bool = False
    reads: tuple[str, ...] = ()

    def is_the_same_as(self, other: Execution) -> bool:
        """Whether both are one execution of one cell."""
        return (self.code, self.cell_id, self.execution_count) == (other.code, other.cell_id, other.execution_count)


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
    """What is on record of one run. ``touches`` holds the newest for each operation and name, in the order in which they were first seen.

    ``first`` and ``last`` are when it first and last said something; ``began`` and ``ended`` are None where the record does not say so.
    """

    run: str
    tier: str
    notebook: str | None
    signer: str | None
    first: datetime
    last: datetime
    began: datetime | None = None
    ended: datetime | None = None
    environment: str | None = None
    packages: tuple[str, ...] = ()
    touches: dict[tuple[str, str], Touch] = field(default_factory=dict)
    reads: dict[str, Digest] = field(default_factory=dict)
    """What it was let read, by name; what it wrote itself is no input of it."""
    refused: dict[str, None] = field(default_factory=dict)
    """Names of what it was never let read."""
    writes: dict[str, Digest] = field(default_factory=dict)
    written: set[tuple[str, Digest]] = field(default_factory=set)
    coverage: dict[str, int] | None = None
    made_from: dict[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)
    """The inputs that the provenance of each output names, and whether that is precise."""
    cells: tuple[Any, ...] = ()
    """The executions as the run's last statement has them, with the cells' summaries."""
    _executed: list[Execution] = field(default_factory=list)
    _last_reads: dict[str, None] = field(default_factory=dict)
    """What the last execution read: a cell may read thousands of files, each told by itself."""

    def touched(self, touch: Touch) -> None:
        """One more read or write. What only the provenance of an output tells does not replace what the ledger says."""
        key = (touch.operation, touch.name)
        self.touches[key] = touch if touch.index is not None else self.touches.get(key, touch)
        if touch.operation == "write":
            self.writes.pop(touch.name, None)
            self.writes[touch.name] = touch.digest
            self.written.add((touch.name, touch.digest))
        elif touch.verdict == "block":
            if touch.name not in self.reads:
                self.refused[touch.name] = None
        elif (touch.name, touch.digest) not in self.written:
            self.reads[touch.name] = touch.digest
            self.refused.pop(touch.name, None)

    @property
    def executions(self) -> tuple[Execution, ...]:
        """What ran, in order."""
        self._settle()
        return tuple(self._executed)

    def executed(self, seen: Execution) -> None:
        """One more execution. One that told of several reads and writes is one."""
        if not self._executed or not self._executed[-1].is_the_same_as(seen):
            self._settle()
            self._executed.append(seen)
            self._last_reads = {}
        self._last_reads.update(dict.fromkeys(seen.reads))

    def executed_in_all(self, seen: Iterable[Execution]) -> None:
        """What ran, as the run's last statement has it, in place of what was gathered before."""
        self._executed = list(seen)
        self._last_reads = dict.fromkeys(self._executed[-1].reads) if self._executed else {}

    def _settle(self) -> None:
        if self._executed:
            self._executed[-1] = replace(self._executed[-1], reads=tuple(self._last_reads))

    def made(self, claimed: Mapping[str, frozenset[str]]) -> tuple[MadeFrom, ...]:
        """What each output was made from, and what is ``claimed`` of those of which that is not told precisely."""
        claims = {name: tuple(sorted(inputs)) for name, inputs in claimed.items()}
        return tuple(MadeFrom(name, inputs, precise, None if precise else claims.get(name)) for name, (inputs, precise) in self.made_from.items())

    @property
    def recorded(self) -> tuple[Recorded, ...]:
        """Inputs, then outputs, each as it was last."""
        inputs = [Recorded(name, "input", digest) for name, digest in self.reads.items()]
        return (*inputs, *(Recorded(name, "output", digest) for name, digest in self.writes.items()))


@dataclass(frozen=True, slots=True)
class CellStory:
    """What became of one cell of the file. ``execution_count`` is that of its last execution with this source; ``why`` says what made it stale."""

    id: str
    state: CellState
    execution_count: int | None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One execution in the order in which they happened: the cell of the file that it was, None where it stands in none any more."""

    cell: str | None
    execution_count: int | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """An artifact that the run read or wrote last with this digest."""

    path: str
    role: Role
    digest: Digest


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What an output was made from, as its provenance says; ``precise`` is false where that is all that the run had read.

    ``claimed`` is what the kernel of a supervised run says besides: only these, by its own word. None where it says nothing that can be followed.
    """

    path: str
    inputs: tuple[str, ...]
    precise: bool
    claimed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """An artifact that is not what it was: its digest then and now, None where it is not there any more."""

    path: str
    role: Role
    was: Digest
    now: Digest | None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person's newest decision about the notebook, with what they saw, and what of it has changed since. ``at`` is RFC 3339."""

    decision: str
    by: str
    at: str
    note: str
    saw: tuple[Recorded, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class NotebookStory:
    """A notebook beside the last run that the record knows of it. ``complete`` is false for a run that has not ended, or was killed."""

    path: str
    digest: Digest
    saved: tuple[SavedCell, ...]
    run: str | None = None
    tier: str | None = None
    signer: str | None = None
    began: str | None = None
    ended: str | None = None
    """When it began and ended, RFC 3339, where that is on record."""
    recorded: tuple[Recorded, ...] = ()
    made: tuple[MadeFrom, ...] = ()
    refused: tuple[str, ...] = ()
    """What a cell asked for and the policy did not let it read."""
    executions: tuple[Execution, ...] = ()
    coverage: Mapping[str, int] | None = None
    """What was not seen, by code and count; None where the run has not said."""
    environment: str | None = None
    packages: tuple[str, ...] = ()
    reviews: tuple[Reviewed, ...] = ()
    changes: tuple[Change, ...] = ()
    """What the run read or wrote and is something else now."""

    def of_run(self, found: RecordedRun, claimed: Mapping[str, frozenset[str]] | None = None) -> NotebookStory:
        """The story by one of its runs, not yet beside what lies there now. ``claimed`` are narrower inputs that the cells' summaries tell of its outputs."""
        return replace(
            self,
            run=found.run,
            tier=found.tier,
            signer=found.signer,
            began=None if found.began is None else rfc3339(found.began),
            ended=None if found.ended is None else rfc3339(found.ended),
            recorded=found.recorded,
            made=found.made(claimed or {}),
            refused=tuple(found.refused),
            executions=tuple(found.executions),
            coverage=found.coverage,
            environment=found.environment,
            packages=found.packages,
        )

    @property
    def complete(self) -> bool:
        """True where the run's end is on record: then every cell that ran is known."""
        return self.ended is not None

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(each.path for each in self.recorded if each.role == "input")

    @property
    def writes(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(each.path for each in self.recorded if each.role == "output")

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of inputs and outputs that are not there any more."""
        return tuple(dict.fromkeys(each.path for each in self.changes if each.now is None))

    @property
    def cells(self) -> tuple[CellStory, ...]:
        """What became of each cell, with what changed since."""
        written = {each.path for each in self.recorded if each.role == "output"}
        return cell_stories(self.saved, self.executions, {each.path for each in self.changes if each.role == "input" and each.path not in written})

    @property
    def gone(self) -> tuple[int, ...]:
        """Execution counts of code that ran and stands in no cell of the file."""
        return gone_executions(self.saved, self.executions)

    @property
    def order(self) -> tuple[Step, ...]:
        """The executions in the order in which they happened."""
        return steps(self.saved, self.executions)

    @property
    def in_order(self) -> bool:
        """True where the cells ran once each, from the top of the file to its end."""
        places = {cell.id: place for place, cell in enumerate(self.saved)}
        ran = [places[step.cell] for step in self.order if step.cell is not None]
        return all(earlier < later for earlier, later in pairwise(ran))

    def named(self, state: CellState) -> tuple[str, ...]:
        """The ids of the cells in a state, in the file's order."""
        return tuple(cell.id for cell in self.cells if cell.state == state)

    def beside(self, present: Mapping[str, Digest | None]) -> NotebookStory:
        """The story beside what lies at each name now. A name that is not in ``present`` was not looked at."""
        here = {**present, self.path: self.digest}
        reviews = tuple(replace(each, changes=changed(each.saw, here)) for each in self.reviews)
        return replace(self, changes=changed(self.recorded, here), reviews=reviews)


def changed(recorded: Sequence[Recorded], present: Mapping[str, Digest | None]) -> tuple[Change, ...]:
    """What is not as it was. An input that the run itself overwrote is looked at as the output that it became."""
    outputs = {each.path for each in recorded if each.role == "output"}
    looked = [each for each in recorded if each.path in present and not (each.role == "input" and each.path in outputs)]
    return tuple(Change(each.path, each.role, each.digest, present[each.path]) for each in looked if present[each.path] != each.digest)


def cell_stories(saved: Sequence[SavedCell], executions: Sequence[Execution], altered: Collection[str] = ()) -> tuple[CellStory, ...]:
    """Compare a notebook's cells with what ran; ``altered`` are the names of inputs that changed since.

    A cell *ran* if its source as saved was executed last under its id, or anywhere where the front end gave no ids; it was *edited* if its id
    ran with another source last; it is *stale* if an input that it read changed since, or if a cell above it ran again after it, was edited or is
    stale itself. A cell above the first one that ran is *unseen*: the cell that switches the guard on is not watched itself.
    """
    last_by_id: dict[str, tuple[int, Execution]] = {}
    last_by_code: dict[str, tuple[int, Execution]] = {}
    for order, execution in enumerate(executions):
        if execution.cell_id is not None:
            last_by_id[execution.cell_id] = (order, execution)
        else:
            last_by_code[execution.code] = (order, execution)
    stories: list[CellStory] = []
    newest_above, newest_id = -1, ""
    unsettled: tuple[str, ...] = ()
    for cell in saved:
        found = last_by_id.get(cell.id) or last_by_code.get(cell.code)
        if found is None:
            stories.append(CellStory(cell.id, "never-run", None))
            continue
        order, execution = found
        if execution.code != cell.code:
            stories.append(CellStory(cell.id, "edited", execution.execution_count))
            unsettled = unsettled or (f"{cell.id} above was edited",)
        else:
            ours = tuple(f"{name} changed" for name in execution.reads if name in altered)
            later = (f"{newest_id} above ran later",) if order < newest_above else ()
            why = (*ours, *later, *unsettled)
            stories.append(CellStory(cell.id, "stale" if why else "ran", execution.execution_count, why))
            if ours:
                unsettled = unsettled or (f"{cell.id} above is stale",)
        if order > newest_above:
            newest_above, newest_id = order, cell.id
    first = next((place for place, cell in enumerate(stories) if cell.state != "never-run"), 0)
    return tuple(CellStory(c.id, "unseen", None) if place < first else c for place, c in enumerate(stories))


def gone_executions(saved: Sequence[SavedCell], executions: Sequence[Execution]) -> tuple[int, ...]:
    """Execution counts of code that ran under no id of the file, and whose source stands in none of its cells."""
    ids, codes = {cell.id for cell in saved}, {cell.code for cell in saved}
    return tuple(e.execution_count for e in executions if e.execution_count is not None and e.cell_id not in ids and e.code not in codes)


def steps(saved: Sequence[SavedCell], executions: Sequence[Execution]) -> tuple[Step, ...]:
    """Each execution with the cell of the file that it was: by its id, or by its source where the front end gave none."""
    ids = {cell.id for cell in saved}
    by_code: dict[str, str] = {}
    for cell in saved:
        by_code.setdefault(cell.code, cell.id)
    return tuple(Step(e.cell_id if e.cell_id in ids else by_code.get(e.code), e.execution_count, e.failed) for e in executions)
