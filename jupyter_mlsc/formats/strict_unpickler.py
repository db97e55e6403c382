"""An unpickler for artifacts that nobody vouched for: beside the names (unpickling.py) it checks what is called and what is changed.

Rules, each closing a way in which listed names could be put together to something that nobody reviewed:
only what was named can be called, not what the pickle built; nothing that can be called is passed on unless it was named;
what was named cannot be changed; items go only into lists, deques, sets and dictionaries; extension codes are refused.
It is built on the standard library's Python unpickler, as joblib's is, and so is slower than the C one for pickles of many small objects.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable
from functools import cache
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, BinaryIO, cast

from jupyter_mlsc.formats.unpickling import Mark, current_mark
from jupyter_mlsc.scan import allowlist

_JOBLIB_MODULE = "joblib.numpy_pickle"
Operation = Callable[[Any], None]


class ArraysFollow(Exception):
    """The pickle is a joblib file: the bytes of arrays stand between its opcodes, so it must be read again from its start by joblib's unpickler."""


class CUnpickler(pickle.Unpickler):
    """The interpreter's own fast unpickler, for what a person vouched for. Raises ArraysFollow for a joblib file."""

    def find_class(self, module: str, name: str, /) -> Any:
        """Resolve a global, unless it is joblib's placeholder."""
        if module == _JOBLIB_MODULE:
            raise ArraysFollow
        return super().find_class(module, name)


class _Checks(pickle._Unpickler):
    """The rules above as methods; the dispatch table that asks them is made by ``_checked``."""

    proto: int

    def _mark(self) -> Mark:
        mark = current_mark()
        if mark is None:
            raise RuntimeError("a strict unpickler works only inside an `unpickling` block")
        return mark

    def _known(self) -> dict[int, tuple[object, str]]:
        """What was named so far, by identity; holding the objects keeps their identities from being used again."""
        known: dict[int, tuple[object, str]] = self.__dict__.setdefault("_named", {})
        return known

    def find_class(self, module: str, name: str, /) -> Any:
        """Resolve a global that the list allows, and remember that it was named."""
        mark = self._mark()
        canonical = allowlist.canonical(module, name) if self.proto < 3 else (module, name)
        if canonical == ("builtins", "getattr") and not mark.lifted:
            found: Any = self._attribute
        else:
            mark.granted = (module, name) if allowlist.is_allowed_if_checked(module, name) else None
            try:
                found = super().find_class(module, name)
            finally:
                mark.granted = None
        self._known()[id(found)] = (found, ".".join(canonical))
        return found

    def _attribute(self, owner: object, name: str) -> Any:
        """What an artifact gets for ``getattr``: the few attributes of listed classes that honest pickles ask for."""
        known, path = self._known().get(id(owner), (None, ""))
        if known is None or (path, name) not in allowlist.ATTRIBUTES:
            raise self._mark().refuse("builtins", "getattr", f"for the attribute {name!r}, which no list allows")
        found = getattr(owner, name)
        self._known()[id(found)] = (found, f"{path}.{name}")
        return found

    def get_extension(self, code: int) -> None:
        """Refuse the copyreg extension registry: its codes name globals without saying which."""
        raise self._mark().refuse("copyreg", "_extension_registry", f"by the extension code {code}")

    def _instantiate(self, klass: object, args: list[object]) -> None:
        """What the opcodes INST and OBJ of protocol 0 and 1 do."""
        self._may_call(klass, tuple(args))
        super()._instantiate(klass, args)  # type: ignore[misc]  # private to the standard library, and so not in its stubs

    def _may_call(self, called: object, arguments: object) -> None:
        known = self._known()
        if id(called) not in known:
            raise self._mark().refuse(type(called).__module__, type(called).__qualname__, "as something to call, though the file made it itself")
        if not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("arguments that are not a tuple")
        for argument in arguments:
            if callable(argument) and id(argument) not in known:
                raise self._mark().refuse(type(argument).__module__, type(argument).__qualname__, f"as something for {known[id(called)][1]} to call")

    def _may_change(self, changed: object) -> None:
        known = self._known()
        if id(changed) in known or isinstance(changed, (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)):
            raise self._mark().refuse(*_name(changed), "and would change it")
        if "__setstate__" in getattr(changed, "__dict__", ()):
            raise self._mark().refuse(*_name(type(changed)), "with a __setstate__ of the file's own making")

    def _may_hold(self, holder: object, kinds: tuple[type, ...]) -> None:
        if not isinstance(holder, kinds):
            raise self._mark().refuse(*_name(type(holder)), "as a container, which it is not")


