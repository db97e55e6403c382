"""One pass over a table: its facts, the digests of its rows, and how it differs from a signed profile. Runs where nothing is to be lost (`inside`)."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
import pyarrow

from jupyter_mlsc.profiles import MOST_CLASSES, MOST_COLUMNS, DatasetFacts, Label
from jupyter_mlsc.scan.datasets import rows as row_digests
from jupyter_mlsc.scan.datasets.columns import ColumnSketch, Watch, categories
from jupyter_mlsc.scan.datasets.comparing import Compared, differences
from jupyter_mlsc.scan.datasets.joining import joined
from jupyter_mlsc.scan.datasets.questions import Answer, Question
from jupyter_mlsc.scan.datasets.reading import Piece, Table, mapped, open_table
from jupyter_mlsc.scan.datasets.sketches import DistinctSketch, different

LABELS = ("label", "labels", "target", "y", "class", "classes", "outcome", "diagnosis", "species", "cultivar", "survived", "is_fraud", "churn")
"""Names that a column to be predicted usually has, the likeliest first."""
MOST_IN_MEMORY = 1 << 23
"""Rows whose digests are all held: beyond, duplicates are estimated, and rows are compared in blocks or not at all."""
MOST_FLIPS = 20_000
"""Rows that differ in the label alone of which the old label is looked for."""


def look(question: Question, data: int, signed_rows: bytes | None) -> tuple[Answer, bytes]:
    """Answer a question about a table; the digests of its rows, where they are wanted. Raises FormatError."""
    table = open_table(question.family, data, separator=question.separator, packed=question.packed)
    signed = None if question.against is None else question.against.facts
    label = _label(table.names, question)
    known = None if signed is None else {column.name: column for column in signed.columns}
    sketches = [
        ColumnSketch(name, kind, is_label=name == label, watch=None if known is None else _watch(known.get(name)))
        for name, kind in list(zip(table.names, table.types, strict=True))[:MOST_COLUMNS]
    ]
    order, why_not = _order(table, signed, question)
    digest = _Digester(table.names, order, label, bytes.fromhex(question.key), None if signed_rows is None else row_digests.read_table(signed_rows))
    count, distinct = 0, DistinctSketch()
    with ThreadPoolExecutor(1) as pool:
        for piece in table.pieces:
            # Columns are looked at by libraries that let go of the interpreter, digests are made by it.
            columns = pool.submit(_take_columns, sketches, piece, count + 1)
            distinct.add(digest.add(piece, count))
            columns.result()
            count += piece.rows
    held = digest.held()
    facts = DatasetFacts(
        format=question.family,
        rows=count,
        columns=tuple(each.finished() for each in sketches),
        columns_in_all=len(table.names),
        label=_label_facts(label, sketches, guessed=_is_guess(question)),
        duplicates=count - (min(count, distinct.count()) if held is None else len(different(held[0]))),
        estimated=held is None,
        malformed=table.malformed,
        malformed_digest=f"{table.malformed_sum:032x}" if table.malformed else "",
    )
    block, encoded = 0, b""
    if question.rows:
        kept = digest.table()
        block, encoded = kept.block, kept.encoded()
    if signed is None:
        return Answer(facts, block=block, sha256=hashlib.sha256(mapped(data)).hexdigest() if question.hashed else ""), encoded
    if held is None and digest.signed is not None and digest.signed.block == 1:
        why_not = why_not or f"there are more than {MOST_IN_MEMORY:,} rows"
    compared = Compared(signed, facts, sketches, None if why_not else digest.signed, held, digest.present_blocks, digest.flips, why_not, digest.key)
    return Answer(facts, differences(compared), block), encoded


def _label(names: list[str], question: Question) -> str | None:
    """The column that is to be predicted: the one that the signed profile or the rule names, else one that is named like one."""
    if question.against is not None:
        known = question.against.facts.label
        return known.column if known is not None and known.column in names else None
    if question.label is not None:
        return question.label if question.label in names else None
    if not question.guess:
        return None
    lowered = {name.lower(): name for name in reversed(names)}
    return next((lowered[each] for each in LABELS if each in lowered), None)


def _is_guess(question: Question) -> bool:
    """Whether nobody named the label: neither a rule now, nor one when the profile was signed."""
    if question.against is not None:
        return question.against.facts.label is not None and question.against.facts.label.guessed
    return question.label is None


def _label_facts(label: str | None, sketches: list[ColumnSketch], *, guessed: bool) -> Label | None:
    found = next((each for each in sketches if each.name == label), None)
    if found is None or label is None:
        return None
    counts = found.counts
    return Label(label, guessed, categories(counts) if counts is not None and len(counts) <= MOST_CLASSES else ())


def _watch(column: Any | None) -> Watch | None:
    if column is None:
        return None
    listed = frozenset(each.value for each in column.categories) if column.categories else None
    bars = (column.least, column.greatest) if column.least is not None and column.greatest is not None else None
    return Watch(column.least, column.greatest, listed, column.nulls, bars)


def _order(table: Table, signed: DatasetFacts | None, question: Question) -> tuple[list[int], str]:
    """The columns that digests are of, in the signed order where there is one; and why rows cannot be compared, or nothing."""
    every = list(range(len(table.names)))
    if signed is None:
        return every, ""
    names = [column.name for column in signed.columns]
    if signed.columns_in_all > len(names):
        same = signed.columns_in_all == len(table.names) and table.names[: len(names)] == names
        return every, "" if same else "the columns are others than the signed ones"
    missing = [name for name in names if name not in table.names]
    if missing:
        return every, f"the column {missing[0]} is gone, and every row with it"
    return [table.names.index(name) for name in names], ""


class _Digester:
    """Makes the digests of rows, and keeps what tells a flipped label."""

    def __init__(self, names: list[str], order: list[int], label: str | None, key: bytes, signed: row_digests.DigestTable | None) -> None:
        self.key, self.signed = key, signed
        self._label = names.index(label) if label is not None else None
        self._order = [each for each in order if each != self._label]
        self._whole: list[Any] = []
        self._features: list[Any] = []
        self._rows, self._dropped = 0, False
        self._blocks: row_digests.Blocks | None = None
        self._like_signed = row_digests.Blocks(signed.block) if signed is not None and signed.block > 1 else None
        self.flips: dict[int, tuple[bytes, str]] = {}
        features = None if signed is None else signed.features
        self._known = None if signed is None or features is None else (different(signed.whole), different(features))

    def add(self, piece: Piece, before: int) -> Any:
        """Take in a piece after ``before`` rows; the digests of its rows."""
        whole_rows = joined([piece.cells[i] for i in self._order], piece.rows)
        if self._label is None:
            whole = row_digests.digests(whole_rows, self.key)
            self._keep(whole, None)
            return whole
        labels = piece.cells[self._label]
        texts = labels.cast(pyarrow.binary()).to_pylist()
        features, whole = row_digests.digests_with(whole_rows, texts, self.key)
        if self._known is not None and len(self.flips) < MOST_FLIPS:
            flipped = numpy.isin(features, self._known[1]) & ~numpy.isin(whole, self._known[0])
            for i in numpy.flatnonzero(flipped)[: MOST_FLIPS - len(self.flips)].tolist():
                self.flips[before + i] = (whole_rows[i], texts[i].decode())
        self._keep(whole, features)
        return whole

    def held(self) -> tuple[Any, Any | None] | None:
        """The digests of all rows; None where there were too many to hold."""
        if self._blocks is not None and self._dropped:
            return None
        empty = numpy.empty(0, dtype="<u8")
        whole = numpy.concatenate(self._whole) if self._whole else empty
        features = None if self._label is None else numpy.concatenate(self._features) if self._features else empty
        return whole, features

    def table(self) -> row_digests.DigestTable:
        """The digests that are kept."""
        held = self.held()
        if held is not None:
            return row_digests.table_of(*held)
        assert self._blocks is not None  # what was dropped went there
        return self._blocks.table()

    @property
    def present_blocks(self) -> row_digests.DigestTable | None:
        """Digests of the same blocks as the signed ones; None where these are of rows."""
        return None if self._like_signed is None else self._like_signed.table()

    def _keep(self, whole: Any, features: Any | None) -> None:
        if self._like_signed is not None:
            self._like_signed.add(whole)
        self._rows += len(whole)
        if not self._dropped and self._rows <= MOST_IN_MEMORY:
            self._whole.append(whole)
            if features is not None:
                self._features.append(features)
            return
        if self._blocks is None:
            self._blocks = row_digests.Blocks(2, row_digests.MOST_DIGESTS)
            for each in self._whole:
                self._blocks.add(each)
            self._whole, self._features, self._dropped = [], [], True
        self._blocks.add(whole)


def _take_columns(sketches: list[ColumnSketch], piece: Piece, first_row: int) -> None:
    for sketch, cells, values in zip(sketches, piece.cells, piece.values, strict=False):
        sketch.add(cells, values, first_row)
