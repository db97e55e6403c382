"""A database's own error, in a person's words: what happened to the ledger, why, and what to do."""

from __future__ import annotations

import sqlite3

from jupyter_mlsc.errors import LedgerError

_ROOM = "make room on the disk; nothing was lost, what was not recorded can be recorded again"
_PERMISSION = "ask for permission to write there; nothing was lost"
_BACKUP = "restore the ledger from a backup, or run: mlsc log verify"
_LATER = "end the process that holds it, or try again later"

# Primary result code of SQLite: words, next step.
_SQLITE: dict[int, tuple[str, str | None]] = {
    sqlite3.SQLITE_FULL: ("the disk is full", _ROOM),
    sqlite3.SQLITE_READONLY: ("it is read-only", _PERMISSION),
    sqlite3.SQLITE_PERM: ("you may not write there", _PERMISSION),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "look whether it is there and whether you may read it"),
    sqlite3.SQLITE_BUSY: ("it is locked by another process", _LATER),
    sqlite3.SQLITE_LOCKED: ("it is locked by another process", _LATER),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", _BACKUP),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", _BACKUP),
    sqlite3.SQLITE_IOERR: ("the disk failed or is full", _ROOM),
}

# SQLSTATE, or its class, of PostgreSQL: words, next step.
_POSTGRESQL: dict[str, tuple[str, str | None]] = {
    "53100": ("the server's disk is full", _ROOM),
    "25006": ("the server accepts no writes", _PERMISSION),
    "42501": ("your role may not do that", _PERMISSION),
    "55P03": ("it is locked by another process", _LATER),
    "53": ("the server has no resources left", _LATER),
    "28": ("the server refused the login", "check user and password of the URL"),
    "57": ("the server is shutting down", _LATER),
    "08": ("the server cannot be reached", "check that it runs, and host and port of the URL"),
}
# A connection that was never made has no SQLSTATE; the rest of the message says which it was.
_UNREACHABLE = ("the server cannot be reached, or does not let you in", "check that it runs, and host, port, user and database of the URL")


def wrapped(place: str, cause: BaseException) -> LedgerError:
    """The LedgerError that tells of a database's error at this place."""
    words, next_step = _words(cause)
    return LedgerError(f"cannot use the ledger at {place}: {words} ({_first_line(cause)})", next_step=next_step)


def missing_table(cause: BaseException | None) -> bool:
    """Whether the database says that a table, or a column of it, is not there."""
    if isinstance(cause, sqlite3.OperationalError):
        return str(cause).startswith(("no such table", "no such column")) or "has no column" in str(cause)
    return getattr(cause, "sqlstate", None) in ("42P01", "42703")


def _words(cause: BaseException) -> tuple[str, str | None]:
    if isinstance(cause, sqlite3.Error):
        return _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, ("the database failed", None))
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or ("the database failed", None)
    return _UNREACHABLE if type(cause).__module__.startswith("psycopg") else ("the database failed", None)


def _first_line(cause: BaseException) -> str:
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
