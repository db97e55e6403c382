"""Quantiles and distinct counts of any number of values in bounded memory: exact while there are few, with a stated error beyond.

Sources: Karnin, Lang, Liberty, 'Optimal quantile approximation in streams' (2016), with a fixed choice at each compaction, so that the same values
give the same sketch; Bar-Yossef and others, 'Counting distinct elements in a data stream' (2002), the k smallest hashes.
"""

from __future__ import annotations

from typing import Any

import numpy

KEPT_VALUES = 4096
"""Values on each level of a quantile sketch: the rank of a quantile is right within 0.2 % of a hundred million values."""
KEPT_HASHES = 4096
"""Smallest hashes that are kept: a count of distinct values is right within some 3 % (two standard errors)."""


class QuantileSketch:
    """Values of one column; each level stands for twice as many values as the one below."""

    def __init__(self) -> None:
        self._levels: list[list[Any]] = [[]]
        self._sizes = [0]
        self._odd = [False]

    def add(self, values: Any) -> None:
        """Take in an array of finite numbers."""
        for start in range(0, len(values), KEPT_VALUES):
            part = values[start : start + KEPT_VALUES]
            self._levels[0].append(part)
            self._sizes[0] += len(part)
            level = 0
            while self._sizes[level] >= 2 * KEPT_VALUES:
                self._compact(level)
                level += 1

    def _compact(self, level: int) -> None:
        whole = numpy.sort(numpy.concatenate(self._levels[level]))
        even = len(whole) - len(whole) % 2
        kept, rest = whole[int(self._odd[level]) : even : 2], whole[even:]
        self._odd[level] = not self._odd[level]
        self._levels[level], self._sizes[level] = ([rest] if len(rest) else []), len(rest)
        if level + 1 == len(self._levels):
            self._levels.append([])
            self._sizes.append(0)
            self._odd.append(False)
        self._levels[level + 1].append(kept)
        self._sizes[level + 1] += len(kept)

    def weighted(self) -> tuple[Any, Any]:
        """The kept values in order, and how many values each stands for."""
        values = [numpy.concatenate(level) if level else numpy.empty(0) for level in self._levels]
        weights = numpy.concatenate([numpy.full(len(each), 1 << level, dtype=numpy.int64) for level, each in enumerate(values)])
        whole = numpy.concatenate(values)
        order = numpy.argsort(whole, kind="stable")
        return whole[order], weights[order]

    def quantiles(self, shares: tuple[float, ...]) -> tuple[float, ...]:
        """The smallest value with at least this share of all values at or below it; nothing where there is none."""
        values, weights = self.weighted()
        if not len(values):
            return ()
        ranks = numpy.cumsum(weights)
        at = numpy.searchsorted(ranks, [max(1, round(share * int(ranks[-1]))) for share in shares])
        return tuple(float(values[min(int(i), len(values) - 1)]) for i in at)


class DistinctSketch:
    """The smallest hashes of one column's values."""

    def __init__(self) -> None:
        self._smallest = numpy.empty(0, dtype=numpy.uint64)

    def add(self, hashes: Any) -> None:
        """Take in the 64-bit hashes of values."""
        if len(self._smallest) == KEPT_HASHES:
            hashes = hashes[hashes < self._smallest[-1]]
        if len(hashes):
            self._smallest = different(numpy.concatenate((self._smallest, hashes)))[:KEPT_HASHES]

    @property
    def is_estimate(self) -> bool:
        """Whether the count is an estimate."""
        return len(self._smallest) == KEPT_HASHES

    def count(self) -> int:
        """How many different values there were."""
        if not self.is_estimate:
            return len(self._smallest)
        return round((KEPT_HASHES - 1) / (float(self._smallest[-1]) / 2**64))


def different(values: Any) -> Any:
    """The different ones of some integers, in order: what ``numpy.unique`` gives, in a tenth of the time, which a table of hashes takes."""
    ordered = numpy.sort(values)
    return ordered if len(ordered) < 2 else ordered[numpy.concatenate(([True], ordered[1:] != ordered[:-1]))]


def hash_numbers(values: Any) -> Any:
    """64-bit hashes of float64 values, equal for equal numbers (the finaliser of splitmix64)."""
    bits = (values + 0.0).view(numpy.uint64)
    bits = (bits ^ (bits >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> numpy.uint64(31))


_FACTORS = numpy.random.default_rng(20260131).integers(1, 2**63, 4096, dtype=numpy.uint64) * numpy.uint64(2) + numpy.uint64(1)


def hash_texts(starts: Any, data: Any) -> Any:
    """64-bit hashes of texts, given as offsets (one more than texts) into their bytes. For counting only: whoever wants to can make two texts collide."""
    lengths = numpy.diff(starts)
    within = numpy.arange(int(starts[-1] - starts[0])) - numpy.repeat(starts[:-1] - starts[0], lengths)
    terms = (data[int(starts[0]) : int(starts[-1])].astype(numpy.uint64) + numpy.uint64(1)) * _FACTORS[within % len(_FACTORS)]
    sums = numpy.concatenate((numpy.zeros(1, dtype=numpy.uint64), numpy.cumsum(terms, dtype=numpy.uint64)))
    ends = (starts - starts[0]).astype(numpy.int64)
    totals = sums[ends[1:]] - sums[ends[:-1]] + lengths.astype(numpy.uint64)
    totals = (totals ^ (totals >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    totals = (totals ^ (totals >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return totals ^ (totals >> numpy.uint64(31))
