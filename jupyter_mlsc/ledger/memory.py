"""What this user has seen of each ledger: the newest checkpoint by origin, and the origin that stood at each place.

A ledger alone cannot show that it was rolled back or made anew; a checkpoint kept elsewhere can. It is kept in a small SQLite database in
the user's own folder. Rules kept here: a remembered checkpoint only moves forward, and the origin of a place changes only when a person
accepted it; many processes and threads may use one file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from jupyter_mlsc.errors import LedgerError
from jupyter_mlsc.ledger.checkpoint import Checkpoint, read_unverified

_PATIENCE = 30.0
"""Seconds to wait for another process that writes to the same file."""

_SCHEMA = """
CREATE TABLE seen (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE place (place TEXT PRIMARY KEY, origin TEXT NOT NULL) WITHOUT ROWID;
"""


class CheckpointMemory:
    """The memory in the file ``path``, which is made, with its folder, when something is first remembered."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.patience = _PATIENCE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def remember(self, place: str, origin: str, checkpoint: Checkpoint) -> None:
        """Remember a checkpoint that was verified, unless an equal or newer one is known.

        A place that is not yet known gets this origin; a place that is known keeps the one that it has. Raises LedgerError.
        """
        with self._open(make=True) as connection:
            if connection is None:
                return
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (origin)"
                " DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size > seen.size",
                (origin, checkpoint.size, checkpoint.note),
            )
            connection.execute("INSERT INTO place VALUES (?, ?) ON CONFLICT (place) DO NOTHING", (place, origin))
            connection.execute("COMMIT")

    def recall(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint seen of this origin, or None. Raises LedgerError."""
        with self._open(make=False) as connection:
            row = connection.execute("SELECT note FROM seen WHERE origin = ?", (origin,)).fetchone() if connection else None
        return read_unverified(row[0]) if row else None

    def origin_at(self, place: str) -> str | None:
        """The origin of the ledger that this user knows at this place, or None. Raises LedgerError."""
        with self._open(make=False) as connection:
            row = connection.execute("SELECT origin FROM place WHERE place = ?", (place,)).fetchone() if connection else None
        return str(row[0]) if row else None

    def replace(self, place: str, origin: str) -> None:
        """Accept another ledger at this place: a person said that the change was meant. Raises LedgerError."""
        with self._open(make=True) as connection:
            if connection is not None:
                connection.execute("INSERT INTO place VALUES (?, ?) ON CONFLICT (place) DO UPDATE SET origin = excluded.origin", (place, origin))

    def forget(self, place: str) -> None:
        """Forget the ledger at this place and its checkpoint, as if it had never been seen. Raises LedgerError."""
        with self._open(make=False) as connection:
            if connection is not None:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM seen WHERE origin IN (SELECT origin FROM place WHERE place = ?)", (place,))
                connection.execute("DELETE FROM place WHERE place = ?", (place,))
                connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file. The memory opens it again when it is used again."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self, *, make: bool) -> Iterator[sqlite3.Connection | None]:
        """The connection, held by one thread at a time; None when there is no file and none is to be made."""
        with self._lock:
            try:
                # SQLite's locks do not survive a fork: a child opens the file anew.
                if self._connection is None or self._process != os.getpid():
                    if not make and not self.path.exists():
                        yield None
                        return
                    self._connection, self._process = self._connect(), os.getpid()
                yield self._connection
            except (sqlite3.Error, OSError) as err:
                if self._connection is not None and self._connection.in_transaction:
                    self._connection.rollback()
                raise LedgerError(
                    f"cannot use the memory of checkpoints, {self.path}: {err}",
                    next_step="make room and set permissions so that you can write there; if the file is damaged, move it away",
                ) from err

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            self._make()
        connection = sqlite3.connect(self.path, timeout=self.patience, isolation_level=None, check_same_thread=False)
        # The ledger itself is synced at every append; losing the last note here in a power cut only makes the memory a little older.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def _make(self) -> None:
        """Make the file whole under another name, then link it: processes that do so at once do not meet (a switch to WAL cannot wait)."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
            with suppress(FileExistsError):
                os.link(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)
