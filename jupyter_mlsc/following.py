"""A run's executions as cell-precise lineage needs them: what each cell's code does to names, what it read, what it wrote.

Rules kept: a cell is analysed when the first output needs it, so that one that reads and writes no artifact costs nothing while it runs; the
edges depend on nothing but what the run's last statement says, so that they can be computed again from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest

if TYPE_CHECKING:  # imported where something is written: a kernel's start must not wait for the analysis
    from jupyter_mlsc.dataflow import CellSummary, Edges, Execution, ReadAt, Tracer, WriteAt

MOST_CELLS = 20_000
"""Executions that a run's last statement lists; a loop that drives a kernel for days must not grow it without end."""
MOST_FOLLOWED = 5_000
"""Executions of another's record that are followed for a person who looks at it."""
LARGEST_CLAIM = 64_000
"""Bytes of a summary that another process claims; those that are made here are smaller."""
LARGEST_RECORD = 4 << 20
"""Bytes of summaries in a run's last statement; what comes after is listed without."""


@dataclass
class _Executed:
    """One execution: its source until somebody asks for the summary."""

    body: predicates.CellBody
    flow: CellSummary | str | None
    failed: bool = False
    claimed: dict[str, Any] | None = None
    """A summary as another process says it: kept as it came, and read by whoever wants to know what it claims."""
    reads: dict[str, set[Digest]] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    writes: list[WriteAt] = field(default_factory=list)

    def summary(self) -> CellSummary:
        from jupyter_mlsc.dataflow import from_record, summarize

        if isinstance(self.flow, str):
            self.flow = summarize(self.flow)
        return from_record(None) if self.flow is None else self.flow

    def execution(self) -> Execution:
        from jupyter_mlsc.dataflow import Execution

        return Execution(self.summary(), self.failed)


class Following:
    """The executions of one run, in order. Its run sees to it that one thread at a time comes here."""

    def __init__(self) -> None:
        self._executed: list[_Executed] = []
        self._before: dict[str, set[Digest]] = {}
        self._over = False

    @cached_property
    def _tracer(self) -> Tracer:
        from jupyter_mlsc.dataflow import Tracer

        return Tracer()

    def begin(self, body: predicates.CellBody, flow: CellSummary | str | None) -> None:
        """The next execution begins; ``flow`` is its summary, or its source."""
        if len(self._executed) < MOST_CELLS:
            self._executed.append(_Executed(body, flow))
        else:
            self._over = True

    def failed(self) -> None:
        """The execution that runs ends with an error."""
        if self._executed:
            self._executed[-1].failed = True

    def claim(self, flow: dict[str, Any] | None, *, failed: bool) -> None:
        """The execution that runs ends, as its kernel says; ``flow`` is the summary that it claims, and is dropped where it is larger than any is."""
        import msgspec

        if self._executed:
            last = self._executed[-1]
            last.claimed = flow if flow is not None and len(msgspec.json.encode(flow)) <= LARGEST_CLAIM else None
            last.failed = failed

    def drop_claims(self) -> None:
        """What kernels claimed of their cells is not to be used."""
        for each in self._executed:
            each.claimed = None

    def read(self, name: str, digest: Digest, *, is_module: bool = False) -> None:
        """The execution that runs reads an artifact, or imports a module of the project."""
        if not self._executed:
            self._before.setdefault(name, set()).add(digest)
            return
        now = self._executed[-1]
        now.reads.setdefault(name, set()).add(digest)
        if is_module:
            now.modules.add(name)

    def inputs_of(self, name: str, variable: str | None) -> frozenset[tuple[str, Digest]] | None:
        """What the execution that runs made an output from; None where that cannot be known, and all reads so far stand for it."""
        if not self._executed or self._over or self._before:
            return None
        from jupyter_mlsc.dataflow import WriteAt

        write = WriteAt(len(self._executed) - 1, name, variable)
        self._catch_up()
        now = self._executed[-1]
        (edges,) = [e for e in self._tracer.peek(now.execution(), self._reads(len(self._executed) - 1), [*now.writes, write]) if e.write is write]
        if not edges.precise:
            return None
        return frozenset((each.name, digest) for each in edges.reads for digest in self._executed[each.execution].reads[each.name])

    def wrote(self, name: str, variable: str | None) -> None:
        """The execution that runs has written an artifact."""
        from jupyter_mlsc.dataflow import WriteAt

        if self._executed:
            self._executed[-1].writes.append(WriteAt(len(self._executed) - 1, name, variable))

    def _catch_up(self) -> None:
        for index in range(self._tracer.followed, len(self._executed) - 1):
            each = self._executed[index]
            self._tracer.follow(each.execution(), self._reads(index), each.writes)

    def _reads(self, index: int) -> list[ReadAt]:
        from jupyter_mlsc.dataflow import ReadAt

        each = self._executed[index]
        return [ReadAt(index, name, name in each.modules) for name in each.reads]

    def cells(self) -> Iterator[predicates.CellBody]:
        """Every execution as the run's last statement lists it."""
        import msgspec

        from jupyter_mlsc.dataflow import to_record

        left = LARGEST_RECORD
        for each in self._executed:
            found = each.claimed if each.flow is None else to_record(each.summary())
            flow = None if left <= 0 else found
            left -= len(msgspec.json.encode(flow))
            reads = tuple(predicates.CellRead(name, name in each.modules) for name in each.reads)
            writes = tuple(predicates.CellWrite(write.name, write.variable) for write in each.writes)
            yield msgspec.structs.replace(each.body, failed=each.failed, reads=reads, writes=writes, flow=flow)


def edges_of(cells: Sequence[predicates.CellBody]) -> list[Edges]:
    """The edges of a run's outputs, computed again from the cells of its last statement: one for each write, in order."""
    from jupyter_mlsc.dataflow import Execution, ReadAt, Tracer, WriteAt, from_record

    tracer = Tracer()
    found: list[Edges] = []
    for index, cell in enumerate(cells):
        reads = [ReadAt(index, each.name, each.module) for each in cell.reads]
        writes = [WriteAt(index, each.name, each.variable) for each in cell.writes]
        found.extend(tracer.follow(Execution(from_record(cell.flow), cell.failed), reads, writes))
    return found


def claimed_inputs(cells: Sequence[predicates.CellBody]) -> dict[str, frozenset[str]]:
    """For each output whose way the cells' summaries tell: the names of the inputs whose values may have reached it when it was written last.

    Of a supervised run that is its kernel's own word, which may name too few: it stands beside the inputs of record and takes none of them away.
    """
    if len(cells) > MOST_FOLLOWED or not any(cell.flow is not None for cell in cells):
        return {}
    found: dict[str, frozenset[str]] = {}
    for edges in edges_of(cells):
        found.pop(edges.write.name, None)
        if edges.precise:
            found[edges.write.name] = frozenset(each.name for each in edges.reads)
    return found
