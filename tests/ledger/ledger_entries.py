"""Entries for the ledger's tests, and a way to write SQL into a ledger behind its back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_mlsc.ledger import NewEntry

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def envelope(label: object) -> bytes:
    return json.dumps({"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid": "", "sig": str(label)}]}).encode()


def digest_of(number: int) -> str:
    return f"sha256:{number:064x}"


def new_entry(number: int, *, kind: str = "signature", name: str | None = None, label: object = None) -> NewEntry:
    return NewEntry(
        kind=kind,
        time=START + timedelta(seconds=number),
        envelope=envelope(number if label is None else label),
        predicate_type="https://example.org/artifact/v1",
        subjects=((name or f"data/{number % 5}.csv", digest_of(number)),),
    )


class Intruder:
    """Somebody who can write to the database, and holds no key."""

    def __init__(self, place: str) -> None:
        self.place = place

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        if self.place.startswith("postgresql"):
            import psycopg

            with psycopg.connect(self.place, autocommit=True) as connection:
                yield connection
        else:
            with closing(sqlite3.connect(self.place, isolation_level=None)) as connection:
                yield connection

    def run(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """One statement with `?` for its parameters."""
        if self.place.startswith("postgresql"):
            statement = statement.replace("?", "%s")
        with self._connection() as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def swap(self, table: str, key: str, columns: Sequence[str], first: int, second: int) -> None:
        """Exchange what stands in two rows."""
        names = ", ".join(columns)
        (one,), (two,) = (self.run(f"SELECT {names} FROM {table} WHERE {key} = ?", number) for number in (first, second))
        if table == "envelope":
            self.run("UPDATE envelope SET digest = ? WHERE entry = ?", b"aside", first)
        for number, values in ((second, one), (first, two)):
            self.run(f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in columns)} WHERE {key} = ?", *values, number)
