"""All that is known between two executions of cells, and what every part of the analysis does with it.

Rules kept: what a name holds, what objects carry, what lies in files that no rule governs; the reads of the execution that runs are handed out
only through `read`, so that one that nothing explains is noticed.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field

from jupyter_mlsc.dataflow import paths as names
from jupyter_mlsc.dataflow import tables
from jupyter_mlsc.dataflow.heap import EMPTY, NOTHING, Frame, Heap, Taint, Value

MOST_STEPS = 60_000
"""Steps for one execution; people's cells take some hundreds."""
DEEPEST = 30
"""Calls within calls that are followed."""
_SHOWN = ("_", "__", "___", "Out", "_oh")
_BUILTINS = frozenset(dir(builtins)) | {"display", "get_ipython", "__name__", "__file__", "__doc__"}


class GaveUpError(Exception):
    """The analysis stops following: the rest of the run falls back to all inputs."""


@dataclass
class Candidate:
    """A statement that may have written a file: its names as spelled, and what flowed into it."""

    paths: frozenset[str]
    taint: Taint
    variables: frozenset[str] = frozenset()


@dataclass
class State:
    """The memory of the analysis."""

    heap: Heap = field(default_factory=Heap)
    world: int = 0
    shown: int = 0
    globals: Frame = field(default_factory=lambda: Frame(None, None))
    files: dict[str, Taint] = field(default_factory=dict)
    """What was written to files in this run, by the name as spelled."""
    kept: dict[str, int] = field(default_factory=dict)
    raised: Value = EMPTY
    """What an error that is being handled may hold."""
    """What libraries keep between calls."""
    stars: set[str] = field(default_factory=set)
    history: dict[str, set[int]] = field(default_factory=dict)
    """In which executions an artifact was read."""
    classes: set[int] = field(default_factory=set)
    spelled: set[str] = field(default_factory=set)
    """File names in the code of functions, which later cells may call."""
    here: int = 0
    reads: frozenset[str] = frozenset()
    leftover: frozenset[str] = frozenset()
    explained: set[str] = field(default_factory=set)
    candidates: list[Candidate] = field(default_factory=list)
    fresh_files: set[str] = field(default_factory=set)
    frame: Frame = field(init=False)
    frames: dict[tuple[object, ...], Frame] = field(default_factory=dict)
    pc: Taint = NOTHING
    weak: int = 0
    steps: int = 0
    stack: tuple[object, ...] = ()
    assigned: list[dict[str, Value]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frame = self.globals
        self.world = self.heap.new(("world",), ("?",))
        self.shown = self.heap.new(("shown",), ("builtins",))

    # names

    def look_up(self, name: str) -> Value:
        """What a name holds now. Raises GaveUpError for a name by which code reaches any other."""
        frame: Frame | None = self.frame
        while frame is not None:
            if (frame.local is None or name in frame.local) and name not in self.frame.declared and name in frame.names:
                return frame.names[name]
            frame = frame.parent
        if name in self.globals.names:
            return self.globals.names[name]
        if name in _SHOWN or (name[:1] == "_" and name[1:].isdigit()):
            return Value(objects=frozenset((self.shown,)))
        if name.startswith("*"):
            return self.raised if name == "*raised*" else Value(symbols=frozenset((name,)))
        symbols = {f"builtins.{name}"} if name in _BUILTINS else set()
        for star in self.stars:
            symbols.add(f"{star}.{name}")
        known = symbols and all(symbol.partition(".")[0] in tables.LIBRARIES for symbol in symbols)
        # A name that nothing here bound: it was there before, or a star import brought it.
        return self.symbol_value(symbols) if known else self.symbol_value(symbols) | self.unknown()

    def all_reads(self) -> Taint:
        """Whatever was read in this run so far."""
        return frozenset((when, name) for name, times in self.history.items() for when in times) | {(self.here, name) for name in self.reads}

    def unknown(self) -> Value:
        """What nothing is known of."""
        return Value(objects=frozenset((self.world,)))

    def symbol_value(self, symbols: Iterable[str]) -> Value:
        """Names of libraries as a value. Raises GaveUpError."""
        found = frozenset(symbols)
        for symbol in found:
            if symbol in tables.UNKNOWABLE or symbol.partition(".")[0] in tables.UNKNOWABLE:
                raise GaveUpError(f"{symbol.removeprefix('builtins.')} was used")
        return Value(symbols=found)

    def bind(self, name: str, value: Value) -> None:
        """Bind a name where Python would."""
        value = value.tainted(self.pc)
        frame = self._home(name)
        for log in self.assigned:
            log[name] = log[name] | value if name in log else value
        old = frame.names.get(name)
        is_weak = self.weak > 0 or frame.again or (frame is not self.frame and frame is not self.globals)
        new = value if old is None or not is_weak else old | value
        if new != old:
            frame.names[name] = new

    def enter(self, key: tuple[object, ...], local: Iterable[str], parent: Frame, declared: Iterable[str] = ()) -> Frame:
        """The variables of a call; those of an earlier one at the same place, where a function that was made then may still see them."""
        found = self.frames.get(key)
        if found is None or not found.captured:
            found = self.frames[key] = Frame(frozenset(local), parent, frozenset(declared))
        else:
            found.again = True
        return found

    def unbind(self, name: str) -> None:
        """``del`` of a name."""
        if not self.weak and not self._home(name).again:
            self._home(name).names.pop(name, None)

    def _home(self, name: str) -> Frame:
        frame: Frame | None = self.frame
        if name in self.frame.declared:
            return self.globals
        while frame is not None:
            if frame.local is None or name in frame.local:
                return frame
            frame = frame.parent
        return self.globals

    # objects

    def site(self, node: object, *more: object) -> tuple[object, ...]:
        """The place of an object's making: the code and the calls that led there."""
        return (id(node), self.stack, *more)

    def fresh(self, site: tuple[object, ...], taint: Taint, libraries: Iterable[str], parts: Iterable[int] = ()) -> Value:
        """A new object as a value."""
        made = self.heap.new(site, libraries)
        self.heap.add(made, taint=taint | self.pc, parts=parts)
        return Value(objects=frozenset((made,)))

    def change(self, objects: Iterable[int], taint: Taint, *, parts: Iterable[int] = (), keeps: Iterable[int] = ()) -> None:
        """Objects are changed in place."""
        taint, parts, keeps = taint | self.pc, tuple(parts), tuple(keeps)
        for each in objects:
            self.heap.add(each, taint=taint, parts=parts, keeps=keeps)

    def step(self) -> None:
        """Count. Raises GaveUpError."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise GaveUpError("a cell that is too large to follow")

    # files

    def read(self, spelled: frozenset[str]) -> Taint:
        """What may come out of files with these names, as spelled in the code; an empty set is any file."""
        self.flush()
        anything = not spelled or names.ANY in spelled
        found: set[tuple[int, str]] = set()
        for path in spelled - {names.ANY}:
            matched = {name for name in self.reads if names.agree(path, name)}
            if not matched:
                matched = set(self.leftover)
                found |= {(when, name) for name, times in self.history.items() if names.agree(path, name) for when in times}
            self.explained |= matched
            found |= {(self.here, name) for name in matched}
        if anything:
            self.explained |= self.reads
            found |= {(self.here, name) for name in self.reads}
        for written, taint in self.files.items():
            if anything or any(names.agree(path, written) for path in spelled):
                # What lay under a name on record before this cell is known; only what is not on record may come from anywhere.
                if written == names.ANY and not anything and names.ANY not in self.fresh_files and all(self._on_record(path) for path in spelled):
                    continue
                found |= taint
        return frozenset(found)

    def _on_record(self, path: str) -> bool:
        return any(names.agree(path, name) for name in (*self.reads, *self.history))

    def write(self, spelled: frozenset[str], taint: Taint, variables: frozenset[str] = frozenset()) -> None:
        """Something flows into files with these names; an empty set is any file."""
        spelled = spelled or frozenset((names.ANY,))
        taint |= self.pc
        self.candidates.append(Candidate(spelled, taint, variables))
        for path in spelled:
            first = path not in self.fresh_files and len(spelled) == 1 and "*" not in path and not self.weak and not self.pc and not self.stack
            before = NOTHING if first else self.files.get(path, NOTHING)
            if before | taint != self.files.get(path):
                self.files[path] = before | taint
                self.heap.version += 1
            self.fresh_files.add(path)

    def flush(self) -> None:
        """What was put into open files lies in them."""
        for which, thing in self.heap.things.items():
            if thing.writes:
                taint = self.heap.taint(Value(objects=frozenset((which,))))
                for path in thing.writes:
                    if not taint <= self.files.get(path, NOTHING):
                        self.files[path] = self.files.get(path, NOTHING) | taint
                        self.heap.version += 1

    def settle_handles(self) -> None:
        """At an execution's end: files that are open to write may have been written."""
        self.flush()
        for which, thing in self.heap.things.items():
            if thing.writes:
                self.candidates.append(Candidate(frozenset(thing.writes), self.heap.taint(Value(objects=frozenset((which,))))))

    def forget_unreachable(self) -> None:
        """Keep what names, libraries and the unknown refer to."""
        roots = {self.world, self.shown, *self.kept.values(), *self.classes}
        frames = [self.globals]
        seen: set[int] = set()
        pending = set(roots)
        while frames or pending:
            for frame in frames:
                if id(frame) not in seen:
                    seen.add(id(frame))
                    for value in frame.names.values():
                        pending |= value.objects
            frames = []
            reached = self.heap.reach(pending | roots)
            pending = set()
            roots = reached
            for each in reached:
                for closure in self.heap.things[each].functions:
                    frame_: Frame | None = closure.frame
                    while frame_ is not None:
                        if id(frame_) not in seen:
                            frames.append(frame_)
                        frame_ = frame_.parent
        # A file that is open stays open while something refers to it; what was flushed lies in the file.
        self.heap.things = {which: thing for which, thing in self.heap.things.items() if which in roots}
        self.classes &= set(self.heap.things)
