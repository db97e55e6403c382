"""How functions of the notebook run: with the arguments of one call, or as somebody may call them who was given them.

Rules kept: functions that are handed to somebody may be called by them, in any order and at any time; an object of a class of the notebook runs that
class's methods in whatever is done with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from jupyter_mlsc.dataflow import tables
from jupyter_mlsc.dataflow.heap import EMPTY, Closure, Frame, Value
from jupyter_mlsc.dataflow.nodes import Func, Stmt
from jupyter_mlsc.dataflow.state import DEEPEST, GaveUpError, State

BEGINNINGS = ("__new__", "__init__", "__post_init__", "__init_subclass__")


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a call, evaluated."""

    args: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    flags: tuple[str, ...] = ()
    spread: bool = False
    more: Value = EMPTY
    """What the callee finds by itself: variables that a query names."""

    @property
    def all(self) -> tuple[Value, ...]:
        """Every value that is handed over."""
        return (*self.args, *(value for _, value in self.keywords), self.more)

    @property
    def mode(self) -> str:
        """The mode in which a file is opened."""
        return next((flag.removeprefix("mode:") for flag in self.flags if flag.startswith("mode:")), "")

    def path(self, place: int) -> Value:
        """The argument that names a file: by place, else by keyword."""
        if place < len(self.args):
            return self.args[place]
        return mixed(value for name, value in self.keywords if name in tables.PATH_KEYWORDS)


NO_ARGUMENTS = Given()


class Runs(Enum):
    """Which functions of what it is given a call may run."""

    ANYTHING = "all"
    ITERATION = "operators, and what `map` and its like call when they are asked"
    OPERATORS = "methods with two underscores, generators and coroutines"


MOST_ROUNDS = 40
"""Times that a loop's body, or what calls back, is followed until nothing changes any more."""


@dataclass
class Pool:
    """Functions that somebody may call, and all that he may call them with; what they call in turn joins them."""

    closures: dict[int, Closure] = field(default_factory=dict)
    given: Value = EMPTY
    result: Value = EMPTY

    def take(self, closures: Iterable[Closure], given: Value) -> None:
        """More functions, and more values."""
        self.closures |= {id(each): each for each in closures}
        self.given |= given


def mixed(values: Iterable[Value]) -> Value:
    """Any of these values."""
    found = EMPTY
    for each in values:
        found |= each
    return found


