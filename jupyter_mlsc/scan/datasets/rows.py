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
    return numpy.frombuffer(b"".join([blake2b(row, digest_size=DIGEST_SIZE, key=key).digest() for row in rows]), dtype="<u8")


def digest_with(row: bytes, label: bytes, key: bytes) -> int:
    """The digest of a row of which the label is known: what it would be with that label."""
    return int.from_bytes(blake2b(row + _LABEL + label, digest_size=DIGEST_SIZE, key=key).digest(), "little")


_LABEL = b"\x1f\x1b="


def digests_with(rows: list[bytes], labels: list[bytes], key: bytes) -> Any:
    """The digests of joined rows with their labels."""
    made = [blake2b(row + _LABEL + label, digest_size=DIGEST_SIZE, key=key).digest() for row, label in zip(rows, labels, strict=True)]
    return numpy.frombuffer(b"".join(made), dtype="<u8")


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


def table_of(whole: Any, features: Any | None, most: int = MOST_DIGESTS) -> DigestTable:
    """The digests that are kept: of every row, or of blocks of rows where there are too many."""
    block = 1
    while len(whole) > most * block // 2 and len(whole) > most:
        block *= 2
    return DigestTable(whole, features) if block == 1 else blocks(whole, block)


def blocks(whole: Any, block: int) -> DigestTable:
    """Blocks of some ``block`` rows. Where a block ends is told by a row's digest, so that a row more or less moves no block after it."""
    ends = numpy.flatnonzero(whole % numpy.uint64(block) == 0) + 1
    if not len(ends) or ends[-1] != len(whole):
        ends = numpy.append(ends, len(whole))
    starts = numpy.concatenate(([0], ends[:-1]))
    raw = whole.astype("<u8").tobytes()
    found = [blake2b(raw[a * 8 : b * 8], digest_size=DIGEST_SIZE).digest() for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return DigestTable(numpy.frombuffer(b"".join(found), dtype="<u8"), None, (ends - starts).astype("<u4"), block)


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
