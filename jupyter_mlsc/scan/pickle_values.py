"""What stands on the stack of the symbolic pickle machine: values as far as they decide anything, never the objects that they stand for."""

from __future__ import annotations

from jupyter_mlsc.scan.finding import NotUnderstoodError

OPAQUE = object()
"""A value that decides nothing: a number with a fraction, a long text, what a persistent id stands for."""
MARK = object()
KEPT_ITEMS = 64
"""Items of a dictionary that are kept; only joblib's placeholders (six) and dtypes need theirs."""


class Global:
    """A class or function that the pickle names.

    ``deferred`` where only what it is called with tells whether that is allowed; ``storage`` where it is a type of torch's storages, which a persistent id
    names and nobody calls.
    """

    __slots__ = ("deferred", "module", "name", "storage")

    def __init__(self, module: str, name: str, *, deferred: bool = False, storage: bool = False) -> None:
        self.module, self.name, self.deferred, self.storage = module, name, deferred, storage

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Called:
    """What calling something gives; ``state`` is what BUILD gave it."""

    __slots__ = ("arguments", "callee", "state")

    def __init__(self, callee: object, arguments: object) -> None:
        self.callee, self.arguments = callee, arguments
        self.state: object = None


class Container:
    """A list, dictionary or set that the pickle makes; ``items`` are the first ones of a dictionary with texts as keys."""

    __slots__ = ("items", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.items: dict[str, object] = {}

    def put(self, key: object, value: object) -> None:
        """Keep an item, if it may be asked for."""
        if isinstance(key, str) and len(self.items) < KEPT_ITEMS:
            self.items[key] = value


def described(value: object) -> str:
    """A value as a message names it."""
    if isinstance(value, Global):
        return str(value)
    if isinstance(value, Called):
        return f"what {described(value.callee)} returns"
    return f"a {value.kind}" if isinstance(value, Container) else f"a {type(value).__name__}" if value is not OPAQUE else "a value"


_SIZES = {"M": 8, "m": 8}


def array_layout(wrapper: Called) -> tuple[int | None, bool]:
    """How many bytes of array follow joblib's placeholder (None where a pickle of objects does), and whether a padding comes first.

    Raises NotUnderstoodError where that cannot be told.
    """
    state = wrapper.state
    if not isinstance(state, Container):
        raise NotUnderstoodError("an array's placeholder has no description")
    shape, dtype = state.items.get("shape"), state.items.get("dtype")
    if not isinstance(shape, tuple) or not all(isinstance(length, int) and length >= 0 for length in shape):
        raise NotUnderstoodError("an array's placeholder has no shape")
    if holds_objects(dtype):
        return None, False
    count = item_size(dtype)
    for length in shape:
        assert isinstance(length, int)
        count *= length
    return count, state.items.get("numpy_array_alignment_bytes") is not None


def item_size(dtype: object) -> int:
    """Bytes of one item. Raises NotUnderstoodError."""
    code, state = _dtype_parts(dtype)
    if state is not None and isinstance(state[5], int) and state[5] > 0:
        return state[5]
    kind, digits = code.lstrip("<>|=")[:1], code.lstrip("<>|=")[1:]
    if kind not in "biufcSaUVMm" or not (digits.isdecimal() or kind in _SIZES):
        raise NotUnderstoodError(f"an array has the unknown type {code!r}")
    size = int(digits) if digits.isdecimal() else _SIZES[kind]
    return size * 4 if kind == "U" else size


def holds_objects(dtype: object) -> bool:
    """Whether an array of this type is stored as a pickle. Raises NotUnderstoodError."""
    waiting = [dtype]
    for _ in range(10_000):
        if not waiting:
            return False
        code, state = _dtype_parts(waiting.pop())
        if "O" in code:
            return True
        if state is None:
            continue
        inner, fields = state[2], state[4]
        if isinstance(inner, tuple) and inner:
            waiting.append(inner[0])
        if isinstance(fields, Container):
            if len(fields.items) >= KEPT_ITEMS:
                raise NotUnderstoodError("an array's type has too many fields")
            waiting += [each[0] for each in fields.items.values() if isinstance(each, tuple) and each]
    raise NotUnderstoodError("an array's type is nested without end")


def _dtype_parts(dtype: object) -> tuple[str, tuple[object, ...] | None]:
    if not isinstance(dtype, Called) or not isinstance(dtype.arguments, tuple) or not dtype.arguments:
        raise NotUnderstoodError("an array has no type")
    code = dtype.arguments[0]
    if not isinstance(code, str):
        raise NotUnderstoodError("an array's type is no text")
    state = dtype.state
    return code, state if isinstance(state, tuple) and len(state) >= 6 else None
