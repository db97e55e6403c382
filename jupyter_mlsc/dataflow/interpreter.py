"""Runs the small language of `nodes` over names and objects: statements and expressions, once for each way that the code may take.

Rules kept: a branch or a loop leaves what any way through it may leave; what decides which way is taken flows into what is done on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jupyter_mlsc.dataflow import nodes, tables
from jupyter_mlsc.dataflow import paths as names
from jupyter_mlsc.dataflow.calls import MOST_ROUNDS, Calls, Given, Runs, mixed
from jupyter_mlsc.dataflow.heap import EMPTY, Closure, Frame, Taint, Value
from jupyter_mlsc.dataflow.nodes import Expr, Func, Stmt
from jupyter_mlsc.dataflow.state import GaveUpError

_KINDS = {
    "builtins.property": "property",
    "functools.cached_property": "property",
    "builtins.staticmethod": "static",
    "builtins.classmethod": "class",
}
_Names = tuple[dict[str, Value], dict[str, Value]]


class Interpreter(Calls):
    """The whole analysis of one run; `tracing` feeds it executions."""

    def __init__(self) -> None:
        super().__init__()
        self._running = []
        self._recursed = set()

    # statements

    def block(self, body: Sequence[Stmt]) -> None:
        """Run statements in order. Raises GaveUpError."""
        for each in body:
            self.step()
            self._statement(each)

    def _statement(self, node: Stmt) -> None:
        match node:
            case nodes.Do(value):
                found = self.evaluate(value)
                if not self.stack:
                    self.last = found
            case nodes.Bind(targets, value):
                found = self.evaluate(value)
                for target in targets:
                    self._assign(target, found)
            case nodes.Update(target, value):
                self._update(target, self.evaluate(value))
            case nodes.Drop(targets):
                for target in targets:
                    if isinstance(target, nodes.Name):
                        self.unbind(target.id)
                    elif isinstance(target, (nodes.Attr, nodes.Item)):
                        self._store(target, EMPTY)
                    else:
                        self._statement(nodes.Drop(getattr(target, "parts", ())))
            case nodes.Branch(test, arms, leaves):
                self._branch(self.heap.taint(self.evaluate(test)), arms, leaves=leaves)
            case nodes.Loop():
                self._loop(node)
            case nodes.Guarded():
                self._guarded(node)
            case nodes.Within():
                self._within(node)
            case nodes.Return(value):
                self.frame.result |= self.evaluate(value).tainted(self.pc)
            case nodes.Leave(value):
                if value is not None:
                    self.evaluate(value)
            case nodes.Define(func, decorators):
                self.bind(func.name, self._decorated(self.evaluate(func), decorators))
            case nodes.MakeClass():
                self._make_class(node)
            case nodes.Import():
                self._import(node)
            case nodes.Shell(uses, target):
                taint = self.heap.taint(mixed(self.look_up(name) for name in uses)) | self.read(frozenset()) | self.all_reads()
                self.write(frozenset(), taint)
                self.shell = True
                if target is not None:
                    self._assign(target, self.fresh(self.site(node), taint, ("builtins",)))
            case nodes.Unknowable(reason):
                raise GaveUpError(f"{reason} was used")

    shell: bool = False
    """A shell's line ran: what it read and wrote is not seen."""
    last: Value = EMPTY
    """What the last expression of the cell gave."""

    def all_reads(self) -> Taint:
        """Whatever was read in this run so far."""
        return frozenset((when, name) for name, times in self.history.items() for when in times) | {(self.here, name) for name in self.reads}

    def _decorated(self, value: Value, decorators: Sequence[nodes.Call]) -> Value:
        for each in reversed(decorators):
            made_by = self.evaluate(each.func)
            kind = next((_KINDS[symbol] for symbol in made_by.symbols if symbol in _KINDS), "other")
            for which in value.objects:
                for closure in self.heap.things[which].functions:
                    closure.kind = kind if closure.kind in ("", kind) else "other"
            if kind == "other":
                value = value | self._call_expression(each, Given((value,)))
        return value

    def _branch(self, taint: Taint, arms: Sequence[Sequence[Stmt]], *, leaves: bool) -> None:
        before, pc = self._snapshot(), self.pc
        after: _Names | None = None
        self.pc = pc | taint
        for arm in arms:
            self._restore(before)
            self.block(arm)
            left = self._snapshot()
            after = left if after is None else self._joined(after, left)
        self._restore(before if after is None else after)
        self.pc = pc | taint if leaves else pc

    def _loop(self, node: nodes.Loop) -> None:
        pc = self.pc
        for _ in range(MOST_ROUNDS):
            before, version, result = self._snapshot(), self.heap.version, self.frame.result
            over = self.evaluate(node.over)
            if node.target is None:
                self.pc |= self.heap.taint(over)
            else:
                self._assign(node.target, self.iterate(node, over))
            self.block(node.body)
            self._restore(self._joined(before, self._snapshot()))
            if self.heap.version == version and self._snapshot() == before and self.frame.result == result:
                break
        else:
            raise GaveUpError("a loop that does not settle")
        self.block(node.after)
        self.pc = pc

    def _guarded(self, node: nodes.Guarded) -> None:
        before = self._snapshot()
        self.assigned.append({})
        log = self.assigned[-1]
        self.block(node.body)
        self.assigned.pop()
        self.block(node.otherwise)
        after = self._snapshot()
        raised = self._joined(before, after)
        decided = frozenset(read for value in log.values() for read in self.heap.taint(value))
        pc = self.pc
        for handler in node.handlers:
            self._restore(raised)
            for name, value in log.items():
                self.weak += 1
                self.bind(name, value)
                self.weak -= 1
            self.pc = pc | decided
            self.block(handler)
            after = self._joined(after, self._snapshot())
            self.pc = pc
        self._restore(after)
        self.block(node.finally_)

    def _within(self, node: nodes.Within) -> None:
        swallows = False
        for context, target in node.items:
            held = self.evaluate(context)
            entered = self.operate(node, (held,))
            swallows = swallows or any(symbol.startswith("contextlib.suppress") for symbol in held.symbols) or self._may_swallow(held)
            if target is not None:
                self._assign(target, held | entered)
        before = self._snapshot()
        self.assigned.append({})
        self.block(node.body)
        log = self.assigned.pop()
        if swallows:
            self._restore(self._joined(before, self._snapshot()))
            for name, value in log.items():
                self.weak += 1
                self.bind(name, value)
                self.weak -= 1
        for context, _ in node.items:
            if isinstance(context, nodes.Name):
                self.operate(node, (self.evaluate(context),))

    def _may_swallow(self, held: Value) -> bool:
        libraries = self.heap.libraries(held.objects)
        return "?" in libraries or "notebook" in libraries or "contextlib" in libraries

    def _make_class(self, node: nodes.MakeClass) -> None:
        bases = mixed(self.evaluate(each) for each in node.bases)
        which = self.heap.new(self.site(node))
        thing = self.heap.things[which]
        self.classes.add(which)
        thing.libraries |= {symbol.partition(".")[0] for symbol in bases.symbols if symbol.partition(".")[0] not in ("builtins", "abc", "typing", "enum")}
        if self.world in bases.objects:
            thing.libraries.add("?")
        thing.libraries = {name if name in tables.LIBRARIES else "?" for name in thing.libraries}
        thing.classes |= {each for each in bases.objects if each in self.classes}
        frame = Frame(frozenset(node.locals), self.frame, is_class=True)
        outer, self.frame = self.frame, frame
        self.block(node.body)
        self.frame = outer
        thing.members.update(frame.names)
        held = mixed(frame.names.values())
        for each in held.objects:
            self.heap.things[each].is_method = True
        self.heap.add(which, taint=held.taint | bases.taint, parts=held.objects | bases.objects)
        self.bind(node.name, self._decorated(Value(objects=frozenset((which,))), node.decorators))

    def _import(self, node: nodes.Import) -> None:
        top = node.symbol.partition(".")[0]
        known = top in tables.LIBRARIES
        if node.name == "*":
            self.stars.add(node.module)
            if not known:
                for name in list(self.globals.names):
                    self.globals.names[name] |= self.unknown()
            return
        value = self.symbol_value((node.symbol,))
        if not known:
            value |= self.unknown()
        self.bind(node.name, value)

    # names on the ways through the code

    def _snapshot(self) -> _Names:
        return dict(self.globals.names), dict(self.frame.names)

    def _restore(self, kept: _Names) -> None:
        self.globals.names.clear()
        self.globals.names.update(kept[0])
        if self.frame is not self.globals:
            self.frame.names.clear()
            self.frame.names.update(kept[1])

    @staticmethod
    def _joined(left: _Names, right: _Names) -> _Names:
        def both(a: dict[str, Value], b: dict[str, Value]) -> dict[str, Value]:
            if a == b:
                return a
            return {**a, **{name: a[name] | value if name in a and a[name] is not value else value for name, value in b.items()}}

        return both(left[0], right[0]), both(left[1], right[1])

    # targets

    def _assign(self, target: Expr, value: Value) -> None:
        match target:
            case nodes.Name(name):
                self.bind(name, value)
            case nodes.Box(parts):
                element = self.iterate(target, value)
                for part in parts:
                    self._assign(part, element)
            case nodes.Attr() | nodes.Item():
                self._store(target, value)
            case _:
                self.evaluate(target)

    def _store(self, target: nodes.Attr | nodes.Item, value: Value) -> None:
        of = self.evaluate(target.of)
        taint = self.heap.taint(value) | value.taint
        if isinstance(target, nodes.Item):
            index = self.evaluate(target.index)
            taint |= self.heap.taint(index)
        objects = of.objects or ()
        if of.symbols and not of.objects:
            objects = self._call_state(target, "settings", "set", taint, value).objects
        called = self.operate(target, (of, value))
        if isinstance(target, nodes.Attr):
            for which in of.objects:
                if any(True for _ in self.members(which, target.name)):
                    called |= self.call_back(target, (of, value))  # a property's setter
        self.change(self._in_place(objects), taint | called.taint)
        self.change(objects, taint | called.taint, parts=value.objects | self.hidden(value))

    def _in_place(self, objects: Iterable[int]) -> set[int]:
        """What changes with these objects: a container alone, but an array with all that may share its memory."""
        found: set[int] = set()
        for each in objects:
            found |= {each} if self.heap.things[each].libraries <= {"builtins", "notebook"} else self.heap.reach((each,), keeps=False)
        return found

    def _update(self, target: Expr, value: Value) -> None:
        old = self.evaluate(target)
        taint = self.heap.taint(value)
        called = self.operate(target, (old, value))
        self.change(self._in_place(old.objects), taint)
        self.change(old.objects, taint, parts=value.objects)
        self._assign(
            target, old.tainted(taint) | value | called if not isinstance(target, nodes.Name) else (old | called | Value(paths=value.paths)).tainted(taint)
        )

    # expressions

    def evaluate(self, node: Expr) -> Value:
        """What an expression may be. Raises GaveUpError."""
        self.step()
        match node:
            case nodes.Name(name):
                return self.look_up(name)
            case nodes.Text(path):
                return Value(paths=frozenset((path,)))
            case nodes.Op(parts):
                return self._operate(node, parts) if parts else EMPTY
            case nodes.Glue(parts, joined):
                values = [self.evaluate(part) for part in parts]
                spelled = names.glue((min(v.paths) if len(v.paths) == 1 else names.ANY for v in values), joined=joined)
                taint = frozenset(read for value in values for read in self.heap.taint(value))
                return Value(taint, paths=frozenset((spelled,)))
            case nodes.Attr(of, name):
                return self._attribute(node, self.evaluate(of), name)
            case nodes.Item(of, index):
                owner, chosen = self.evaluate(of), self.evaluate(index)
                called = self.operate(node, (owner, chosen))
                return self.element(owner).tainted(self.heap.taint(chosen)) | called
            case nodes.Call():
                return self._call_expression(node, self._given(node))
            case nodes.Box(parts):
                held = mixed(self.evaluate(part) for part in parts)
                made = self.fresh(self.site(node), held.taint, ("builtins",), held.objects | self.hidden(held))
                return Value(made.taint, made.objects, paths=held.paths)
            case nodes.Func():
                return self._function(node)
            case nodes.Comp():
                return self._comprehension(node)
            case nodes.Pick(test, choices):
                decided = self.heap.taint(self.evaluate(test))
                values = [self.evaluate(each) for each in choices]
                if test == nodes.Op() and len(values) > 1:
                    decided = frozenset(read for value in values for read in self.heap.taint(value))
                return mixed(values).tainted(decided)
            case nodes.Let(name, value):
                found = self.evaluate(value)
                self.bind(name, found)
                return found
            case nodes.Yield(value):
                self.frame.result |= self.evaluate(value).tainted(self.pc)
                return self.unknown()

    def _operate(self, node: Expr, parts: Sequence[Expr]) -> Value:
        values = [self.evaluate(part) for part in parts]
        whole = mixed(values)
        taint = self.heap.taint(whole)
        called = self.operate(node, (whole,))
        libraries = self.heap.libraries(whole.objects)
        if not whole.objects:
            return Value(taint, symbols=whole.symbols, paths=frozenset((names.ANY,)) if whole.paths else frozenset())
        if libraries <= tables.VALUES:
            return self.fresh(self.site(node), taint, libraries) | called
        return self.fresh(self.site(node), taint, libraries, whole.objects) | called

    def _attribute(self, node: Expr, of: Value, name: str) -> Value:
        symbols = self.symbol_value(f"{symbol}.{name}" for symbol in of.symbols) if of.symbols else EMPTY
        found = EMPTY
        for which in sorted(of.objects):
            this = Value(objects=frozenset((which,)))
            for member in self.members(which, name):
                if which in self.classes or not any(self.heap.things[each].functions for each in member.objects):
                    found |= member
                else:
                    # A bound method: whoever calls it later calls it with this object.
                    found |= self.fresh(self.site(node, "bound", which), member.taint, ("builtins",), member.objects | this.objects)
                for each in member.objects:
                    for closure in self.heap.things[each].functions:
                        if closure.kind in ("property", "other"):
                            found |= self.invoke(closure, Given((this,)), None, ("property", id(node)))
            if any(True for _ in self.members(which, "__getattr__")):
                found |= self.call_back(node, (Value(objects=frozenset((which,))),))
        owned = Value(of.taint, frozenset(self._inside(of.objects, keeps=name.startswith("_"))), paths=frozenset((names.ANY,)) if of.paths else frozenset())
        owned = owned.tainted(frozenset(read for each in of.objects for read in self.heap.things[each].taint))
        return mixed((owned, found, symbols)) if of.objects or of.taint or of.paths else symbols

    def _inside(self, objects: Iterable[int], *, keeps: bool) -> set[int]:
        """What an attribute of these objects may be: a part, or, but for objects of the notebook's classes, the object itself in another guise."""
        starts: set[int] = set()
        for each in objects:
            thing = self.heap.things[each]
            starts |= {each} if "notebook" not in thing.libraries or len(thing.libraries) > 1 else thing.parts | (thing.keeps if keeps else set())
        return self.heap.reach(starts, keeps=keeps)

    def iterate(self, node: object, over: Value) -> Value:
        """One of the values that come out of an iterable."""
        called = self.call_back(node, (Value(over.taint, over.objects),), Runs.ITERATION)
        return self.element(over) | self.element(called)

    def element(self, of: Value) -> Value:
        """Something that a value holds, or a part of it that shares its memory."""
        if not of.objects and not of.taint:
            return of
        return Value(self.heap.taint(of), frozenset(self.heap.reach(of.objects, keeps=False)), of.symbols, of.paths)

    def _given(self, node: nodes.Call) -> Given:
        args = tuple(self.evaluate(each) for each in node.args)
        keywords = tuple((name, self.evaluate(value)) for name, value in node.keywords)
        return Given(args, keywords, node.flags, node.spread, self._queried(node.words))

    def _queried(self, words: Sequence[str]) -> Value:
        if not words:
            return EMPTY
        found: list[Value] = []
        for frame in (self.frame, self.globals):
            found.extend(value for name, value in frame.names.items() if name in words or words == ("*",))
        return mixed(Value(value.taint, value.objects) for value in found)

    def _call_expression(self, node: nodes.Call, given: Given) -> Value:
        if isinstance(node.func, nodes.Attr):
            receiver = self.evaluate(node.func.of)
            if receiver != EMPTY:
                return self.call_method(node, receiver, node.func.name, given)
            return self._library_method(node, receiver, node.func.name, given)
        func = self.evaluate(node.func)
        return self.call(node, func, given)

    def _function(self, node: Func) -> Value:
        defaults = tuple(self.evaluate(each) for each in node.defaults)
        frame = self.frame
        while frame.is_class and frame.parent is not None:
            frame = frame.parent
        seen: Frame | None = frame
        while seen is not None:
            seen.captured = True
            seen = seen.parent
        which = self.heap.new(self.site(node))
        thing = self.heap.things[which]
        held = mixed(defaults)
        closure = next((each for each in thing.functions if each.code is node and each.frame is frame), None)
        if closure is None:
            closure = Closure(node, frame)
            thing.functions.append(closure)
            self.heap.version += 1
        closure.defaults |= held
        self.heap.add(which, taint=held.taint, parts=held.objects)
        return Value(self.pc, frozenset((which,)))

    def _comprehension(self, node: nodes.Comp) -> Value:
        outer = self.frame
        frame = self.enter((id(node), id(outer), self.stack), node.locals, outer)
        pc = self.pc
        result, before = EMPTY, -1
        try:
            self.frame = frame
            for _ in range(MOST_ROUNDS):
                if before == self.heap.version:
                    break
                before = self.heap.version
                for target, over, conditions in node.steps:
                    found = self.evaluate(over)
                    self._assign(target, self.iterate(node, found))
                    for condition in conditions:
                        self.pc |= self.heap.taint(self.evaluate(condition))
                result |= mixed(self.evaluate(each) for each in node.results).tainted(self.pc)
        finally:
            self.frame, self.pc = outer, pc
        made = self.fresh(self.site(node), result.taint, ("builtins",), result.objects)
        return Value(made.taint, made.objects, result.symbols, result.paths)
