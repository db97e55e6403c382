"""What a call of a library does: what the tables say of well-known ones, of others anything.

Rules kept: an unknown call may change, mix and keep all that it can reach, read any file of its cell and write any file; what a call gives may be
an argument itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_mlsc.dataflow import paths as names
from jupyter_mlsc.dataflow import tables
from jupyter_mlsc.dataflow.callbacks import NO_ARGUMENTS, Callbacks, Given, Runs, mixed
from jupyter_mlsc.dataflow.heap import EMPTY, Taint, Value
from jupyter_mlsc.dataflow.listed import Effect
from jupyter_mlsc.dataflow.nodes import Call, Name
from jupyter_mlsc.dataflow.state import GaveUpError

_PASSIVE = frozenset(("builtins", "joblib", "pickle", "json", "os", "pathlib"))
PATH_METHODS = frozenset(("read_text", "read_bytes", "open", "write_text", "write_bytes", "rename", "replace", "iterdir", "glob", "rglob", "joinpath"))


class Library(Callbacks):
    """The part of the analysis that knows libraries."""

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
            self.change(self.heap.reach(mixed(targets).objects, keeps=False), self._taint_of(given), parts=mixed(given.all).objects)
        if symbol == "builtins.print":
            self.change(mixed(value for name, value in given.keywords if name == "file").objects, self._taint_of(given))
        if library == "numpy" and len(given.args) > tables.UFUNCS.get(symbol.rpartition(".")[2], len(given.args)):
            self.change(self.heap.reach(given.args[-1].objects, keeps=False), self._taint_of(given))
        if symbol == "numpy.array" and "shallow" in given.flags:
            effect = "holds"
        if symbol.rpartition(".")[2].startswith(("set_option", "set_printoptions", "setlocale", "putenv")) and self._taint_of(given):
            raise GaveUpError("settings of a library depend on data")
        return self._apply(node, effect, Value(), given, library, key, symbol)

    def _library_method(self, node: Call, receiver: Value, name: str, given: Given) -> Value:
        libraries = self.heap.libraries(receiver.objects)
        in_place = bool({"inplace", "in_place"} & set(given.flags)) or any(key == "**" for key, _ in given.keywords)
        if not receiver.objects:
            libraries = {"builtins"}
            effect = tables.METHODS.get(name, "view")
            effect = effect if effect in ("fresh", "write") else "view"
        else:
            effect = tables.method_effect(name, libraries - {"notebook"}, in_place=in_place)
        effect = self._shared(effect, name, libraries, given)
        if name == "shuffle":
            self.change(self.heap.reach(mixed(given.args).objects, keeps=False), self.heap.taint(receiver))
        if name in ("readinto", "readinto1", "read_direct", "recv_into"):
            self.change(self.heap.reach(mixed(given.args).objects, keeps=False), self.heap.taint(receiver) | self.all_reads())
        if name in tables.CALLERS:
            kept = [each for each in mixed(given.all).objects if self.heap.things[each].libraries <= {"builtins"} and not self.heap.things[each].functions]
            self.change(kept, self.heap.taint(receiver))
        if effect == "state" and not libraries & {"pandas", "polars"}:
            effect = "fit"
        return self._apply(node, effect, receiver, given, "", "matplotlib" if effect == "state" else "", name, libraries)

    @staticmethod
    def _shared(effect: Effect, name: str, libraries: set[str], given: Given) -> Effect:
        """The effect of a method that shares more than its name says."""
        if name in ("copy", "astype") and (libraries & {"builtins", "collections"} or "shallow" in given.flags):
            return "holds"  # a shallow copy: what is in it is the same
        if effect == "state" and "polars" in libraries:
            return "fit"  # ``series.scatter`` of polars sets values; its plots change nothing that is written
        if effect == "view" and name not in tables.METHODS and libraries and mixed(given.all) != EMPTY:
            return "fit"  # of a value's method that nobody knows: what it is given may go into the value
        return effect

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
            self.change(self.heap.reach(passed.objects, keeps=False), taint | self.heap.taint(Value(objects=frozenset((which,)))))
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
