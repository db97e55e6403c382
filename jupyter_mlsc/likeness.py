"""By how much two loaded values differ: tables, arrays, nested containers and the state of models, walked side by side. Reads no file.

Rules kept: what is not understood is told to differ, never to be alike; two numbers are alike where they differ by no more than the tolerance, relative
to the larger of them where that is larger than 1; NaN is like NaN; no library is imported that the values did not bring.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

MOST_VALUES = 5_000_000
"""Python objects that are walked of one value, of which an array is one. What is larger differs, since not all of it was looked at."""

_PLAIN = (str, bytes, bytearray, type(None), set, frozenset)
_NAMED = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)
_NUMERIC = "biufc"
"""Kinds of numpy's types that hold numbers."""

Pair = tuple[Any, Any, str]
"""Two values and the place where they are."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How many values differ beyond the tolerance, the largest difference of two numbers (None where no numbers differ), and where that is."""

    differing: int
    largest: float | None
    where: str

    @property
    def is_alike(self) -> bool:
        """True where nothing differs beyond the tolerance."""
        return self.differing == 0


def likeness(first: object, second: object, tolerance: float) -> Likeness:
    """Compare two values. ``tolerance`` is a number from 0 to 1."""
    walk = _Walk(tolerance)
    walk.compare(first, second)
    return Likeness(walk.differing, walk.largest, walk.where)


