"""What a call does: of the notebook's own functions what their code does, of well-known ones what the tables say, of others anything.

Rules kept: functions that are handed to somebody may be called by them; an object of a class of the notebook runs that class's methods in whatever
is done with it; an unknown call may change, mix and keep all that it can reach, read any file of its cell and write any file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from jupyter_mlsc.dataflow import paths as names
from jupyter_mlsc.dataflow import tables
from jupyter_mlsc.dataflow.heap import EMPTY, NOTHING, UNKNOWN_LIBRARY, Closure, Frame, Taint, Value
from jupyter_mlsc.dataflow.listed import Effect
from jupyter_mlsc.dataflow.nodes import Call, Func, Name, Stmt
from jupyter_mlsc.dataflow.state import DEEPEST, GaveUpError, State

_BEGINNINGS = ("__new__", "__init__", "__post_init__", "__init_subclass__")
_PASSIVE = frozenset(("builtins", "joblib", "pickle", "json", "os", "pathlib"))
_PATH_METHODS = frozenset(("read_text", "read_bytes", "open", "write_text", "write_bytes", "rename", "replace", "iterdir", "glob", "rglob", "joinpath"))


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


class Calls(State):
    """The part of the analysis that knows calls."""

    def block(self, body: Sequence[Stmt]) -> None:
        """Run statements: the interpreter's."""
        raise NotImplementedError

    def call(self, node: Call, func: Value, given: Given) -> Value:
        """Call a value."""
        self.step()
        found = [self._call_symbol(node, symbol, given) for symbol in sorted(func.symbols)]
        opaque = set()
        for which in sorted(func.objects):
            thing = self.heap.things[which]
            if thing.members or which in self.classes:
                found.append(self._instantiate(node, which, given))
            elif thing.functions and not thing.libraries:
                found.extend(self.invoke(closure, given, None, id(node)) for closure in thing.functions)
            else:
                opaque.add(which)
        if opaque or not found:
            found.append(self._call_opaque(node, func, opaque, given))
        return mixed(found).tainted(self.heap.taint(Value(func.taint)))

    def call_method(self, node: Call, receiver: Value, name: str, given: Given) -> Value:
        """Call a method of a value."""
        self.step()
        if receiver.paths and name in _PATH_METHODS and not receiver.objects:
            return self._path_method(node, receiver, name, given)
        found = [self._call_symbol(node, f"{symbol}.{name}", given, receiver) for symbol in sorted(receiver.symbols)]
        others = set()
        for which in sorted(receiver.objects):
            members = list(self.members(which, name))
            this = Value(receiver.taint, frozenset((which,)))
            for member in members:
                found.extend(self._call_member(node, member, this, given, by_class=which in self.classes))
            thing = self.heap.things[which]
            if not members or thing.libraries - {"notebook"}:
                others.add(which)
        if others or not found:
            found.append(self._library_method(node, Value(receiver.taint, frozenset(others), paths=receiver.paths), name, given))
        return mixed(found).tainted(receiver.taint)

    def _call_member(self, node: Call, member: Value, this: Value, given: Given, *, by_class: bool = False) -> list[Value]:
        found = []
        for which in sorted(member.objects):
            thing = self.heap.things[which]
            for closure in thing.functions:
                if closure.kind == "other":
                    every = Given((this, *given.args), given.keywords, given.flags, spread=True)
                    found.append(self.invoke(closure, every, None, id(node)))
                else:
                    bound = closure.kind == "class" or (closure.kind != "static" and not by_class)
                    found.append(self.invoke(closure, given, this if bound else None, id(node)))
            if not thing.functions or thing.libraries:
                found.append(self._call_opaque(node, member | this, {which}, Given((*given.args, this), given.keywords, given.flags)))
        return found

    def members(self, which: int, name: str) -> Iterable[Value]:
        """What a class or an object of it has under a name: its own and that of each class above."""
        thing = self.heap.things.get(which)
        if thing is None:
            return
        if name in thing.members:
            yield thing.members[name]
        for above in sorted(thing.classes):
            yield from self.members(above, name)

    def _instantiate(self, node: Call, made_of: int, given: Given) -> Value:
        class_ = self.heap.things[made_of]
        this = self.fresh(self.site(node, "instance", made_of), NOTHING, {"notebook", *class_.libraries})
        (which,) = this.objects
        self.heap.things[which].classes.add(made_of)
        begins = [each for name in _BEGINNINGS for each in self.members(made_of, name)]
        results = [value for each in begins for value in self._call_member(node, each, this, given)]
        if not begins or class_.libraries:
            passed = mixed((*given.all, *results))
            self.change(this.objects, passed.taint, parts=passed.objects)
        if UNKNOWN_LIBRARY in class_.libraries:
            return self._call_world(node, mixed((this, *given.all))) | this
        return this

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

    # what the tables know

    def _call_symbol(self, node: Call, symbol: str, given: Given, receiver: Value = EMPTY) -> Value:
        if symbol == "builtins.super":
            first = next((name for name in ("self", "cls") if name in self.frame.names), None)
            return self.unknown() if first is None else self.frame.names[first]
        self.symbol_value((symbol,))
        if symbol in tables.PATH_BUILDERS or (symbol == "builtins.str" and mixed(given.args).paths):
            return self._spelled(given)
        effect, key = tables.function_effect(symbol)
        library = symbol.partition(".")[0]
        if any(name in tables.IN_PLACE for name in given.flags):
            targets = [value for name, value in given.keywords if name in tables.IN_PLACE]
            self.change(mixed(targets).objects, self._taint_of(given), parts=mixed(given.all).objects)
        return self._apply(node, effect, Value(), given, library, key, symbol)

    def _library_method(self, node: Call, receiver: Value, name: str, given: Given) -> Value:
        libraries = self.heap.libraries(receiver.objects)
        in_place = "inplace" in given.flags or any(key == "**" for key, _ in given.keywords)
        if not receiver.objects:
            libraries = {"builtins"}
            effect = tables.METHODS.get(name, "view")
            effect = effect if effect in ("fresh", "write") else "view"
        else:
            effect = tables.method_effect(name, libraries - {"notebook"}, in_place=in_place)
        if effect == "state" and not libraries & {"pandas", "polars"}:
            effect = "fit"
        return self._apply(node, effect, receiver, given, "", "matplotlib" if effect == "state" else "", name, libraries)

    def _apply(self, node: Call, effect: Effect, receiver: Value, given: Given, library: str, key: str, name: str, libraries: Iterable[str] = ()) -> Value:
        made = set(libraries) - {"notebook"} or {library}
        if effect == "world":
            return self._call_world(node, mixed((receiver, *given.all)), name)
        # What prints, counts or pickles an object runs only its operators.
        runs = Runs.ITERATION if library in _PASSIVE and effect in ("fresh", "write", "read") else Runs.ANYTHING
        called = self.call_back(node, (receiver, *given.all), runs)
        passed = mixed((*given.all, called))
        taint = self._taint_of(given) | self.heap.taint(called) | self.heap.taint(receiver)
        same = Value(called.taint, called.objects)
        match effect:
            case "fresh":
                return self.fresh(self.site(node, name), taint, made, called.objects) | same
            case "view":
                # ``d.get(k, default)`` is the default, ``df.pipe(f)`` what the function gave.
                return self.inside(receiver).tainted(taint) | self.fresh(self.site(node, name), taint, made, passed.objects) | Value(objects=passed.objects)
            case "holds":
                return self.fresh(self.site(node, name), taint, made, passed.objects | receiver.objects) | same
            case "element":
                return Value(taint, frozenset(self.heap.reach(passed.objects | receiver.objects)), passed.symbols, passed.paths)
            case "into":
                self.change(receiver.objects, self._taint_of(given), parts=passed.objects | self.hidden(passed))
                return self.inside(receiver) | passed
            case "train":
                self.change(self.heap.reach(receiver.objects, keeps=False), taint)
                self.change(receiver.objects, taint, keeps=passed.objects)
                return self.inside(receiver) | same
            case "fit":
                self.change(self.heap.reach(receiver.objects, keeps=False), taint)
                self.change(receiver.objects, taint, parts=passed.objects | self.hidden(passed))
                return self.inside(receiver) | self.fresh(self.site(node, name), taint, made, passed.objects) | Value(objects=passed.objects)
            case "scribble":
                first = given.args[0] if given.args else passed
                rest = mixed((*given.args[1:], *(v for _, v in given.keywords), called))
                self.change(self.heap.reach(first.objects, keeps=False), taint, parts=rest.objects)
                return first.tainted(taint)
            case "state":
                return self._call_state(node, key, name, taint, passed | receiver, given)
            case "read" | "lazy":
                return self._call_reader(node, effect, receiver, given, taint, made, name)
            case "write":
                return self._call_writer(node, receiver, given, taint, made, name)
            case "copy-file":
                source, target = given.path(0), given.path(1)
                self.write(target.paths, self.read(source.paths) | taint)
                return Value(taint, paths=target.paths)

    def inside(self, value: Value) -> Value:
        """A value and what it is made of: what a method gives may be either."""
        return Value(value.taint, frozenset(self.heap.reach(value.objects, keeps=False)), value.symbols, value.paths)

    def hidden(self, value: Value) -> frozenset[int]:
        """The unknown, where functions of libraries that change their arguments are put into something and may be called from there."""
        effects = {tables.function_effect(symbol)[0] for symbol in value.symbols}
        return frozenset((self.world,)) if effects & {"scribble", "state", "world"} else frozenset()

    def _taint_of(self, given: Given) -> Taint:
        return self.heap.taint(mixed(given.all)) | self.pc

    def _spelled(self, given: Given) -> Value:
        pieces = [sorted(value.paths) or [names.ANY] for value in given.args]
        if len(pieces) == 1:
            spelled = frozenset(pieces[0])
        else:
            spelled = frozenset((names.glue((piece[0] if len(piece) == 1 else names.ANY for piece in pieces), joined=True),))
        taint = self._taint_of(given)
        return Value(taint, paths=spelled or frozenset((names.ANY,)))

    def _call_state(self, node: object, key: str, name: str, taint: Taint, passed: Value, given: Given = NO_ARGUMENTS) -> Value:
        last = name.rpartition(".")[2]
        if key == "matplotlib":
            named = given.args if last == "figure" else [each for each in given.args if each.objects]
            begins = last in ("figure", "subplots", "subplot_mosaic") and not named and "num" not in given.flags and not self.weak
            which = self.heap.new(self.site(node, "figure") if begins else ("kept", key), ("matplotlib",))
            if begins or key not in self.kept:
                self.kept[key] = which
            which = self.kept[key]
            figure = Value(taint, frozenset((which,)))
            if last in ("savefig", "imsave"):
                self.write(given.path(0).paths, self.heap.taint(figure))
                return figure
            self.change((which,), taint, keeps=passed.objects)
            return figure
        which = self.kept.setdefault(key, -1)
        if which < 0:
            which = self.kept[key] = self.heap.new(("kept", key), (key,))
        keeps_it = key != "random" or last in ("seed", "set_state", "setstate", "manual_seed")
        if keeps_it:
            self.change((which,), taint, keeps=passed.objects)
        if last == "shuffle":
            self.change(self.heap.reach(passed.objects, keeps=False), taint)
        return self.inside(passed) | self.fresh(
            self.site(node, name), taint | self.heap.taint(Value(objects=frozenset((which,)))), {name.partition(".")[0]}, passed.objects
        )

    def _call_reader(self, node: Call, effect: str, receiver: Value, given: Given, taint: Taint, made: set[str], name: str) -> Value:
        mode = given.mode
        passed = mixed(given.all)
        where = given.path(0) if not receiver.paths else Value(paths=receiver.paths)
        handles = [self.heap.things[each] for each in where.objects | receiver.objects]
        opened = {path for thing in handles for path in thing.reads}
        spelled = where.paths or frozenset(opened)
        reads = not mode or "r" in mode or "+" in mode or "a" in mode
        is_text = effect == "read" and name.endswith(".loads")
        if reads and not is_text:
            taint |= self.read(spelled)
        value = self.fresh(self.site(node, name), taint, made, passed.objects | receiver.objects)
        (which,) = value.objects
        thing = self.heap.things[which]
        thing.reads |= spelled
        if (mode and mode.strip("rbtU")) or name in ("sqlite3.connect", "duckdb.connect", "sqlalchemy.create_engine"):
            thing.writes |= spelled or {names.ANY}
        if name.partition(".")[0] in ("pickle", "joblib", "dill", "cloudpickle", "torch", "skops") or name in ("jupyter_mlsc.load", "*mlsc_load*"):
            thing.classes |= self.classes  # it may be an object of a class of the notebook
        return value

    def _call_writer(self, node: Call, receiver: Value, given: Given, taint: Taint, made: set[str], name: str) -> Value:
        is_method = "." not in name and not name.startswith("*")
        place = 0 if is_method or name in tables.PATH_FIRST else 1
        if name.startswith("to_") and name in ("to_sql",):
            place = 1
        where = given.path(place)
        if is_method and where == EMPTY and not given.args and not receiver.paths:
            return self.fresh(self.site(node, name), taint, made)  # gives the text
        handles = {
            each for each in where.objects if self.heap.things[each].writes or self.heap.things[each].libraries & {"sqlite3", "duckdb", "sqlalchemy", "io"}
        }
        if handles:
            self.change(handles, taint)
        if not handles or where.paths:
            told = given.args[0] if given.args and not is_method else receiver
            self.write(where.paths or receiver.paths, taint, self._names_of(node, told))
        value = self.fresh(self.site(node, name), taint, made, receiver.objects)
        if name in ("pandas.ExcelWriter", "pandas.HDFStore", "pyarrow.parquet.ParquetWriter", "pyarrow.OSFile", "csv.writer", "csv.DictWriter"):
            (which,) = value.objects
            self.heap.things[which].writes |= where.paths or ({names.ANY} if not handles else set())
            self.heap.add(which, parts=handles)
            for each in handles:
                self.heap.things[which].writes |= self.heap.things[each].writes
        return value

    @staticmethod
    def _names_of(node: Call, told: Value) -> frozenset[str]:
        del told
        return frozenset(each.id for each in node.args[:1] if isinstance(each, Name))

    def _path_method(self, node: Call, receiver: Value, name: str, given: Given) -> Value:
        if name in ("rename", "replace"):
            target = given.path(0)
            if not target.paths and target == EMPTY:
                return Value(receiver.taint, paths=frozenset((names.ANY,)))  # str.replace
            self.write(target.paths, self.read(receiver.paths) | receiver.taint)
            return Value(receiver.taint, paths=target.paths | {names.ANY})
        if name in ("iterdir", "glob", "rglob", "joinpath"):
            pieces = (*receiver.paths, names.ANY) if len(receiver.paths) == 1 else (names.ANY,)
            return Value(receiver.taint | self._taint_of(given), paths=frozenset((names.glue(pieces, joined=True),)))
        if name in ("write_text", "write_bytes"):
            self.write(receiver.paths, self._taint_of(given))
            return EMPTY
        return self._call_reader(node, "read", receiver, given, receiver.taint | self._taint_of(given), {"builtins"}, name)

    # what nothing is known of

    def _call_opaque(self, node: Call, func: Value, opaque: set[int], given: Given) -> Value:
        libraries = self.heap.libraries(opaque) - {"notebook"}
        if not opaque or UNKNOWN_LIBRARY in libraries:
            return self._call_world(node, mixed((func, *given.all)))
        callee = Value(func.taint, frozenset(opaque))
        called = self.call_back(node, (callee, *given.all))
        passed = mixed((*given.all, called))
        taint = self._taint_of(given) | self.heap.taint(callee) | self.heap.taint(called)
        self.change(self.heap.reach(opaque, keeps=False), taint)
        self.change(opaque, taint, keeps=passed.objects, parts=self.hidden(passed))
        return called | self.fresh(self.site(node, "called"), taint, libraries or {"builtins"}, passed.objects | callee.objects)

    def _call_world(self, node: object, mix: Value, name: str = "") -> Value:
        called = self.call_back(node, (mix,))
        mix = mix | called | self.unknown()
        reached = self.heap.reach(mix.objects)
        reached = self.heap.reach({*reached, *(above for each in reached for above in self.heap.things[each].classes if above in self.heap.things)})
        taint = self.heap.taint(mix) | self.read(frozenset()) | self.pc
        value = self.fresh(self.site(node, "mixed", name), taint, ("?",), mix.objects)
        self.change(reached, taint, parts=value.objects)
        self.write(frozenset(), taint)
        return value

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
                is_operator = closure.code.waits or (name.startswith("__") and name not in _BEGINNINGS)
                if runs is Runs.ANYTHING or is_operator or (runs is Runs.ITERATION and not thing.is_method):
                    found[id(closure)] = closure
            for each in (*thing.classes, *(which for value in thing.members.values() for which in value.objects)):
                if each not in seen and each in self.heap.things:
                    more = self.heap.reach((each,)) - seen
                    seen |= more
                    waiting.extend(more)
        return list(found.values())
