"""Expressions, and the targets of assignments: what they may be, and what is changed by setting them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jupyter_mlsc.dataflow import nodes, tables
from jupyter_mlsc.dataflow import paths as names
from jupyter_mlsc.dataflow.callbacks import MOST_ROUNDS, Given, Runs, mixed
from jupyter_mlsc.dataflow.calls import Calls
from jupyter_mlsc.dataflow.heap import EMPTY, Closure, Frame, Value
from jupyter_mlsc.dataflow.nodes import Expr, Func
from jupyter_mlsc.dataflow.state import GaveUpError


class Evaluation(Calls):
    """The part of the analysis that knows expressions."""

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
            if taint or any(self.heap.things[each].functions for each in value.objects):
                raise GaveUpError("a library was given something of the notebook's own to keep")
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
