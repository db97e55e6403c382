"""The index of what came from what: follows a ledger's entries from the last one seen, when it is asked.

Rules kept: it is never believed, so that a false row costs a look and a missing one hides a line of a drawing, and no verdict asks it; rows and the place
that it has come to are written in one transaction, in turn with those who append; an index of another ledger, of other entries or of another version
is made anew; where the database cannot be written the same tables are made in memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, delete, func, insert, or_, select, update
from sqlalchemy.pool import StaticPool

from jupyter_mlsc.errors import LedgerError, LedgerTamperedError
from jupyter_mlsc.ledger import graph_tables, tables
from jupyter_mlsc.ledger.index import read_records
from jupyter_mlsc.ledger.store import TableMissingError, numbers_between

if TYPE_CHECKING:
    from jupyter_mlsc.ledger.log import Ledger

TABLES = (graph_tables.made, graph_tables.use, graph_tables.part, graph_tables.word)
_STEP = 2_000
"""Entries that are followed in one transaction: it bounds memory, and how long others wait who append."""

_LOG = logging.getLogger(__name__)

Row: TypeAlias = tuple[int | bytes, ...]


@dataclass(slots=True)
class Rows:
    """What entries say, as rows of the tables, by table name and in the order of its columns."""

    of: dict[str, list[Row]] = field(default_factory=lambda: {table.name: [] for table in TABLES})


@dataclass(frozen=True, slots=True)
class Reading:
    """How envelopes are read: ``version`` changes when the same envelope gives other rows; ``add`` puts an envelope's rows to others."""

    version: str
    predicate_types: frozenset[str]
    add: Callable[[Rows, int, str, bytes], None]
    """Called with the rows, the entry's number, its predicate type and its envelope."""


@dataclass(frozen=True, slots=True)
class _State:
    version: str
    origin: str
    position: int
    tip: bytes