class _Walk:
    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._seen: dict[tuple[int, int], tuple[object, object]] = {}
        self.differing = 0
        self.largest: float | None = None
        self.where = ""

    def compare(self, first: object, second: object) -> None:
        waiting: list[Pair] = [(first, second, "")]
        left = MOST_VALUES
        while waiting:
            one, other, place = waiting.pop()
            left -= 1
            if left < 0:
                self._differ(f"{place} (and more than was looked at)")
                return
            if one is other:
                continue
            if _is_number(one) and _is_number(other):
                self._number(one, other, place)
            elif isinstance(one, _PLAIN) or isinstance(other, _PLAIN):
                if type(one) is not type(other) or one != other:
                    self._differ(place)
            elif (id(one), id(other)) not in self._seen:
                self._seen[id(one), id(other)] = (one, other)  # held, so that no other object gets their ids
                waiting.extend(reversed(self._parts(one, other, place)))

    def _differ(self, place: str, count: int = 1, largest: float | None = None) -> None:
        self.differing += count
        self._note(place, largest)

    def _note(self, place: str, largest: float | None) -> None:
        if largest is not None and (self.largest is None or largest > self.largest):
            self.largest, self.where = largest, place
        self.where = self.where or place

    def _number(self, one: Any, other: Any, place: str) -> None:
        if one == other or (one != one and other != other):  # NaN
            return
        try:
            apart = abs(one - other) / max(1.0, abs(one), abs(other))
        except (OverflowError, TypeError):
            apart = math.inf
        if not math.isfinite(apart):
            self._differ(place)
        elif apart > self._tolerance or self._tolerance == 0:
            self._differ(place, largest=float(apart))
        else:
            self._note(place, float(apart))

    def _parts(self, one: Any, other: Any, place: str) -> list[Pair]:
        """What two values of no plain type are made of, pair by pair; what differs at once is counted here."""
        if isinstance(one, _NAMED) or isinstance(other, _NAMED):
            if _name(one) != _name(other):
                self._differ(place)
            return []
        tables = _columns(one), _columns(other)
        if tables[0] is not None and tables[1] is not None:
            return self._tables(tables[0], tables[1], place)
        arrays = _array(one), _array(other)
        if arrays[0] is not None and arrays[1] is not None:
            return self._arrays(arrays[0], arrays[1], place)
        if _name(type(one)) != _name(type(other)):
            self._differ(place)
            return []
        if isinstance(one, Mapping):
            return self._mappings(one, other, place)
        if isinstance(one, (list, tuple, deque)):
            if len(one) != len(other):
                self._differ(f"{place} (its length)")
                return []
            return [(a, b, f"{place}[{index}]") for index, (a, b) in enumerate(zip(one, other, strict=True))]
        return self._objects(one, other, place)

    def _mappings(self, one: Mapping[Any, Any], other: Mapping[Any, Any], place: str) -> list[Pair]:
        for key in [key for key in (*one, *other) if key not in one or key not in other]:
            self._differ(f"{place}[{key!r}]")
        return [(one[key], other[key], f"{place}[{key!r}]") for key in one if key in other]

    def _objects(self, one: Any, other: Any, place: str) -> list[Pair]:
        try:
            states = one.__getstate__(), other.__getstate__()
            if states[0] is None and states[1] is None:
                # What is kept in C shows itself when it is pickled: as a call and its arguments.
                states = one.__reduce_ex__(2), other.__reduce_ex__(2)
        except Exception:  # noqa: BLE001  # a library's object may refuse in any way; then nothing is known of it
            self._differ(place)
            return []
        return [(states[0], states[1], place)]

    def _tables(self, one: list[Pair], other: list[Pair], place: str) -> list[Pair]:
        if [column[0] for column in one] != [column[0] for column in other]:
            self._differ(f"{place} (its columns)")
            return []
        return [(a[1], b[1], f"{place}[{a[0]!r}]") for a, b in zip(one, other, strict=True)]

    def _arrays(self, one: Any, other: Any, place: str) -> list[Pair]:
        if one.shape != other.shape:
            self._differ(f"{place} (its shape)")
            return []
        if one.dtype.names is not None or other.dtype.names is not None:
            if one.dtype.names != other.dtype.names:
                self._differ(f"{place} (its fields)")
                return []
            return [(one[name], other[name], f"{place}[{name!r}]") for name in one.dtype.names]
        if one.dtype.kind in _NUMERIC and other.dtype.kind in _NUMERIC:
            self._number_arrays(one, other, place)
            return []
        if one.dtype.kind == "O" or other.dtype.kind == "O" or one.dtype.kind != other.dtype.kind:
            pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
            return [(a, b, f"{place}[{index}]") for index, (a, b) in enumerate(pairs)]
        # Text, bytes and times: neither NaN nor NaT is like itself to numpy.
        apart = (one != other) & ~((one != one) & (other != other))
        if apart.any():
            self._differ(f"{place}{list(map(int, _first(apart)))}" if apart.ndim else place, int(apart.sum()))
        return []

    def _number_arrays(self, one: Any, other: Any, place: str) -> None:
        numpy = sys.modules["numpy"]
        apart = (one != other) & ~((one != one) & (other != other))
        if not apart.any():
            return
        first, second = (each[apart].astype(numpy.complex128 if each.dtype.kind == "c" else numpy.float64) for each in (one, other))
        with numpy.errstate(all="ignore"):
            by = numpy.abs(first - second) / numpy.maximum(1.0, numpy.maximum(numpy.abs(first), numpy.abs(second)))
        finite = numpy.isfinite(by)
        beyond = int((~finite).sum() + (by[finite] > self._tolerance).sum()) if self._tolerance else int(apart.sum())
        largest = float(by[finite].max()) if finite.any() else None
        if beyond:
            self._differ(place, beyond, largest)
        else:
            self._note(place, largest)


def _first(apart: Any) -> Any:
    return next(zip(*apart.nonzero(), strict=True))


def _is_number(value: object) -> bool:
    if isinstance(value, (bool, int, float, complex)):
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.number, numpy.bool_))


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', getattr(value, '__name__', type(value).__qualname__))}"


def _columns(value: Any) -> list[Any] | None:
    """Names and values of a table's columns, its index first; None for what is no table."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.DataFrame):
        return None
    columns = [(str(name), value.iloc[:, position].to_numpy()) for position, name in enumerate(value.columns)]
    return [("(its index)", value.index.to_numpy()), *columns]


def _array(value: Any) -> Any:
    """A numpy array of the same values; None for what holds no array."""
    numpy, pandas, torch = (sys.modules.get(name) for name in ("numpy", "pandas", "torch"))
    if numpy is not None and isinstance(value, numpy.ndarray):
        return value
    if pandas is not None and isinstance(value, (pandas.Series, pandas.Index)):
        return value.to_numpy()
    if torch is not None and isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        return (plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain).numpy()
    return None
