"""What stands in a library's function or class while it is watched, and looks like it to whoever asks: its name, signature, help, pickle, subclasses."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import Any

import wrapt

Around = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""What happens at a call: it is given the wrapped function, the instance or None, and the arguments, and calls the function."""


def watch(original: Any, around: Around) -> Any:
    """The stand-in for a function, a method as it lies in its class, or a class whose type lets no method be set."""
    return _watched_class(original, around) if isinstance(original, type) else WatchedFunction(original, around)


def is_watched(value: Any) -> bool:
    """Whether this is a stand-in already."""
    return isinstance(value, WatchedFunction) or issubclass(type(value), WatchedClass)


class WatchedMethod(wrapt.BoundFunctionWrapper[..., Any]):
    """A watched function, reached through its class or an instance."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        method = self.__wrapped__
        return method.__qualname__ if isinstance(method, FunctionType) else method.__reduce_ex__(protocol)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self if isinstance(self.__wrapped__, FunctionType) else copy.deepcopy(self.__wrapped__, memo)


class WatchedFunction(wrapt.FunctionWrapper[..., Any]):
    """A function of a library that reports its paths before it does what it does. Pickled by its name, as what it wraps is."""

    __bound_function_wrapper__ = WatchedMethod

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As Python's functions are: reached through a class, it is the same object each time; pickle asks for that."""
        static = isinstance(self.__wrapped__, staticmethod)
        if not static and (instance is not None or not isinstance(self.__wrapped__, FunctionType)):
            return super().__get__(instance, owner)
        found = getattr(self, "_self_unbound", None)
        if found is None:
            found = self._self_unbound = super().__get__(None, owner)
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        wrapped = self.__wrapped__
        return wrapped.__qualname__ if isinstance(wrapped, FunctionType) else wrapped.__reduce_ex__(protocol)

    def __copy__(self) -> WatchedFunction:
        return self

    def __deepcopy__(self, memo: Any) -> WatchedFunction:
        return self


class WatchedClass(type):
    """The type of a class that stands for one of native code. It makes objects of that class; their type is the library's own."""

    _mlsc_class: type
    _mlsc_around: Around

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an object of the library's class, and report it."""
        return cls._mlsc_around(cls._mlsc_class, None, args, kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls._mlsc_class)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or issubclass(subclass, cls._mlsc_class)


def _watched_class(original: type, around: Around) -> WatchedClass:
    kept = {key: value for key, value in vars(original).items() if key not in ("__new__", "__dict__", "__weakref__") and not key.startswith("__pyx")}
    with suppress(ValueError):  # types of native code need not tell their signature
        kept["__signature__"] = inspect.signature(original)
    meta = type(type(original).__name__, (WatchedClass,), {"__new__": _without_stand_ins, "_mlsc_class": original, "_mlsc_around": staticmethod(around)})
    return type.__new__(meta, original.__name__, original.__bases__, {**kept, "__qualname__": original.__qualname__, "__module__": original.__module__})


def _without_stand_ins(meta: type[WatchedClass], name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any) -> type:
    """A subclass of a stand-in is a subclass of what it stands for."""
    real = tuple(each._mlsc_class if isinstance(each, WatchedClass) else each for each in bases)
    return type(real[0])(name, real, body, **options)
