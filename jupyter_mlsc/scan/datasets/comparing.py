"""A data set as it is against its signed profile, as values: rows, columns, labels, bars. Runs in the process that has just read the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mlsc.profiles import HISTOGRAM_BARS, Bars, Column, ColumnChange, DatasetFacts, Differences, LabelChange, RowChanges, Spans
from jupyter_mlsc.scan.datasets import rows as row_digests
from jupyter_mlsc.scan.datasets.alignment import align
from jupyter_mlsc.scan.datasets.columns import ColumnSketch
from jupyter_mlsc.scan.datasets.spans import merged, row_spans

MOST_PAIRS = 1000
MOST_BARS = 100
"""Columns whose distributions are told."""
_SHOWN = 5


@dataclass(frozen=True)
class Compared:
    """All that a comparison needs. ``why_not`` says why rows cannot be compared; ``flips`` are rows (from 0) that may differ in the label alone.

    The present digests are ``held``, of every row, with and without the label; or ``blocks`` like the signed ones.
    """

    signed: DatasetFacts
    present: DatasetFacts
    sketches: Sequence[ColumnSketch]
    table: row_digests.DigestTable | None
    held: tuple[Any, Any | None] | None
    blocks: row_digests.DigestTable | None
    flips: dict[int, tuple[bytes, str]]
    why_not: str
    key: bytes


def differences(given: Compared) -> Differences:
    """What is different."""
    rows, why = None, given.why_not or ("" if given.table is not None else "the digests of the signed rows are not there")
    if given.table is not None and not why:
        rows = _by_block(given, given.table) if given.table.block > 1 else _by_row(given, given.table)
    return Differences(given.signed.rows, given.present.rows, rows, why, tuple(_columns(given, rows)), tuple(_bars(given)))


def _by_row(given: Compared, table: row_digests.DigestTable) -> RowChanges:
    assert given.held is not None  # as `look` says otherwise
    found = align(table.whole, given.held[0], table.features, given.held[1])
    classes = [each.value for each in given.signed.label.classes] if given.signed.label is not None else []
    labels: Counter[tuple[str | None, str | None]] = Counter()
    for i, j in found.label_only:
        flip = given.flips.get(j)
        digest = int(table.whole[i])
        was = None if flip is None else next((c for c in classes if row_digests.digest_with(flip[0], c.encode(), given.key) == digest), None)
        labels[was, None if flip is None else flip[1]] += 1
    elsewhere = [(i + 1, j + 1) for i, j in (*found.changed, *found.moved)]
    return RowChanges(
        changed=row_spans(j for _, j in found.changed),
        label_only=row_spans(j for _, j in found.label_only),
        added=row_spans(found.added),
        removed=row_spans(found.removed),
        moved=row_spans(j for _, j in found.moved),
        labels=tuple(LabelChange(was, now, count) for (was, now), count in sorted(labels.items(), key=lambda each: (-each[1], str(each[0])))),
        pairs=tuple(sorted(elsewhere, key=lambda pair: pair[1])[:MOST_PAIRS]),
    )


def _by_block(given: Compared, table: row_digests.DigestTable) -> RowChanges:
    """Blocks that are not among the signed ones hold changed or added rows: their spans are all that is known."""
    assert table.lengths is not None  # as every table of blocks
    present = given.blocks
    assert present is not None  # as there are for every table of blocks
    assert present.lengths is not None
    found = align(table.whole, present.whole)
    ends, signed_ends = present.lengths.cumsum().tolist(), table.lengths.cumsum().tolist()

    def rows_of(blocks: Iterable[int], lengths: Any, until: list[int]) -> Spans:
        return merged((until[i] - int(lengths[i]) + 1, until[i]) for i in sorted(blocks))

    return RowChanges(
        exact=False,
        changed=rows_of((j for _, j in found.changed), present.lengths, ends),
        added=rows_of(found.added, present.lengths, ends),
        removed=rows_of(found.removed, table.lengths, signed_ends),
        moved=rows_of((j for _, j in found.moved), present.lengths, ends),
    )


def _columns(given: Compared, rows: RowChanges | None) -> Iterator[ColumnChange]:
    before = {column.name: column for column in given.signed.columns}
    after = {column.name: column for column in given.present.columns}
    sketches = {sketch.name: sketch for sketch in given.sketches}
    for name in before.keys() - after.keys():
        yield ColumnChange(name, "column-removed", f"column `{name}` is gone")
    for name in (column.name for column in given.present.columns if column.name not in before):
        yield ColumnChange(name, "column-added", f"column `{name}` is new")
    was, now = given.signed, given.present
    if (was.malformed, was.malformed_digest) != (now.malformed, now.malformed_digest):
        said = f"{now.malformed:,} lines have too few or too many cells, {was.malformed:,} had when it was signed"
        yield ColumnChange("", "malformed", said if was.malformed != now.malformed else f"{now.malformed:,} lines with too few or too many cells are others")
    shared = [name for name in before if name in after]
    if shared != [name for name in after if name in before]:
        yield ColumnChange("", "order", "the columns stand in another order")
    in_place = rows is None or not (rows.added or rows.removed or rows.moved)
    for name in shared:
        yield from _column(before[name], after[name], sketches[name], in_place=in_place and given.signed.rows == given.present.rows)


def _column(before: Column, after: Column, sketch: ColumnSketch, *, in_place: bool) -> Iterator[ColumnChange]:
    name = before.name
    if before.type != after.type:
        yield ColumnChange(name, "type", f"column `{name}` was {before.type} and is {after.type}")
    if sketch.negative.count:
        yield _noted(name, "negative", f"column `{name}` now has negative values", sketch.negative)
    elif sketch.below.count:
        yield _noted(name, "below-range", f"column `{name}` goes down to {_number(after.least)}, it was {_number(before.least)} at least", sketch.below)
    if sketch.above.count:
        yield _noted(name, "above-range", f"column `{name}` goes up to {_number(after.greatest)}, it was {_number(before.greatest)} at most", sketch.above)
    if sketch.missing.count:
        yield _noted(name, "nulls", f"column `{name}` now has missing values", sketch.missing)
    elif after.nulls > before.nulls:
        yield ColumnChange(name, "nulls", f"column `{name}` has {after.nulls:,} missing values, it had {before.nulls:,}", after.nulls - before.nulls)
    if sketch.unseen.count:
        values = ", ".join(f"`{value}`" for value, _ in sketch.unseen_values.most_common(_SHOWN))
        yield _noted(name, "unseen-category", f"column `{name}` has values that it never had: {values}", sketch.unseen)
    if in_place and before.cells != after.cells:
        yield ColumnChange(name, "cells", f"cells of column `{name}` differ")


def _noted(name: str, kind: Any, text: str, noted: Any) -> ColumnChange:
    return ColumnChange(name, kind, text, noted.count, tuple(noted.rows))


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.6g}"


def _bars(given: Compared) -> Iterator[Bars]:
    """Distributions then and now, of the label first."""
    sketches = {sketch.name: sketch for sketch in given.sketches}
    after = {column.name: column for column in given.present.columns}
    shown = 0
    label = given.signed.label.column if given.signed.label is not None else None
    for column in sorted(given.signed.columns, key=lambda each: each.name != label):
        if column.name not in after or shown == MOST_BARS:
            continue
        now = after[column.name]
        if column.categories:
            was = {each.value: each.rows for each in column.categories}
            have = {each.value: each.rows for each in now.categories} or dict(sketches[column.name].counts or {})
            values = tuple(dict.fromkeys((*was, *have)))
            yield Bars(column.name, (), values, tuple(was.get(v, 0) for v in values), tuple(have.get(v, 0) for v in values))
        elif column.histogram and column.least is not None and column.greatest is not None:
            width = (column.greatest - column.least) / HISTOGRAM_BARS
            edges = tuple(column.least + i * width for i in range(HISTOGRAM_BARS + 1))
            yield Bars(column.name, edges, (), column.histogram, tuple(int(each) for each in sketches[column.name].bars))
        else:
            continue
        shown += 1