def _name(thing: object) -> tuple[str, str]:
    return str(getattr(thing, "__module__", type(thing).__module__)), str(getattr(thing, "__qualname__", type(thing).__qualname__))


def _before_reduce(unpickler: Any) -> None:
    unpickler._may_call(unpickler.stack[-2], unpickler.stack[-1])


def _before_newobj_ex(unpickler: Any) -> None:
    unpickler._may_call(unpickler.stack[-3], (*unpickler.stack[-2], *unpickler.stack[-1].values()))


def _before_build(unpickler: Any) -> None:
    unpickler._may_change(unpickler.stack[-2])


def _before_append(unpickler: Any) -> None:
    unpickler._may_hold(unpickler.stack[-2], (list, deque))


def _before_appends(unpickler: Any) -> None:
    unpickler._may_hold(unpickler.metastack[-1][-1], (list, deque))


def _before_setitem(unpickler: Any) -> None:
    unpickler._may_hold(unpickler.stack[-3], (dict,))


def _before_setitems(unpickler: Any) -> None:
    unpickler._may_hold(unpickler.metastack[-1][-1], (dict,))


def _before_additems(unpickler: Any) -> None:
    unpickler._may_hold(unpickler.metastack[-1][-1], (set,))


_CHECKS: dict[bytes, Operation] = {
    pickle.REDUCE: _before_reduce,
    pickle.NEWOBJ: _before_reduce,
    pickle.NEWOBJ_EX: _before_newobj_ex,
    pickle.BUILD: _before_build,
    pickle.APPEND: _before_append,
    pickle.APPENDS: _before_appends,
    pickle.SETITEM: _before_setitem,
    pickle.SETITEMS: _before_setitems,
    pickle.ADDITEMS: _before_additems,
}


def _checked(dispatch: dict[int, Operation]) -> dict[int, Operation]:
    """A dispatch table in which the checks go before the operations."""

    def both(check: Operation, operation: Operation) -> Operation:
        def run(unpickler: Any) -> None:
            check(unpickler)
            operation(unpickler)

        return run

    return dispatch | {opcode[0]: both(check, dispatch[opcode[0]]) for opcode, check in _CHECKS.items()}


class StrictUnpickler(_Checks):
    """Loads one pickle within an ``unpickling`` block. Raises DeniedUnpicklingError for whatever the rules above refuse."""

    dispatch = _checked(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str, /) -> Any:
        """As for all; joblib's placeholder means that another unpickler is needed."""
        if module == _JOBLIB_MODULE and allowlist.is_allowed(module, name, frozenset()):
            raise ArraysFollow
        return super().find_class(module, name)


class StrictPickle:
    """What torch.load takes for a pickle module."""

    __name__ = "jupyter_mlsc.formats.strict_unpickler"
    Unpickler = StrictUnpickler

    @staticmethod
    def load(file: BinaryIO, **options: Any) -> object:
        """Load one pickle from a stream."""
        return StrictUnpickler(file, **options).load()


@cache
def strict_joblib_unpickler() -> Callable[[BinaryIO], Any]:
    """The strict unpickler for joblib's files, in which the bytes of each array follow a placeholder. joblib must be installed."""
    from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
    from joblib.numpy_pickle_utils import _ensure_native_byte_order

    class StrictJoblibUnpickler(_Checks, NumpyUnpickler):  # type: ignore[misc]  # joblib has no types
        def __init__(self, file: BinaryIO) -> None:
            NumpyUnpickler.__init__(self, "", file, ensure_native_byte_order=True)

        def load_build(self) -> None:
            pickle._Unpickler.dispatch[pickle.BUILD[0]](self)
            if not isinstance(self.stack[-1], NumpyArrayWrapper):
                return
            wrapper = self.stack.pop()
            if wrapper.dtype.hasobject:
                # A pickle of its own follows; joblib reads it with an unpickler that has only the list.
                self.stack.append(_ensure_native_byte_order(StrictUnpickler(self.file_handle).load()))
            else:
                self.stack.append(wrapper.read(self, True))

    build = cast("Operation", StrictJoblibUnpickler.load_build)
    StrictJoblibUnpickler.dispatch = _checked(pickle._Unpickler.dispatch | {pickle.BUILD[0]: build})
    return StrictJoblibUnpickler
