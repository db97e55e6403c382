"""The ledger's tables, for SQLite and PostgreSQL alike.

The truth is ``meta``, ``entry``, ``node``, ``envelope`` and ``checkpoint``: rows are added, never changed. What ``INDEXES`` holds follows
from the entries and can be dropped at any time. Hashes are 32 raw bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator

from jupyter_mlsc.merkle import Node

SCHEMA = "1"
"""Version of these tables, kept in ``meta``. A ledger with another one is refused, never guessed at."""

TRUTH = MetaData()
INDEXES = MetaData()

# SQLite makes a column the row's own number only when its type is INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")


# SQLite keeps whatever is put into a column, of whatever type. Who edits a ledger may put a text where a hash belongs: it is read as a value
# of the right type that no hash, signature or size agrees with, so that it is found where every other edited value is found.


class Bytes(TypeDecorator[bytes]):
    """Bytes."""

    impl = LargeBinary
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """A reader of what the database gives."""
        return lambda value: value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


class Words(TypeDecorator[str]):
    """A text."""

    impl = Text
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """A reader of what the database gives."""
        return lambda value: value if isinstance(value, str) else repr(value)


class Count(TypeDecorator[int]):
    """A number."""

    impl = Number
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """A reader of what the database gives."""
        return lambda value: value if isinstance(value, int) else -1


meta = Table("meta", TRUTH, Column("name", Words, primary_key=True), Column("value", Words, nullable=False))

entry = Table(
    "entry",
    TRUTH,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("leaf_hash", Bytes, nullable=False),
    Column("signed_at", Count, nullable=False),  # size of the checkpoint that its append signed
    Column("record", Bytes, nullable=False),
)

# Complete nodes above the leaves, numbered in the order in which appends complete them: writes go to the end, reading is one sweep.
node = Table("node", TRUTH, Column("number", Number, primary_key=True, autoincrement=False), Column("hash", Bytes, nullable=False))

# Content-addressed; numbered by the first entry that brought it.
envelope = Table(
    "envelope",
    TRUTH,
    Column("entry", Number, primary_key=True, autoincrement=False),
    Column("digest", Bytes, nullable=False, unique=True),
    Column("content", Bytes, nullable=False),
)

checkpoint = Table("checkpoint", TRUTH, Column("size", Number, primary_key=True, autoincrement=False), Column("note", Words, nullable=False))

# Keys are the first 16 bytes of SHA-256 of the text: of one length for every name, whatever a database's collation or row limit is.
subject_index = Table(
    "subject_index",
    INDEXES,
    Column("entry", Number, primary_key=True, autoincrement=False),
    Column("position", Number, primary_key=True, autoincrement=False),
    Column("name_key", Bytes, nullable=False),
    Column("digest_key", Bytes, nullable=False),
    Index("subject_index_name", "name_key", "entry"),
    Index("subject_index_digest", "digest_key", "entry"),
    sqlite_with_rowid=False,
)

kind_index = Table(
    "kind_index",
    INDEXES,
    Column("entry", Number, primary_key=True, autoincrement=False),
    Column("kind", Words, nullable=False),
    Index("kind_index_kind", "kind", "entry"),
)

follower = Table("follower", INDEXES, Column("name", Words, primary_key=True), Column("position", Count, nullable=False))


def inner_nodes(size: int) -> int:
    """How many rows of ``node`` a tree of ``size`` leaves has."""
    return size - size.bit_count()


def node_number(named: Node) -> int:
    """The row of ``node`` that holds this node, which is no leaf."""
    last = ((named.place + 1) << named.level) - 1
    return inner_nodes(last) + named.level - 1
