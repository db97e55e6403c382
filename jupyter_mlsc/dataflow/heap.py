"""What variables hold, seen as objects that refer to each other and carry the reads that flowed into them.

Rules kept: an object's reads only grow; what a variable holds is replaced when it is bound anew; whatever may be the same object is the same
object here, so that a change through one name is seen through the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jupyter_mlsc.dataflow.nodes import Func

Taint: TypeAlias = frozenset[tuple[int, str]]
"""Reads: the place of the execution in the run, and the artifact's name."""

NOTHING: Taint = frozenset()
UNKNOWN_LIBRARY = "?"


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression may be: reads, objects, what it names in a library, what file names it may spell."""

    taint: Taint = NOTHING
    objects: frozenset[int] = frozenset()
    symbols: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return self

    def __or__(self, other: Value) -> Value:
        if other in (EMPTY, self):
            return self
        if self == EMPTY:
            return other
        paths = self.paths | other.paths
        if paths and not (self.paths and other.paths):
            paths |= {"*"}  # one of them may spell any name
        return Value(self.taint | other.taint, self.objects | other.objects, self.symbols | other.symbols, paths)

    def tainted(self, taint: Taint) -> Value:
        """The same value with more reads."""
        return self if taint <= self.taint else Value(self.taint | taint, self.objects, self.symbols, self.paths)


EMPTY = Value()


@dataclass(eq=False)
class Frame:
    """Variables of a function that runs, or of a class's body; the notebook's own where ``local`` is None."""

    local: frozenset[str] | None
    parent: Frame | None
    declared: frozenset[str] = frozenset()
    is_class: bool = False
    names: dict[str, Value] = field(default_factory=dict)
    passed: dict[str, Value] = field(default_factory=dict)
    """What it was called with, also by itself."""
    result: Value = EMPTY
    captured: bool = False
    """A function was made in it, which sees its variables later too."""
    again: bool = False
    """It stands for several calls at one place, of which functions may have kept any: nothing in it is replaced."""


@dataclass(eq=False)
class Closure:
    """A function of the notebook: its code, the frame in which it was defined, what its parameters are by default."""

    code: Func
    frame: Frame
    defaults: Value = EMPTY
    kind: str = ""
    """``property``, ``static`` or ``class``; ``other`` for a decorator that may call it with other arguments."""


@dataclass
class Thing:
    """One object: its reads, what it is made of, what it only keeps, the functions in it, the classes it may be an instance of."""

    taint: set[tuple[int, str]] = field(default_factory=set)
    parts: set[int] = field(default_factory=set)
    keeps: set[int] = field(default_factory=set)
    functions: list[Closure] = field(default_factory=list)
    classes: set[int] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    is_method: bool = False
    """It stands in a class's body."""
    writes: set[str] = field(default_factory=set)
    """Names of files that it is open to write, ``*`` for one that is not known."""
    reads: set[str] = field(default_factory=set)
    """Names of files that it reads when it is asked to."""
    members: dict[str, Value] = field(default_factory=dict)
    """Of a class: what its body binds."""


class Heap:
    """All objects. ``version`` grows with every change, so that a loop knows when nothing changes any more."""

    def __init__(self) -> None:
        self.things: dict[int, Thing] = {}
        self.version = 0
        self._next = 0
        self._sites: dict[tuple[object, ...], int] = {}

    def new(self, site: tuple[object, ...], libraries: Iterable[str] = ()) -> int:
        """The object that is made at a place in the code: the same one each time that a loop comes by."""
        found = self._sites.get(site)
        if found is None:
            found = self._sites[site] = self._next
            self._next += 1
            self.things[found] = Thing()
            self.version += 1
        self.add(found, libraries=libraries)
        return found

    def forget_sites(self) -> None:
        """A new execution makes new objects."""
        self._sites.clear()

    def add(
        self, which: int, *, taint: Iterable[tuple[int, str]] = (), parts: Iterable[int] = (), keeps: Iterable[int] = (), libraries: Iterable[str] = ()
    ) -> None:
        """Let an object grow."""
        thing = self.things[which]
        before = len(thing.taint) + len(thing.parts) + len(thing.keeps) + len(thing.libraries)
        thing.taint.update(taint)
        thing.parts.update(parts)
        thing.keeps.update(keeps)
        thing.libraries.update(libraries)
        self.version += len(thing.taint) + len(thing.parts) + len(thing.keeps) + len(thing.libraries) - before

    def reach(self, objects: Iterable[int], *, keeps: bool = True) -> set[int]:
        """Objects and all that they refer to; without ``keeps``, what they are made of."""
        found = set(objects)
        waiting = list(found)
        while waiting:
            thing = self.things[waiting.pop()]
            for each in (*thing.parts, *thing.keeps) if keeps else thing.parts:
                if each not in found:
                    found.add(each)
                    waiting.append(each)
        return found

    def taint(self, value: Value) -> Taint:
        """All reads that flowed into a value and into whatever it refers to."""
        if not value.objects:
            return value.taint
        found = set(value.taint)
        for each in self.reach(value.objects):
            found |= self.things[each].taint
        return frozenset(found)

    def libraries(self, objects: Iterable[int]) -> set[str]:
        """The libraries that made these objects."""
        return {name for each in objects for name in self.things[each].libraries}
