"""Where a ledger's tables live: a SQLite file or a PostgreSQL database, opened, locked and read in one way.

Rules kept here: a transaction is whole or absent, and on the disk when it has ended; one writer at a time, in turn; opening makes nothing;
every fault of a database leaves as a LedgerError that names the place. Nothing here knows what a tree or a signature is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from jupyter_mlsc.errors import LedgerError, MissingLibraryError
from jupyter_mlsc.ledger import tables
from jupyter_mlsc.ledger.database_errors import missing_table, wrapped
from jupyter_mlsc.ledger.lock import PATIENCE, append_lock

Place: TypeAlias = str | os.PathLike[str]
"""Where a ledger is: the path of a SQLite file, or a ``sqlite:///`` or ``postgresql://`` URL."""

_ADVISORY_LOCK = 0x6D6C7363
"""First key of PostgreSQL's advisory lock ("mlsc"; the second is the schema): the server queues those who wait for it."""


class TableMissingError(LedgerError):
    """A table is not there: it was dropped, or this is no ledger."""


@dataclass(frozen=True, slots=True)
class Located:
    """A place, understood: ``name`` is what errors and the memory of checkpoints call it (no password), ``file`` is None for a server."""

    name: str
    url: URL
    file: Path | None

    @classmethod
    def at(cls, place: Place) -> Located:
        """Read a path or a URL. Raises LedgerError for a database that is not supported."""
        given = os.fspath(place)
        if "://" not in given:
            file = Path(os.path.realpath(given))
            # Known by the name that was given: a link in the ledger's place is another ledger in its place.
            return cls(os.path.abspath(given), URL.create("sqlite", database=str(file)), file)
        try:
            url = make_url(given)
        except ArgumentError as err:
            raise LedgerError(f"not the URL of a ledger: {err}", next_step="use a path, sqlite:///PATH or postgresql://HOST/DATABASE") from err
        backend = url.get_backend_name()
        if backend == "sqlite" and url.database:
            return cls.at(url.database)
        if backend == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
            # `options` may choose a schema, and with it another ledger; everything else of the query is how one gets there.
            query = {name: value for name, value in url.query.items() if name == "options"}
            shown = URL.create("postgresql", host=url.host, port=url.port, database=url.database, query=query)
            return cls(shown.render_as_string(), url, None)
        raise LedgerError(f"a ledger cannot be kept in {backend}", next_step="use a path, sqlite:///PATH or postgresql://HOST/DATABASE")


class Store:
    """The tables of one ledger. It may be used from many threads and after a fork; each use takes a connection of its own."""

    def __init__(self, located: Located, *, patience: float = PATIENCE) -> None:
        self.located = located
        self.patience = patience
        self._process = os.getpid()
        self._engine = _sqlite_engine(located.file) if located.file else _postgresql_engine(located)

    @property
    def name(self) -> str:
        """The place, as a person reads it."""
        return self.located.name

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a file."""
        return self.located.file is not None

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state and changes nothing."""
        with self._wrapping(), self._connection() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def turn(self) -> AbstractContextManager[None]:
        """Wait for our turn to write, and hold it. A PostgreSQL server keeps that queue itself, inside the transaction."""
        file = self.located.file
        return append_lock(file.with_name(f"{file.name}-lock"), patience=self.patience) if file else nullcontext()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One durable transaction as the only writer, inside ``turn``. It is undone when the block raises; when it is left it is on the disk."""
        with self._wrapping(), self._connection() as connection, connection.execution_options(mlsc_writes=True).begin():
            if not self.is_sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = '{int(self.patience * 1000)}ms'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK}, hashtext(current_schema()))"))
            yield connection

    def insert_new(self, table: Table) -> Insert:
        """An insert that leaves a row alone that is already there."""
        if self.is_sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()

    def table_names(self, connection: Connection) -> frozenset[str]:
        """Names of the tables that are there."""
        if self.is_sqlite:
            statement = "SELECT name FROM sqlite_master WHERE type = 'table'"
        else:
            statement = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        return frozenset(connection.execute(text(statement)).scalars())

    def foreign_code(self, connection: Connection) -> tuple[str, ...]:
        """Names of triggers, views and rules on the ledger's tables: a ledger has none, and they would run when it is written."""
        if self.is_sqlite:
            statement = "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name"
        else:
            statement = (
                "SELECT tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
                " WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
                " UNION SELECT rulename::text FROM pg_rules WHERE schemaname = current_schema()"
                " UNION SELECT viewname::text FROM pg_views WHERE schemaname = current_schema() ORDER BY 1"
            )
        return tuple(connection.execute(text(statement)).scalars())

    def damage(self, connection: Connection) -> str | None:
        """What the database itself says is broken in its file, or None."""
        if not self.is_sqlite:
            return None
        first = str(connection.execute(text("PRAGMA integrity_check(1)")).scalar_one())
        return None if first == "ok" else first

    def meta(self, connection: Connection) -> dict[str, str]:
        """What the ledger says about itself."""
        return {row.name: row.value for row in connection.execute(select(tables.meta.c.name, tables.meta.c.value))}

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if self._process != os.getpid():
            # A child of a fork must not touch its parent's connections, not even to close them.
            self._engine.dispose(close=False)
            self._process = os.getpid()
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _wrapping(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as err:
            cause = err.orig if isinstance(err, DBAPIError) else None
            if missing_table(cause):
                raise TableMissingError(f"a table of the ledger is missing: {self.name}: {cause}", next_step="run: mlsc log verify") from err
            raise wrapped(self.name, cause or err) from err


def _sqlite_engine(file: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(_sqlite_uri(file), uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    # The dialect is told nothing of the file: a URI with mode=rw opens what is there and makes nothing.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=-1)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("mlsc_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _sqlite_uri(file: Path) -> str:
    """The file as SQLite's URI. A ledger in a folder that cannot be written to has no place for WAL's files: it is read as it lies."""
    uri = f"file:{quote(str(file))}?mode=rw"
    log = file.with_name(f"{file.name}-wal")
    if os.access(file.parent, os.W_OK) or (log.exists() and log.stat().st_size):
        return uri
    return f"{uri}&immutable=1"


def _postgresql_engine(located: Located) -> Engine:
    try:
        import psycopg  # noqa: F401  # only to say which extra is missing
    except ImportError as err:
        raise MissingLibraryError(f"a ledger at {located.name} needs psycopg", next_step="run: pip install 'jupyter_mlsc[postgresql]'") from err
    engine = create_engine(located.url, pool_pre_ping=True, isolation_level="READ COMMITTED")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A server or a role may have it off; an append that was acknowledged must be on the disk.
        if connection.get_execution_options().get("mlsc_writes", False):
            connection.exec_driver_sql("SET LOCAL synchronous_commit = on")

    return engine


def make_sqlite_file(file: Path) -> None:
    """Make an empty database with a write-ahead log, unless there is a file. Raises LedgerError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
    except OSError as err:
        raise LedgerError(f"cannot make a ledger at {file}: {err.strerror}", next_step="set permissions so that you can write there") from err
    except sqlite3.Error as err:
        raise wrapped(str(file), err) from err


def numbers_between(first: int, last: int, step: int) -> Iterable[tuple[int, int]]:
    """Cut ``first`` up to ``last`` into ranges of at most ``step``."""
    return ((begin, min(begin + step, last)) for begin in range(first, last, step))
