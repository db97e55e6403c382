"""Who is called: a function or a class of the notebook, a method, a library, or something that nobody knows."""

from __future__ import annotations

from jupyter_mlsc.dataflow.callbacks import BEGINNINGS, Given, mixed
from jupyter_mlsc.dataflow.heap import NOTHING, UNKNOWN_LIBRARY, Value
from jupyter_mlsc.dataflow.library import PATH_METHODS, Library
from jupyter_mlsc.dataflow.nodes import Call


class Calls(Library):
    """The part of the analysis that knows calls."""

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
        if receiver.paths and name in PATH_METHODS and not receiver.objects:
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

    def _instantiate(self, node: Call, made_of: int, given: Given) -> Value:
        class_ = self.heap.things[made_of]
        this = self.fresh(self.site(node, "instance", made_of), NOTHING, {"notebook", *class_.libraries})
        (which,) = this.objects
        self.heap.things[which].classes.add(made_of)
        begins = [each for name in BEGINNINGS for each in self.members(made_of, name)]
        results = [value for each in begins for value in self._call_member(node, each, this, given)]
        if not begins or class_.libraries:
            passed = mixed((*given.all, *results))
            self.change(this.objects, passed.taint, parts=passed.objects)
        if UNKNOWN_LIBRARY in class_.libraries:
            return self._call_world(node, mixed((this, *given.all))) | this
        return this

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
