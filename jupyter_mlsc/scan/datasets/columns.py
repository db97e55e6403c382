"""One column of a data set, taken in piece by piece in bounded memory: type, nulls, range, quantiles, distinct values, categories.

Rules kept: the same cells give the same facts, however they are cut into pieces; of text, the type is the narrowest that all cells can be read as;
what pandas reads as missing counts as null.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy
import pyarrow
import pyarrow.compute as compute

from jupyter_mlsc.profiles import HISTOGRAM_BARS, MOST_CATEGORIES, MOST_CLASSES, QUANTILES, Category, Column
from jupyter_mlsc.scan.datasets.sketches import DistinctSketch, QuantileSketch, hash_numbers, hash_texts

NULLS = pyarrow.array(
    [
        "",
        "\x1e",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    ]
)
"""Texts that stand for a missing cell: what ``pandas.read_csv`` takes for one."""
NULL_CELL = "\x1e"
"""What a missing cell of a typed file is in the digests."""

LONGEST_CATEGORY = 200
"""Characters of a value that is listed; a column with a longer one has no categories."""
ROWS_FOR_EACH_CATEGORY = 10
"""A column is one of categories only where each value stands for so many rows: a list of names is none."""
MOST_NOTED = 1000
"""Row numbers that are kept of each thing that a column is watched for."""
_BOOLEANS = pyarrow.array(["true", "false", "True", "False", "TRUE", "FALSE"])
_HASHED_AT_ONCE = 8192


@dataclass
class Noted:
    """Rows that a column was watched for: how many, and the first of them, counted from 1."""

    count: int = 0
    rows: list[int] = field(default_factory=list)

    def add(self, mask: Any, first_row: int) -> None:
        """Take in the rows of a piece where the mask (a numpy array) is true."""
        where = numpy.flatnonzero(mask)
        self.count += len(where)
        self.rows += [first_row + int(each) for each in where[: MOST_NOTED - len(self.rows)]]


@dataclass(frozen=True)
class Watch:
    """What the signed profile says of a column, so that rows that leave it are noted."""

    least: float | None
    greatest: float | None
    categories: frozenset[str] | None
    nulls: int
    bars: tuple[float, float] | None


class ColumnSketch:
    """Takes in one column. ``typed`` is the file's own type; None for text. ``watch`` is what rows are compared with."""

    def __init__(self, name: str, typed: str | None, *, is_label: bool = False, watch: Watch | None = None) -> None:
        self.name, self._typed, self._is_label, self._watch = name, typed, is_label, watch
        self.below, self.above, self.negative, self.unseen, self.missing = Noted(), Noted(), Noted(), Noted(), Noted()
        self.unseen_values: Counter[str] = Counter()
        self.bars = numpy.zeros(HISTOGRAM_BARS, dtype=numpy.int64)
        self._rows = self._nulls = 0
        self._could_be = {"integer", "decimal", "boolean"}
        self._numbers, self._distinct = QuantileSketch(), DistinctSketch()
        self._counts: Counter[str] | None = Counter()
        self._least, self._greatest, self._sum, self._finite = numpy.inf, -numpy.inf, 0.0, 0
        self._lengths, self._bytes = blake2b(digest_size=8), blake2b(digest_size=8)

    def add(self, cells: Any, values: Any | None, first_row: int) -> None:
        """Take in a piece: its cells as text (an Arrow string array without nulls), and its values where the file is typed."""
        self._rows += len(cells)
        starts, data = text_buffers(cells)
        self._lengths.update(numpy.diff(starts).astype("<u4").tobytes())
        self._bytes.update(data[int(starts[0]) : int(starts[-1])].data)
        null = compute.is_in(cells, value_set=NULLS) if values is None else compute.is_null(values, nan_is_null=True)
        nulls = int(compute.sum(null).as_py() or 0)
        self._nulls += nulls
        if self._watch is not None and self._watch.nulls == 0 and nulls:
            self.missing.add(null.to_numpy(zero_copy_only=False), first_row)
        present = cells.filter(compute.invert(null)) if nulls else cells
        if not len(present):
            return
        numbers = self._as_numbers(present, values.drop_null() if values is not None else None)
        self._count_values(present)
        if numbers is not None:
            self._add_numbers(numbers)
            self._distinct.add(hash_numbers(numbers))
        else:
            self._add_texts(present)
        if self._watch is not None:
            self._compare(cells, null, numbers, first_row)

    def _as_numbers(self, present: Any, values: Any | None) -> Any | None:
        """The present cells as float64, or None where they are no numbers."""
        if values is not None:
            kind = values.type
            if pyarrow.types.is_floating(kind) or pyarrow.types.is_integer(kind) or pyarrow.types.is_decimal(kind):
                found: Any = numpy.asarray(compute.cast(values, pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False))
                return found[~numpy.isnan(found)]
            return None
        if "boolean" in self._could_be and not compute.all(compute.is_in(present, value_set=_BOOLEANS)).as_py():
            self._could_be.discard("boolean")
        if "integer" in self._could_be:
            if bool(compute.all(compute.match_substring_regex(present, r"^[+-]?[0-9]{1,18}$")).as_py()):
                return _floats(present)
            self._could_be.discard("integer")
        if "decimal" in self._could_be:
            read = _floats(present)
            if read is not None:
                return read
            self._could_be.discard("decimal")
        return None

    def _count_values(self, present: Any) -> None:
        if self._counts is None:
            return
        most = MOST_CLASSES if self._is_label else MOST_CATEGORIES
        # A look at the first cells saves counting a column of many values.
        if len(present) > 4 * most and len(compute.unique(present[: 4 * most])) > most:
            self._counts = None
            return
        for each in compute.value_counts(present):
            value = each["values"].as_py()
            self._counts[value if len(value) <= LONGEST_CATEGORY else value[:LONGEST_CATEGORY] + "…"] += each["counts"].as_py()
            if len(self._counts) > most:
                self._counts = None
                return

    def _add_numbers(self, numbers: Any) -> None:
        finite = numbers if numpy.isfinite(numbers).all() else numbers[numpy.isfinite(numbers)]
        if not len(finite):
            return
        self._numbers.add(finite)
        self._least, self._greatest = min(self._least, float(finite.min())), max(self._greatest, float(finite.max()))
        self._sum += float(finite.sum())
        self._finite += len(finite)
        if self._watch is not None and self._watch.bars is not None:
            low, high = self._watch.bars
            at = numpy.clip(((finite - low) / ((high - low) or 1.0) * HISTOGRAM_BARS).astype(numpy.int64), 0, HISTOGRAM_BARS - 1)
            self.bars += numpy.bincount(at, minlength=HISTOGRAM_BARS)

    def _add_texts(self, present: Any) -> None:
        for start in range(0, len(present), _HASHED_AT_ONCE):
            starts, data = text_buffers(present[start : start + _HASHED_AT_ONCE])
            self._distinct.add(hash_texts(starts, data))

    def _compare(self, cells: Any, null: Any, numbers: Any | None, first_row: int) -> None:
        watch = self._watch
        assert watch is not None  # asked by `add`
        if numbers is not None and watch.least is not None and watch.greatest is not None:
            whole = numpy.full(len(cells), numpy.nan)
            whole[~null.to_numpy(zero_copy_only=False)] = numbers
            with numpy.errstate(invalid="ignore"):
                self.below.add(whole < watch.least, first_row)
                self.above.add(whole > watch.greatest, first_row)
                if watch.least >= 0:
                    self.negative.add(whole < 0, first_row)
        if watch.categories is not None:
            known = compute.is_in(cells, value_set=pyarrow.array(sorted(watch.categories), pyarrow.string()))
            strange = compute.invert(compute.or_(known, null))
            if compute.any(strange).as_py():
                self.unseen.add(strange.to_numpy(zero_copy_only=False), first_row)
                for each in compute.value_counts(cells.filter(strange)):
                    if len(self.unseen_values) < MOST_NOTED:
                        self.unseen_values[each["values"].as_py()[:LONGEST_CATEGORY]] += each["counts"].as_py()

    @property
    def type(self) -> str:
        """The file's type, or the narrowest that all cells of text can be read as."""
        if self._typed is not None:
            return self._typed
        if self._rows == self._nulls:
            return "empty"
        return next((each for each in ("boolean", "integer", "decimal") if each in self._could_be), "text")

    @property
    def counts(self) -> Counter[str] | None:
        """How often each value stands in it; None where there are too many."""
        return self._counts

    def finished(self) -> Column:
        """What is known of the column."""
        is_number = self._finite > 0 and self.type != "text"
        counts = self._counts
        listed = counts is not None and (self._is_label or (not is_number and len(counts) * ROWS_FOR_EACH_CATEGORY <= self._rows))
        whole = blake2b(self._lengths.digest() + self._bytes.digest(), digest_size=8).hexdigest()
        return Column(
            name=self.name,
            type=self.type,
            nulls=self._nulls,
            distinct=len(counts) if counts is not None and not is_number else self._distinct.count(),
            estimated=counts is None and self._distinct.is_estimate,
            least=self._least if is_number else None,
            greatest=self._greatest if is_number else None,
            mean=self._sum / self._finite if is_number else None,
            quantiles=self._numbers.quantiles(QUANTILES) if is_number else (),
            histogram=self._histogram() if is_number else (),
            categories=categories(counts) if counts is not None and listed else (),
            commonest=max(counts.values(), default=0) if counts is not None else 0,
            cells=whole,
        )

    def _histogram(self) -> tuple[int, ...]:
        values, weights = self._numbers.weighted()
        width = (self._greatest - self._least) or 1.0
        at = numpy.clip(((values - self._least) / width * HISTOGRAM_BARS).astype(numpy.int64), 0, HISTOGRAM_BARS - 1)
        return tuple(int(each) for each in numpy.bincount(at, weights=weights, minlength=HISTOGRAM_BARS))


def categories(counts: Counter[str]) -> tuple[Category, ...]:
    """Values and their counts, the commonest first."""
    return tuple(Category(value, rows) for value, rows in sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def text_buffers(cells: Any) -> tuple[Any, Any]:
    """Offsets (one more than cells) and bytes of an Arrow string array without nulls."""
    _, offsets, data = cells.buffers()
    starts = numpy.frombuffer(offsets, dtype=numpy.int32)[cells.offset : cells.offset + len(cells) + 1] if len(cells) else numpy.zeros(1, numpy.int32)
    return starts, numpy.frombuffer(data, dtype=numpy.uint8) if data is not None else numpy.empty(0, numpy.uint8)


def _floats(present: Any) -> Any | None:
    try:
        found = compute.cast(present, pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None
    return numpy.asarray(found.to_numpy(zero_copy_only=False))
