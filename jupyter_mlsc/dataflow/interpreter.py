"""Runs the small language of `nodes` over names and objects: statements and expressions, once for each way that the code may take.

Rules kept: a branch or a loop leaves what any way through it may leave; what decides which way is taken flows into what is done on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlsc.dataflow import nodes, tables
from jupyter_mlsc.dataflow.callbacks import MOST_ROUNDS, Given, mixed
from jupyter_mlsc.dataflow.evaluation import Evaluation
from jupyter_mlsc.dataflow.heap import EMPTY, Frame, Taint, Value
from jupyter_mlsc.dataflow.nodes import Expr, Stmt
from jupyter_mlsc.dataflow.state import GaveUpError

_KINDS = {
    "builtins.property": "property",
    "functools.cached_property": "property",
    "builtins.staticmethod": "static",
    "builtins.classmethod": "class",
}
_Names = tuple[dict[str, Value], dict[str, Value]]

_UNCALLED = frozenset(("__del__", "__init_subclass__", "__set_name__"))
"""Methods that the interpreter calls by itself."""


class Interpreter(Evaluation):
    """The whole analysis of one run; `tracing` feeds it executions."""

    def __init__(self) -> None:
        super().__init__()
        self._running = []
        self._recursed = set()
        self.met: list[set[tuple[int, str]]] = []
        """For each `try` whose body runs: the reads of all that was evaluated in it."""

    def evaluate(self, node: Expr) -> Value:
        """What an expression may be; within a `try`, it is noted what was met. Raises GaveUpError."""
        found = super().evaluate(node)
        if self.met:
            taint = self.heap.taint(found)
            for each in self.met:
                each.update(taint)
        return found

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
        pc, outer = self.pc, self.raised
        self.assigned.append({})
        log = self.assigned[-1]
        met = self._may_stop(node.body) if node.handlers else frozenset[tuple[int, str]]()
        if not node.handlers:
            self.block(node.body)
        self.assigned.pop()
        self.pc = pc | met
        self.block(node.otherwise)
        self.pc = pc
        after = self._snapshot()
        raised = self._joined(before, after)
        decided = frozenset(read for value in log.values() for read in self.heap.taint(value)) | met
        self.raised = Value(self.all_reads())  # an error may say anything of what it met
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
        self.raised = outer
        self._restore(after)
        self.block(node.finally_)

    def _may_stop(self, body: Sequence[Stmt]) -> Taint:
        """Run statements each of which is reached only where none before it failed, which what was met there decides. What was met in all of them."""
        pc = self.pc
        self.met.append(set())
        for each in body:
            self.pc = pc | self.met[-1]
            self.block((each,))
        self.pc = pc
        return frozenset(self.met.pop())

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
        if swallows:
            self._may_stop(node.body)
        else:
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
        if _UNCALLED & set(frame.names):
            raise GaveUpError("a class whose code runs where nothing is seen to call it")
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