class GraphIndex:
    """The index of one ledger, for one process. It may be asked from many threads."""

    def __init__(self, ledger: Ledger, reading: Reading) -> None:
        self.ledger = ledger
        self._reading = reading
        self._memory: Engine | None = None
        self._lock = threading.Lock()

    @contextmanager
    def current(self) -> Iterator[Connection]:
        """A transaction over an index that has followed all entries. Raises LedgerError where the ledger cannot be read."""
        engine = self._catch_up()
        if engine is None:
            with self.ledger.store.reading() as connection:
                yield connection
        else:
            with self._lock, engine.connect() as connection:
                yield connection

    def settled(self) -> dict[str, tuple[int, int]]:
        """Claim files all of whose lines were found in the ledger, with their times of change and sizes then."""
        with self.current() as connection:
            return {row.file: (row.changed, row.size) for row in connection.execute(select(graph_tables.claim))}

    def settle(self, files: Mapping[str, tuple[int, int]]) -> None:
        """Remember such files, if the index can be written."""
        rows = [{"file": file, "changed": changed, "size": size} for file, (changed, size) in files.items()]
        store = self.ledger.store
        if not rows or self._memory is not None:
            return
        try:
            with store.turn(), store.writing() as connection:
                for first in range(0, len(rows), _STEP):
                    some = rows[first : first + _STEP]
                    connection.execute(delete(graph_tables.claim).where(graph_tables.claim.c.file.in_([row["file"] for row in some])))
                    connection.execute(insert(graph_tables.claim), some)
        except LedgerTamperedError:
            raise
        except LedgerError as err:
            _LOG.info("claim files are read again the next time: %s", err)

    def remake(self) -> None:
        """Drop the index and follow all entries anew. Raises LedgerError where it cannot be written."""
        store = self.ledger.store
        with store.turn(), store.writing() as connection:
            self._empty(connection)
        self._follow_in_database()

    def wrong_rows(self) -> int:
        """How many rows are missing, edited or too many, after what is new was followed; 0 where there is no index in the database and none can be made.

        Every entry is read again; memory stays flat. Raises LedgerError where the ledger cannot be read.
        """
        if self._catch_up() is not None:
            return 0
        size = self.ledger.size
        with self.ledger.store.reading() as connection:
            wrong = sum(_strays(connection, table, size) for table in TABLES)
        for begin, end in numbers_between(0, size, _STEP):
            expected, _ = self._read(begin, end)
            with self.ledger.store.reading() as connection:
                wrong += sum(_differing(connection, table, expected.of[table.name], begin, end) for table in TABLES)
        return wrong

    def _catch_up(self) -> Engine | None:
        """Follow what is new; None where the database's own tables are to be asked."""
        if self._memory is None:
            try:
                with self.ledger.store.reading() as connection:
                    if self._is_current(connection):
                        return None
            except TableMissingError:
                pass
            try:
                self._follow_in_database()
            except LedgerTamperedError:
                raise
            except LedgerError as err:
                _LOG.info("the index of the ledger at %s cannot be written, it is made in memory: %s", self.ledger.place, err)
            else:
                return None
        with self._lock:
            self._memory = self._memory or _new_memory()
            self._follow_in_memory(self._memory)
        return self._memory

    def _is_current(self, connection: Connection) -> bool:
        for table in (*TABLES, graph_tables.claim):  # one that was dropped is noticed here and not in the middle of a question
            connection.execute(select(*table.columns).limit(1)).first()
        state = _state(connection)
        size = self.ledger.size
        return state is not None and state.position == size and self._is_ours(state, size)

    def _is_ours(self, state: _State, size: int) -> bool:
        """Whether what was followed is the beginning of this ledger, read as this version reads it."""
        if (state.version, state.origin) != (self._reading.version, self.ledger.origin) or not 0 <= state.position <= size:
            return False
        with self.ledger.store.reading() as connection:
            return state.tip == _tip(connection, state.position)

    def _follow_in_database(self) -> None:
        store = self.ledger.store
        position = self._position_in_database()
        while position < (size := self.ledger.size):
            end = min(position + _STEP, size)
            rows, tip = self._read(position, end)
            with store.turn(), store.writing() as connection:
                state = _state(connection)
                if state is None or not self._is_ours(state, size):
                    self._empty(connection)
                    position = 0
                elif state.position != position:
                    position = state.position  # another process has followed them
                else:
                    _add(connection, rows, store.insert_new)
                    connection.execute(update(graph_tables.state).values(position=end, tip=tip))
                    position = end

    def _position_in_database(self) -> int:
        """How far the index has come, after it was made where there was none that is ours."""
        store = self.ledger.store
        try:
            with store.reading() as connection:
                for table in (*TABLES, graph_tables.claim):
                    connection.execute(select(*table.columns).limit(1)).first()
                state = _state(connection)
            if state is not None and self._is_ours(state, self.ledger.size):
                return state.position
        except TableMissingError:
            pass
        with store.turn(), store.writing() as connection:
            self._empty(connection)
        return 0

    def _empty(self, connection: Connection) -> None:
        graph_tables.GRAPH.drop_all(connection)
        graph_tables.GRAPH.create_all(connection)
        connection.execute(insert(graph_tables.state).values(version=self._reading.version, origin=self.ledger.origin, position=0, tip=b""))

    def _follow_in_memory(self, engine: Engine) -> None:
        size = self.ledger.size
        with engine.begin() as connection:
            state = _state(connection)
            if state is None or not self._is_ours(state, size):
                self._empty(connection)
                state = _state(connection)
            assert state is not None  # it was just made
            for begin, end in numbers_between(state.position, size, _STEP):
                rows, tip = self._read(begin, end)
                _add(connection, rows, _or_ignore)
                connection.execute(update(graph_tables.state).values(position=end, tip=tip))

    def _read(self, begin: int, end: int) -> tuple[Rows, bytes]:
        """The rows of some entries, and the leaf hash of the last one."""
        rows = Rows()
        with self.ledger.store.reading() as connection:
            wanted = {
                number: (record.predicate_type, bytes.fromhex(record.envelope.removeprefix("sha256:")))
                for number, record in read_records(connection, begin, end)
                if record.predicate_type in self._reading.predicate_types
            }
            beside = select(tables.envelope).where(tables.envelope.c.entry >= begin, tables.envelope.c.entry < end)
            brought = {row.entry: (bytes(row.digest), bytes(row.content)) for row in connection.execute(beside)}
            for number, (predicate_type, digest) in wanted.items():
                content = brought[number][1] if brought.get(number, (b"",))[0] == digest else _envelope(connection, digest)
                if content is not None:
                    self._reading.add(rows, number, predicate_type, content)
            return rows, _tip(connection, end)


