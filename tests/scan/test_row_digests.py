"""Digests of blocks of rows: the same however the rows come, moved by nothing that stands elsewhere, and read back as written."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.scan.datasets.rows import Blocks, DigestTable, blocks, read_table, table_of

ROWS = numpy.random.default_rng(7).integers(0, 2**64, 200_000, dtype=numpy.uint64)


@given(st.lists(st.integers(0, 5000), max_size=8))
@settings(max_examples=50, deadline=None)
def test_blocks_are_the_same_however_the_rows_come(cuts: list[int]) -> None:
    rows = ROWS[:5000]
    made = Blocks(8)
    for part in numpy.split(rows, sorted(cuts)):
        made.add(part)
    whole, pieces = blocks(rows, 8), made.table()
    assert (whole.whole.tolist(), whole.lengths.tolist()) == (pieces.whole.tolist(), pieces.lengths.tolist())  # type: ignore[union-attr]


def test_blocks_that_became_longer_are_those_that_were_so_from_the_start() -> None:
    made = Blocks(2, most=1000)
    for part in numpy.array_split(ROWS, 17):
        made.add(part)
    grown = made.table()
    assert len(grown.whole) <= 1001
    fixed = blocks(ROWS, grown.block)
    assert (grown.whole.tolist(), grown.lengths.tolist()) == (fixed.whole.tolist(), fixed.lengths.tolist())  # type: ignore[union-attr]
    assert grown.rows == len(ROWS)


@pytest.mark.parametrize("edit", ["change", "insert", "remove", "swap"])
def test_an_edit_changes_the_blocks_around_it_and_no_other(edit: str) -> None:
    rows = ROWS.copy()
    if edit == "change":
        rows[100_000] += numpy.uint64(1)
    elif edit == "insert":
        rows = numpy.insert(rows, 100_000, numpy.uint64(5))
    elif edit == "remove":
        rows = numpy.delete(rows, 100_000)
    else:
        rows[[100_000, 100_001]] = rows[[100_001, 100_000]]
    before, after = blocks(ROWS, 64).whole.tolist(), blocks(rows, 64).whole.tolist()
    assert 1 <= len(set(before) - set(after)) <= 3
    assert len(set(after) - set(before)) <= 3


@pytest.mark.parametrize("table", [DigestTable(ROWS[:5], ROWS[5:10]), DigestTable(ROWS[:5], None), blocks(ROWS, 1024), table_of(ROWS[:0], None)])
def test_a_table_is_read_back_as_written(table: DigestTable) -> None:
    read = read_table(table.encoded())
    assert (read.whole.tolist(), read.block, read.rows) == (table.whole.tolist(), table.block, table.rows)
    assert (read.features is None) == (table.features is None)


@pytest.mark.parametrize(
    "data", [b"", b"mlsc-rows-1\n", b"mlsc-rows-1\n{}\n", b'mlsc-rows-1\n{"count": 9, "features": false, "block": 1}\n12345678', b"x" * 100]
)
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_table(data)
