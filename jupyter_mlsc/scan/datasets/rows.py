"""Digests of rows: eight bytes for all cells of a row and, where there is a label, eight for all cells but it. Kept in a file beside the statement.

Rules kept: a digest is BLAKE2b, keyed with the project's id, over the cells as text with a separator that no cell can hold unescaped, so that equal
rows have equal digests whatever the file's format is; a row's digest depends on nothing but the row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy

from jupyter_mlsc.errors import FormatError

DIGEST_SIZE = 8
MAGIC = b"mlsc-rows-1\n"
MOST_DIGESTS = 1 << 20
"""Digests that a file of them holds: where there are more rows, a digest stands for a block of rows, which ends after a row whose digest says so."""
LONGEST_HEADER = 4096


def digests(rows: list[bytes], key: bytes) -> Any:
    """The digests of joined rows, as numbers."""
    made = []
    begun = blake2b(digest_size=DIGEST_SIZE, key=key).copy  # the same as a new one with that key, in two thirds of the time
    for row in rows:
        state = begun()
        state.update(row)
        made.append(state.digest())
    return numpy.frombuffer(b"".join(made), dtype="<u8")


def digest_with(row: bytes, label: bytes, key: bytes) -> int:
    """The digest of a row of which the label is known: what it would be with that label."""
    return int.from_bytes(blake2b(row + _LABEL + label, digest_size=DIGEST_SIZE, key=key).digest(), "little")


_LABEL = b"\x1f\x1b="


def digests_with(rows: list[bytes], labels: list[bytes], key: bytes) -> tuple[Any, Any]:
    """The digests of joined rows, and of the same with their labels."""
    without, whole = [], []
    begun = blake2b(digest_size=DIGEST_SIZE, key=key).copy
    for row, label in zip(rows, labels, strict=True):
        state = begun()
        state.update(row)
        without.append(state.digest())
        state.update(_LABEL + label)
        whole.append(state.digest())
    return numpy.frombuffer(b"".join(without), dtype="<u8"), numpy.frombuffer(b"".join(whole), dtype="<u8")


@dataclass(frozen=True)
class DigestTable:
    """Digests of all rows, or of blocks of rows: ``whole`` with every cell, ``features`` without the label, ``lengths`` rows in each block."""

    whole: Any
    features: Any | None
    lengths: Any | None = None
    block: int = 1

    @property
    def rows(self) -> int:
        """Rows that it stands for."""
        return len(self.whole) if self.lengths is None else int(self.lengths.sum())

    def encoded(self) -> bytes:
        """The file."""
        header = {"count": len(self.whole), "features": self.features is not None, "block": self.block}
        parts = [MAGIC, json.dumps(header).encode(), b"\n", self.whole.astype("<u8").tobytes()]
        if self.features is not None:
            parts.append(self.features.astype("<u8").tobytes())
        if self.lengths is not None:
            parts.append(self.lengths.astype("<u4").tobytes())
        return b"".join(parts)


def blocks(whole: Any, block: int) -> DigestTable:
    """Digests of blocks of some ``block`` rows, of rows that are all at hand."""
    made = Blocks(block)
    made.add(whole)
    return made.table()


def table_of(whole: Any, features: Any | None, most: int = MOST_DIGESTS) -> DigestTable:
    """The digests that are kept: of every row, or of blocks of rows where there are too many."""
    if len(whole) <= most:
        return DigestTable(whole, features)
    made = Blocks(2, most)
    made.add(whole)
    return made.table()


class Blocks:
    """Digests of blocks of rows, taken in piece by piece. With ``most``, blocks become twice as long whenever there are too many.

    Where a block ends is told by its last row's digest, so that a row more or less moves no block after it. A block's digest is a polynomial in its rows'
    digests, modulo 2^64, in their order: digests of neighbours make that of both together.
    """

    def __init__(self, block: int, most: int | None = None) -> None:
        self.block, self._most = block, most
        self._digests: list[Any] = []
        self._lengths: list[Any] = []
        self._ends: list[Any] = []
        self._count = 0
        self._open: tuple[Any, int, Any] | None = None
        """Digest, length and last row of the block that has not ended."""

    def add(self, whole: Any) -> None:
        """Take in rows."""
        with numpy.errstate(over="ignore"):  # modulo 2^64
            for start in range(0, len(whole), _POWERS):
                self._add(whole[start : start + _POWERS])
            while self._most is not None and self._count > self._most:
                self._double()

    def _add(self, rows: Any) -> None:
        sums = numpy.concatenate((numpy.zeros(1, dtype=numpy.uint64), numpy.cumsum(rows * _INVERSE[: len(rows)], dtype=numpy.uint64)))
        ends = numpy.flatnonzero(rows % numpy.uint64(self.block) == 0) + 1
        bounds = ends if len(ends) and ends[-1] == len(rows) else numpy.append(ends, len(rows))
        starts = numpy.append(0, bounds[:-1])
        digests = (sums[bounds] - sums[starts]) * _POWER[bounds - 1]
        lengths = (bounds - starts).astype(numpy.int64)
        last = rows[bounds - 1]
        if self._open is not None:
            before, length, _ = self._open
            digests[0] += before * _power(lengths[:1])[0]
            lengths[0] += length
        closed = len(bounds) if len(ends) == len(bounds) else len(bounds) - 1
        self._open = None if closed == len(bounds) else (digests[-1], int(lengths[-1]), last[-1])
        self._keep(digests[:closed], lengths[:closed], last[:closed])

    def _keep(self, digests: Any, lengths: Any, ends: Any) -> None:
        self._digests.append(digests)
        self._lengths.append(lengths)
        self._ends.append(ends)
        self._count += len(digests)

    def _double(self) -> None:
        digests, lengths, ends = (numpy.concatenate(each) for each in (self._digests, self._lengths, self._ends))
        self.block *= 2
        self._digests, self._lengths, self._ends, self._count = [], [], [], 0
        closes = numpy.flatnonzero(ends % numpy.uint64(self.block) == 0) + 1
        until = int(closes[-1]) if len(closes) else 0
        if until:
            starts = numpy.append(0, closes[:-1])
            self._keep(*_merged(digests[:until], lengths[:until], starts), ends[closes - 1])
        if until < len(digests):
            tail, length = _merged(digests[until:], lengths[until:], numpy.zeros(1, dtype=numpy.int64))
            if self._open is None:
                self._open = (tail[0], int(length[0]), ends[-1])
            else:
                more, its_length, last = self._open
                self._open = (tail[0] * _power(numpy.array([its_length]))[0] + more, int(length[0]) + its_length, last)

    def table(self) -> DigestTable:
        """The digests."""
        digests, lengths = [*self._digests], [*self._lengths]
        if self._open is not None:
            digests.append(numpy.array([self._open[0]], dtype=numpy.uint64))
            lengths.append(numpy.array([self._open[1]]))
        empty = numpy.empty(0, dtype=numpy.uint64)
        return DigestTable(numpy.concatenate(digests or [empty]), None, numpy.concatenate(lengths or [empty]).astype("<u4"), self.block)


_POWERS = 1 << 16
_FACTOR = 0x9E3779B97F4A7C15


def _powers_of(factor: int) -> Any:
    factors = numpy.full(_POWERS + 1, factor, dtype=numpy.uint64)
    factors[0] = 1
    return numpy.multiply.accumulate(factors, dtype=numpy.uint64)


_POWER, _INVERSE = _powers_of(_FACTOR), _powers_of(pow(_FACTOR, -1, 1 << 64))


def _power(exponents: Any) -> Any:
    """The factor to the power of each exponent, modulo 2^64."""
    left, result, square = exponents.astype(numpy.uint64), numpy.ones(len(exponents), dtype=numpy.uint64), numpy.uint64(_FACTOR)
    with numpy.errstate(over="ignore"):
        while left.any():
            result = numpy.where(left & numpy.uint64(1), result * square, result)
            left, square = left >> numpy.uint64(1), square * square
    return result


def _merged(digests: Any, lengths: Any, starts: Any) -> tuple[Any, Any]:
    """Neighbouring blocks as one, each group beginning at one of ``starts``."""
    totals = numpy.add.reduceat(lengths, starts)
    through = numpy.cumsum(lengths)
    group_ends = numpy.repeat(through[numpy.append(starts[1:], len(lengths)) - 1], numpy.diff(numpy.append(starts, len(lengths))))
    return numpy.add.reduceat(digests * _power(group_ends - through), starts), totals


def read_table(data: bytes) -> DigestTable:
    """Read a file of digests. Raises FormatError."""
    broken = FormatError("the file of row digests is not one of ours", next_step="sign the data set again")
    if not data.startswith(MAGIC):
        raise broken
    line, _, body = data[len(MAGIC) : len(MAGIC) + LONGEST_HEADER].partition(b"\n")
    at = len(MAGIC) + len(line) + 1
    try:
        header = json.loads(line)
        count, features, block = int(header["count"]), bool(header["features"]), int(header["block"])
    except (ValueError, KeyError, TypeError) as err:
        raise broken from err
    wanted = count * DIGEST_SIZE * (1 + features) + (count * 4 if block > 1 else 0)
    if count < 0 or block < 1 or len(data) - at != wanted:
        raise broken
    del body
    whole = numpy.frombuffer(data, "<u8", count, at)
    at += count * DIGEST_SIZE
    second = numpy.frombuffer(data, "<u8", count, at) if features else None
    at += count * DIGEST_SIZE if features else 0
    return DigestTable(whole, second, numpy.frombuffer(data, "<u4", count, at) if block > 1 else None, block)
