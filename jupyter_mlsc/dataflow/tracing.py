"""From executions, reads and writes to edges: which reads may have flowed into what was written.

Rules kept: never an edge too few; where the analysis cannot know, the inputs are all reads so far and the reason is said; a pure function of what
it is given, so that a run's record gives the same edges again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from jupyter_mlsc.dataflow import paths as names
from jupyter_mlsc.dataflow.heap import EMPTY, Taint
from jupyter_mlsc.dataflow.interpreter import Interpreter
from jupyter_mlsc.dataflow.nodes import Do, Func, Text
from jupyter_mlsc.dataflow.state import GaveUpError
from jupyter_mlsc.dataflow.summary import CellSummary


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a cell; ``failed`` where it ended with an error, so that any of its statements may not have run."""

    summary: CellSummary
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ReadAt:
    """An artifact was read during an execution. ``is_module`` for the source of a module of the project that was imported."""

    execution: int
    name: str
    is_module: bool = False


@dataclass(frozen=True, slots=True)
class WriteAt:
    """An artifact was written during an execution; ``variable`` is what was saved, where that is known."""

    execution: int
    name: str
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Edges:
    """What one write was made from. ``why`` says why ``precise`` is false."""

    write: WriteAt
    reads: frozenset[ReadAt]
    precise: bool
    why: str = ""


class Tracer:
    """Follows a run execution by execution; `peek` looks at one that still runs."""

    def __init__(self) -> None:
        self._state = Interpreter()
        self._reads: list[ReadAt] = []
        self._lost = ""
        self.followed = 0

    def follow(self, execution: Execution, reads: Sequence[ReadAt], writes: Sequence[WriteAt]) -> list[Edges]:
        """The next execution has ended."""
        found, self._lost = self._run(self._state, execution, reads, writes)
        self._reads.extend(reads)
        self.followed += 1
        return found

    def peek(self, execution: Execution, reads: Sequence[ReadAt], writes: Sequence[WriteAt]) -> list[Edges]:
        """What the next execution has written so far, while it runs."""
        return self._run(copy.deepcopy(self._state) if not self._lost else self._state, execution, reads, writes)[0]

    def _run(self, state: Interpreter, execution: Execution, reads: Sequence[ReadAt], writes: Sequence[WriteAt]) -> tuple[list[Edges], str]:
        here, lost = self.followed, self._lost
        so_far = frozenset((*self._reads, *reads))
        if not lost:
            lost = _followed(state, execution, here, reads)
        known = {(each.execution, each.name): each for each in so_far}
        found = []
        for write in writes:
            taint, why = (None, lost) if lost else _written(state, write)
            if taint is None:
                found.append(Edges(write, so_far, precise=False, why=why))
            else:
                found.append(Edges(write, frozenset(known[each] for each in taint if each in known), precise=True))
                state.files[write.name] = taint
        return found, lost


def trace(executions: Iterable[Execution], reads: Iterable[ReadAt], writes: Iterable[WriteAt]) -> list[Edges]:
    """The edges of a whole run, one for each write, in the order of the writes."""
    tracer = Tracer()
    all_reads, all_writes = list(reads), list(writes)
    found: dict[WriteAt, Edges] = {}
    for index, execution in enumerate(executions):
        mine = [each for each in all_writes if each.execution == index]
        for edges in tracer.follow(execution, [each for each in all_reads if each.execution == index], mine):
            found[edges.write] = edges
    return [found[each] for each in all_writes if each in found]


def _followed(state: Interpreter, execution: Execution, here: int, reads: Sequence[ReadAt]) -> str:
    """Run one execution; why it could not be followed, or an empty text."""
    summary = execution.summary
    if summary.unknown is not None:
        return summary.unknown
    files = frozenset(each.name for each in reads if not each.is_module)
    state.heap.forget_sites()
    state.frames = {}
    state.here, state.reads, state.explained = here, files, set()
    spelled = {*state.spelled, *_texts(summary.body)}
    state.leftover = files - {name for path in spelled for name in files if names.agree(path, name)}
    state.spelled |= {path for each in _functions(summary.body) for path in _texts(each)}
    state.last = EMPTY
    state.candidates, state.fresh_files, state.steps, state.shell = [], set(), 0, False
    state.weak = 1 if execution.failed else 0
    state.heap.add(state.world, taint=[(here, each.name) for each in reads if each.is_module])
    try:
        state.block(summary.body)
        if summary.body and isinstance(summary.body[-1], Do):
            state.heap.add(state.shown, taint=state.heap.taint(state.last), parts=state.last.objects)
        # Functions that somebody unknown has been given may be called at any time: widgets, threads, hooks.
        state.call_back(state, (state.unknown(),))
        state.settle_handles()
    except GaveUpError as err:
        return str(err)
    except RecursionError:
        return "a cell that is nested too deeply"
    finally:
        state.weak = 0
    for name in files:
        state.history.setdefault(name, set()).add(here)
    if files - state.explained:
        return f"no statement of its cell is known to read {min(files - state.explained)}"
    if state.shell:
        state.write(frozenset(), state.all_reads())
    state.forget_unreachable()
    return ""


def _written(state: Interpreter, write: WriteAt) -> tuple[Taint | None, str]:
    """What flowed into a written artifact; None, and why, where no statement is seen to write it."""
    if state.shell:
        return None, "a shell command ran in its cell"
    suits = [each for each in state.candidates if any(names.agree(path, write.name) for path in each.paths)]
    if write.variable is not None:
        # This very variable was saved, whole: nothing else has written that file.
        suits = [each for each in suits if write.variable in each.variables] or suits
    if not suits:
        return None, f"no statement of its cell is known to write {write.name}"
    return frozenset(read for each in suits for read in each.taint), ""


def _texts(body: object) -> Iterable[str]:
    """The file names that code spells."""
    return (node.path for node in _walk(body) if isinstance(node, Text))


def _functions(body: object) -> Iterable[Func]:
    return (node for node in _walk(body) if isinstance(node, Func))


def _walk(body: object) -> Iterable[object]:
    waiting: list[object] = [body]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, tuple):
            waiting.extend(node)
        elif isinstance(node, msgspec.Struct):
            waiting.extend(getattr(node, name) for name in node.__struct_fields__)