class HeldIndex:
    """The same tables in memory, over envelopes that stand in no ledger. Their numbers are -1, -2 and so on."""

    def __init__(self, reading: Reading, envelopes: Sequence[tuple[str, bytes]]) -> None:
        """``envelopes`` are predicate types and envelopes."""
        self._engine = _new_memory()
        self._lock = threading.Lock()
        rows = Rows()
        for place, (predicate_type, content) in enumerate(envelopes, 1):
            reading.add(rows, -place, predicate_type, content)
        with self._engine.begin() as connection:
            _add(connection, rows, _or_ignore)

    @contextmanager
    def current(self) -> Iterator[Connection]:
        """A transaction over it."""
        with self._lock, self._engine.connect() as connection:
            yield connection


def _new_memory() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        graph_tables.GRAPH.create_all(connection)
    return engine


def _or_ignore(table: Table) -> Insert:
    return insert(table).prefix_with("OR IGNORE")


def _state(connection: Connection) -> _State | None:
    rows = connection.execute(select(graph_tables.state)).all()
    return _State(rows[0].version, rows[0].origin, rows[0].position, rows[0].tip) if len(rows) == 1 else None


def _tip(connection: Connection, position: int) -> bytes:
    if position == 0:
        return b""
    found = connection.execute(select(tables.entry.c.leaf_hash).where(tables.entry.c.number == position - 1)).scalar()
    return b"" if found is None else bytes(found)


def _envelope(connection: Connection, digest: bytes) -> bytes | None:
    found = connection.execute(select(tables.envelope.c.content).where(tables.envelope.c.digest == digest)).scalar()
    return None if found is None else bytes(found)


def _strays(connection: Connection, table: Table, size: int) -> int:
    stray = select(func.count()).select_from(table).where(or_(table.c.entry < 0, table.c.entry >= size))
    return int(connection.execute(stray).scalar_one())


def _differing(connection: Connection, table: Table, rows: list[Row], begin: int, end: int) -> int:
    """Rows of these entries that are missing, and those that are there and should not be; an edited one is both, and counted once."""
    stored = {tuple(row) for row in connection.execute(select(*table.columns).where(table.c.entry >= begin, table.c.entry < end))}
    expected = set(rows)
    if table is graph_tables.part:
        # An earlier entry may have said the same.
        pairs, trees = {row[:2] for row in expected}, list({row[0] for row in expected})
        present: set[Row] = set()
        for first in range(0, len(trees), 500):
            found = select(table.c.tree, table.c.file).where(table.c.tree.in_(trees[first : first + 500]))
            present |= {tuple(row) for row in connection.execute(found)}
        return max(len(pairs - present), sum(row[:2] not in pairs for row in stored))
    return max(len(expected - stored), len(stored - expected))


def _add(connection: Connection, rows: Rows, inserting: Callable[[Table], Insert]) -> None:
    for table in TABLES:
        new = rows.of[table.name]
        if new:
            names = [column.name for column in table.columns]
            connection.execute(inserting(table), [dict(zip(names, row, strict=True)) for row in new])