class Callbacks(State):
    """The part of the analysis that runs functions."""

    def block(self, body: Sequence[Stmt]) -> None:
        """Run statements: the interpreter's."""
        raise NotImplementedError

    def members(self, which: int, name: str) -> Iterable[Value]:
        """What a class or an object of it has under a name: its own and that of each class above."""
        thing = self.heap.things.get(which)
        if thing is None:
            return
        if name in thing.members:
            yield thing.members[name]
        for above in sorted(thing.classes):
            yield from self.members(above, name)

    def invoke(self, closure: Closure, given: Given, this: Value | None, place: object) -> Value:
        """Run a function of the notebook with these arguments; ``place`` tells one call from another. Raises GaveUpError."""
        code = closure.code
        args = given.args if this is None else (this, *given.args)
        bound = self._bound(closure, args, given)
        running = next((frame for key, frame in self._running if key is code), None)
        if running is not None:
            return self._recursive(code, running, bound)
        if len(self.stack) >= DEEPEST:
            raise GaveUpError("calls that are nested too deeply")
        frame = self.enter((id(code), id(closure.frame), self.stack, place), code.locals, closure.frame, code.globals)
        for name, value in bound.items():
            frame.passed[name] = frame.passed[name] | value if frame.again else value
        before = (self.frame, self.stack, self.pc)
        self.frame, self.stack = frame, (*self.stack, place)
        self._running.append((code, frame))
        try:
            while True:
                version, result, passed = self.heap.version, frame.result, dict(frame.passed)
                for name, value in passed.items():
                    frame.names[name] = frame.names.get(name, EMPTY) | value
                self.block(code.body)
                self.pc = before[2]
                if id(code) not in self._recursed or (self.heap.version == version and frame.result == result and frame.passed == passed):
                    break
                self.step()
        finally:
            self._running.pop()
            self.frame, self.stack, self.pc = before
        if code.waits:
            # It may run again, later, with what names hold then.
            which = self.heap.new(self.site("waits", place, id(code)))
            if not self.heap.things[which].functions:
                self.heap.things[which].functions.append(closure)
                self.heap.things[which].libraries.add("builtins")
            self.heap.add(which, parts=mixed((*bound.values(), frame.result)).objects)
            return frame.result | Value(objects=frozenset((which,)))
        return frame.result

    _running: list[tuple[Func, Frame]]

    _recursed: set[int]

    def _recursive(self, code: Func, running: Frame, bound: dict[str, Value]) -> Value:
        self._recursed.add(id(code))
        for name, value in bound.items():
            running.passed[name] = running.passed.get(name, EMPTY) | value
            running.names[name] = running.names.get(name, EMPTY) | value
        return running.result | mixed(bound.values())

    def _bound(self, closure: Closure, args: tuple[Value, ...], given: Given) -> dict[str, Value]:
        code, defaults = closure.code, closure.defaults
        named = dict(given.keywords)
        spread = mixed((*args, *named.values())) if given.spread else EMPTY
        bound = {}
        for place, name in enumerate(code.params):
            if place < len(args) and not given.spread:
                bound[name] = args[place]
            else:
                bound[name] = named.get(name, defaults) | spread
        for name in code.rest:
            over = (value for key, value in given.keywords if key not in code.params) if name.startswith("**") else args[len(code.params) :]
            held = mixed((*over, spread))
            bound[name.lstrip("*")] = self.fresh(self.site(code, name), held.taint, ("builtins",), held.objects)
        return bound

    def call_back(self, node: object, values: Iterable[Value], runs: Runs = Runs.ANYTHING) -> Value:
        """Functions and methods in these values are called by whoever got them, with any of them; what they return."""
        given = mixed(values)
        found = EMPTY
        for symbol in sorted(given.symbols):
            effect, _ = tables.function_effect(symbol)
            if effect == "world":
                found |= self.unknown()
            elif effect in ("read", "lazy"):
                found |= Value(self.read(frozenset()), paths=frozenset())
            elif effect == "write":
                self.write(frozenset(), self.heap.taint(given))
        closures = self._closures(given.objects, runs)
        if not closures:
            return found
        anything = Value(given.taint | self.pc, given.objects)
        pool = self._pool
        if pool is not None:
            pool.take(closures, anything)
            return found | pool.result
        pool = self._pool = Pool()
        pool.take(closures, anything)
        pc, weak = self.pc, self.weak
        try:
            self.weak = weak + 1  # they may be called, or not
            self._settle(node, pool)
        finally:
            self._pool, self.pc, self.weak = None, pc, weak
        return found | pool.result

    def _settle(self, node: object, pool: Pool) -> None:
        """Call what is in the pool, and what that hands on, until nothing changes any more: in whatever order they are called."""
        for _ in range(MOST_ROUNDS):
            version, before = self.heap.version, (pool.given, pool.result, len(pool.closures))
            for closure in list(pool.closures.values()):
                self.pc = pool.given.taint
                every = Given(tuple([pool.given] * (len(closure.code.params) + 1)), (("**", pool.given),))
                pool.result |= self.invoke(closure, every, None, ("back", id(node), id(closure.code)))
            if version == self.heap.version and before == (pool.given, pool.result, len(pool.closures)):
                return
        raise GaveUpError("functions that call each other without settling")

    _pool: Pool | None = None

    def operate(self, node: object, values: Iterable[Value]) -> Value:
        """What the operators, generators and coroutines in these values give."""
        return self.call_back(node, (Value(each.taint, each.objects) for each in values), Runs.OPERATORS)

    def _closures(self, objects: Iterable[int], runs: Runs = Runs.ANYTHING) -> list[Closure]:
        found: dict[int, Closure] = {}
        waiting = list(self.heap.reach(objects))
        seen = set(waiting)
        while waiting:
            thing = self.heap.things[waiting.pop()]
            for closure in thing.functions:
                name = closure.code.name
                is_operator = closure.code.waits or (name.startswith("__") and name not in BEGINNINGS)
                if runs is Runs.ANYTHING or is_operator or (runs is Runs.ITERATION and not thing.is_method):
                    found[id(closure)] = closure
            for each in (*thing.classes, *(which for value in thing.members.values() for which in value.objects)):
                if each not in seen and each in self.heap.things:
                    more = self.heap.reach((each,)) - seen
                    seen |= more
                    waiting.extend(more)
        return list(found.values())
