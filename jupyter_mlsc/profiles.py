"""What a data set looks like: the body of a ``profile/v1`` statement, and what a comparison with one finds. Frozen values; no I/O, no library.

Rules kept: a profile holds no cell of the data but ranges, quantiles and the values of columns that have few; row digests are kept beside the
statement, which binds them by their own digest; whatever was cut or estimated says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.predicates import PredicateBody

PROFILE = predicates.BASE + "profile/v1"
ENTRY_KIND = "profile"
"""The ledger's kind of an entry that holds a profile."""

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Of which shares of the values a profile tells the quantiles."""
HISTOGRAM_BARS = 20
MOST_CATEGORIES = 64
"""Different values of a column up to which they are listed."""
MOST_CLASSES = 1000
"""Different labels up to which they are counted."""
MOST_COLUMNS = 1000
"""Columns that a profile describes; row digests cover all of them."""


class Category(PredicateBody, frozen=True):
    """One value of a column of few, and how many rows have it."""

    value: str
    rows: int


class Column(PredicateBody, frozen=True):
    """One column. ``type`` is the file's own, or, in text, what all cells can be read as: ``integer``, ``decimal``, ``boolean``, ``text``, ``empty``."""

    name: str
    type: str
    nulls: int = 0
    distinct: int = 0
    estimated: bool = False
    """``distinct`` is an estimate, within some 3 %."""
    least: float | None = None
    greatest: float | None = None
    mean: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: tuple[int, ...] = ()
    """Counts in bars of equal width from ``least`` to ``greatest``."""
    categories: tuple[Category, ...] = ()
    commonest: int = 0
    """Rows that have the commonest value, where values were counted."""
    cells: str = ""
    """A digest over all cells in their order: whether anything in this column differs."""


class Label(PredicateBody, frozen=True):
    """The column that is to be predicted, and how often each class stands in it; ``guessed`` where no rule named it. No classes: there are too many."""

    column: str
    guessed: bool = False
    classes: tuple[Category, ...] = ()


class RowDigests(PredicateBody, frozen=True):
    """Where the digests of the rows are: a file named by its SHA-256 in ``.mlsc/profiles``. ``block`` is 1 for a digest of every row."""

    sha256: str
    size: int
    block: int = 1


class DatasetFacts(PredicateBody, frozen=True):
    """What a data set looks like. ``format`` is the format that it was read as; of a folder of images, a row is an image."""

    format: str
    rows: int
    columns: tuple[Column, ...] = ()
    columns_in_all: int = 0
    label: Label | None = None
    duplicates: int = 0
    """Rows that are equal to an earlier one."""
    estimated: bool = False
    """``duplicates`` is an estimate."""
    malformed: int = 0
    """Lines with too few or too many cells, which are in none of these numbers."""
    malformed_digest: str = ""
    """A digest over these lines, in any order: whether they are others."""
    unreadable: tuple[str, ...] = ()
    """Images that could not be decoded, the first of them."""


class ProfileBody(PredicateBody, frozen=True):
    """``profile/v1``: a data set's profile, bound to its digest, name and project."""

    name: str
    project: str
    signed_at: datetime
    channel: str
    size: int
    dataset: DatasetFacts
    rows: RowDigests | None = None


Spans = tuple[tuple[int, int], ...]
"""Row numbers as runs: first and last row of each, counted from 1; the header is no row."""


class ColumnChange(PredicateBody, frozen=True):
    """What is different in a column. ``kind`` is a code; ``text`` says it to a person; ``rows`` are the first rows that it is about, ``count`` how many."""

    column: str
    kind: Literal[
        "column-added",
        "column-removed",
        "type",
        "below-range",
        "above-range",
        "negative",
        "unseen-category",
        "nulls",
        "cells",
        "labels",
        "order",
        "malformed",
    ]
    text: str
    count: int = 0
    rows: tuple[int, ...] = ()


class LabelChange(PredicateBody, frozen=True):
    """So many rows differ in the label alone, from one class to another; None where the old class is not known."""

    was: str | None
    now: str | None
    count: int


class RowChanges(PredicateBody, frozen=True):
    """How the rows differ. ``exact`` is false where blocks of rows were compared: then counts are upper bounds and spans are of blocks.

    ``changed``, ``label_only`` (which are among those), ``added`` and ``moved`` are rows of the data as they are, ``removed`` of the signed ones.
    """

    exact: bool = True
    changed: Spans = ()
    label_only: Spans = ()
    added: Spans = ()
    removed: Spans = ()
    moved: Spans = ()
    labels: tuple[LabelChange, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    """(signed row, present row) of what changed or moved in another place, the first of them."""
    named: tuple[tuple[int, str], ...] = ()
    """Names of present rows that are not as they were, where rows have names: images."""


class Bars(PredicateBody, frozen=True):
    """A column's distribution then and now, in the same bars: edges for numbers, values for categories."""

    column: str
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    signed: tuple[int, ...] = ()
    present: tuple[int, ...] = ()


class Differences(PredicateBody, frozen=True):
    """A data set as it is against a profile of it."""

    signed_rows: int
    present_rows: int
    rows: RowChanges | None = None
    """None where the row digests are not there, or the rows cannot be compared; ``why`` says which."""
    why: str = ""
    columns: tuple[ColumnChange, ...] = ()
    bars: tuple[Bars, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """A data set as it is against the last signed profile of it. ``differences`` is None where the bytes are the signed ones."""

    path: str
    equal: bool
    digest: Digest
    signed_digest: Digest
    signed_at: datetime
    signer: str
    against: str
    """The name of what was signed: the data set's own, unless another one was named."""
    present: DatasetFacts | None = None
    differences: Differences | None = None
    by_run: bool = False
    """No person signed a profile: this is a run's word of what it saved."""


def count(spans: Spans) -> int:
    """How many rows the spans hold."""
    return sum(last - first + 1 for first, last in spans)
