"""Followers: tables that find entries by subject and kind. They follow the entries, can be dropped at any time, and are never believed.

Rules kept here: a follower says how far it has come, and is brought up to date before it is asked; whatever a row points to counts only if
the entry's own record says so; where an index cannot be written, the records themselves are read instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from sqlalchemy import Connection, Select, Table, bindparam, delete, func, insert, or_, select, union, update

from jupyter_mlsc.ledger import tables
from jupyter_mlsc.ledger.record import Record, decode_record
from jupyter_mlsc.ledger.store import Store, numbers_between

Row: TypeAlias = tuple[int | bytes | str, ...]

_STEP = 2_000
"""Entries read at once; bounds memory."""


@dataclass(frozen=True, slots=True)
class Follower:
    """One index: its name, its table, and the rows that an entry's record gives, in the order of the table's columns."""

    name: str
    table: Table
    rows: Callable[[int, Record], list[Row]]


def key_of(value: str) -> bytes:
    """The fixed-size key of a text: 16 bytes. That two texts may share one does no harm, since records are looked at again."""
    return sha256(value.encode("utf-8", "surrogatepass")).digest()[:16]


def _subject_rows(number: int, record: Record) -> list[Row]:
    return [(number, position, key_of(subject.name), key_of(subject.digest)) for position, subject in enumerate(record.subjects)]


def _kind_rows(number: int, record: Record) -> list[Row]:
    return [(number, record.kind)]


FOLLOWERS = (Follower("subjects", tables.subject_index, _subject_rows), Follower("kinds", tables.kind_index, _kind_rows))


def make(connection: Connection) -> None:
    """Make the tables that are missing, empty, and say that nothing was followed yet."""
    tables.INDEXES.create_all(connection)
    present = set(connection.execute(select(tables.follower.c.name)).scalars())
    for one in FOLLOWERS:
        if one.name not in present:
            connection.execute(insert(tables.follower).values(name=one.name, position=0))


def positions(connection: Connection) -> dict[str, int]:
    """How many entries each follower has followed."""
    return {row.name: row.position for row in connection.execute(_POSITIONS)}


# A look at each index comes along, so that one which was dropped is noticed here and not in the middle of a question.
_PROBES = (column for one in FOLLOWERS for column in one.table.columns)
_POSITIONS = select(tables.follower.c.name, tables.follower.c.position, *(select(column).limit(1).scalar_subquery() for column in _PROBES))


def is_current(connection: Connection, size: int) -> bool:
    """Whether every follower has followed exactly ``size`` entries."""
    return positions(connection) == {one.name: size for one in FOLLOWERS}


def has_strays(connection: Connection) -> bool:
    """Whether an index has a row for an entry that is not there, or a follower that is not ours."""
    ends = select(func.coalesce(func.max(tables.entry.c.number) + 1, 0)).scalar_subquery()
    stray = (select(one.table.c.entry).where(or_(one.table.c.entry < 0, one.table.c.entry >= ends)).limit(1) for one in FOLLOWERS)
    return any(connection.execute(question).first() is not None for question in stray)


def follow(connection: Connection, new: Sequence[tuple[int, Record]], size: int) -> None:
    """Add the rows of new entries to indexes that were current, and say that they have now come to ``size``."""
    for one in FOLLOWERS:
        _insert(connection, one, [row for number, record in new for row in one.rows(number, record)])
    connection.execute(_ADVANCE, {"to": size})


_ADVANCE = update(tables.follower).values(position=bindparam("to"))
_ADD = {one.name: (insert(one.table), [column.name for column in one.table.columns]) for one in FOLLOWERS}


def rebuild(connection: Connection, size: int) -> None:
    """Drop all indexes and make them anew from the first ``size`` entries."""
    tables.INDEXES.drop_all(connection)
    make(connection)
    catch_up(connection, size)


def catch_up(connection: Connection, size: int) -> None:
    """Bring every follower to ``size``; one that is lost, or ahead, starts anew."""
    come = positions(connection)
    for one in FOLLOWERS:
        begin = come.get(one.name, -1)
        if not 0 <= begin <= size:
            connection.execute(delete(one.table))
            connection.execute(delete(tables.follower).where(tables.follower.c.name == one.name))
            connection.execute(insert(tables.follower).values(name=one.name, position=0))
            begin = 0
        else:
            # Rows past the position were never ours.
            connection.execute(delete(one.table).where(one.table.c.entry >= begin))
        for first, last in numbers_between(begin, size, _STEP):
            _insert(connection, one, [row for number, record in read_records(connection, first, last) for row in one.rows(number, record)])
        connection.execute(update(tables.follower).where(tables.follower.c.name == one.name).values(position=size))


def read_records(connection: Connection, first: int, last: int) -> Iterable[tuple[int, Record]]:
    """Numbers and records of the entries in a range."""
    rows = connection.execute(
        select(tables.entry.c.number, tables.entry.c.record).where(tables.entry.c.number >= first, tables.entry.c.number < last).order_by(tables.entry.c.number)
    )
    return ((row.number, decode_record(bytes(row.record), row.number)) for row in rows)


def candidates(*, name: str | None = None, digest: str | None = None, kind: str | None = None) -> Select[tuple[int]]:
    """Select the numbers of the entries that the indexes give for a question, in order."""
    question = select(tables.entry.c.number)
    if name is not None or digest is not None:
        subjects = select(tables.subject_index.c.entry)
        if name is not None:
            subjects = subjects.where(tables.subject_index.c.name_key == key_of(name))
        if digest is not None:
            subjects = subjects.where(tables.subject_index.c.digest_key == key_of(digest))
        question = question.where(tables.entry.c.number.in_(subjects))
    if kind is not None:
        question = question.where(tables.entry.c.number.in_(select(tables.kind_index.c.entry).where(tables.kind_index.c.kind == kind)))
    return question.order_by(tables.entry.c.number)


def candidates_of_any(names: Sequence[str], digests: Sequence[str]) -> Select[tuple[int]]:
    """Select the numbers of the entries that the indexes give for any of these names or digests."""
    subjects = tables.subject_index.c
    asked = ((subjects.name_key, names), (subjects.digest_key, digests))
    return select(tables.entry.c.number).where(
        tables.entry.c.number.in_(union(*(select(subjects.entry).where(column.in_([key_of(each) for each in some])) for column, some in asked)))
    )


def remake(store: Store) -> None:
    """Make the index tables anew, empty, where one of them is missing or not as it should be. The caller holds ``turn``."""
    with store.writing() as connection:
        tables.INDEXES.drop_all(connection)
        make(connection)


def _insert(connection: Connection, one: Follower, rows: list[Row]) -> None:
    if rows:
        statement, names = _ADD[one.name]
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])
