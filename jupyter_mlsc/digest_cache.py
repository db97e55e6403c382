"""The digest cache: measurements of files by device, inode, size, mtime and ctime, in SQLite beside the user's other state.

Rules kept here: a row counts only while all five are unchanged, and only if the file's ctime was older than two seconds both when the row
was written and when it is read, since a write within the clock's tick leaves no trace in the times. A row that was damaged on disk is
known by its check sum. The cache is a hint: no fault of it fails the caller, but it is never hidden either, see `DigestCache.fault`.
Callers whose answer must be fresh (verify, promotion, review, export, CI) and the supervisor do not use it at all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.digests import Progress, measure, measure_descriptor
from jupyter_mlsc.file_identity import FileIdentity

if TYPE_CHECKING:
    import sqlite3

RACY_NS = 2_000_000_000
"""A ctime must be older than this, in nanoseconds: the coarsest clocks of file systems (FAT, some network servers) tick every two seconds."""

MOST_ROWS = 100_000
"""Rows that are kept, of about 150 bytes each; the ones written longest ago go first."""

_BUSY_SECONDS = 1.0
_VERSION = 1
_AT_ONCE = 150  # five variables for each file, within SQLite's oldest limit of 999

# `written` grows with every row that is written, so the newest MOST_ROWS are found without counting. No fsync: a row that a power
# cut has damaged fails its check, and the rest of the cache can be made anew.
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS digests (
    written INTEGER PRIMARY KEY,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    sha256 BLOB, content_root BLOB, checksum BLOB NOT NULL,
    UNIQUE (device, inode)
);
PRAGMA user_version = {_VERSION};
"""
_FIND = "SELECT device, inode, size, mtime_ns, ctime_ns, sha256, content_root, checksum FROM digests WHERE (device, inode) IN (VALUES {})"
_PUT = """INSERT OR REPLACE INTO digests (device, inode, size, mtime_ns, ctime_ns, sha256, content_root, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_TRIM = "DELETE FROM digests WHERE written <= (SELECT max(written) FROM digests) - ?"


class DigestCache:
    """What files were measured to be, kept between processes; safe for many processes, threads and forked children.

    After the first fault (no such folder, not writable, locked for seconds, corrupt, from a newer version) the cache disables itself:
    `get` finds nothing, `put` keeps nothing, and `fault` says what happened and what to do. The one who made the cache reports it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Name the database; nothing is opened or made before it is needed. Its folder must exist by then."""
        self._path = Path(path)
        self._fault: str | None = None
        self._connection: sqlite3.Connection | None = None
        self._inherited: list[sqlite3.Connection] = []
        self._owner = os.getpid()
        self._lock = threading.Lock()

    @property
    def fault(self) -> str | None:
        """Why the cache has disabled itself, in a sentence, or None."""
        return self._fault

    def get(self, status: os.stat_result, now_ns: int) -> Measurement | None:
        """What is known of the file in the state that this stat result shows, at the time ``now_ns`` (nanoseconds since 1970)."""
        return self.get_many([FileIdentity.of(status)], now_ns)[0]

    def put(self, status: os.stat_result, measurement: Measurement, now_ns: int) -> None:
        """Keep a measurement of a file; what was known of the same state is kept with it. Trees and files touched just now are not kept."""
        self.put_many([(FileIdentity.of(status), measurement)], now_ns)

    def get_many(self, identities: Sequence[FileIdentity], now_ns: int) -> list[Measurement | None]:
        """`get` for many files at once."""
        settled = [identity for identity in identities if _is_settled(identity, now_ns)]
        known = self._find(settled) if settled else {}
        return [known.get(identity) for identity in identities]

    def put_many(self, measured: Iterable[tuple[FileIdentity, Measurement]], now_ns: int) -> None:
        """`put` for many files at once, in one transaction."""
        settled = {
            identity: measurement
            for identity, measurement in measured
            if _is_settled(identity, now_ns) and not measurement.is_tree and measurement.size == identity.size
        }
        if not settled:
            return
        import sqlite3

        with self._alone():
            connection = self._open()
            if connection is None:
                return
            try:
                connection.execute("BEGIN IMMEDIATE")
                known = self._select(connection, list(settled))
                rows = [_row(identity, measurement, known.get(identity)) for identity, measurement in settled.items()]
                connection.executemany(_PUT, rows)
                connection.execute(_TRIM, (MOST_ROWS,))
                connection.execute("COMMIT")
            except (sqlite3.Error, OSError) as err:
                self._disable(err)

    def close(self) -> None:
        """Let the database go; it is opened again when it is needed."""
        with self._alone():
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _find(self, identities: Sequence[FileIdentity]) -> dict[FileIdentity, Measurement]:
        import sqlite3

        with self._alone():
            connection = self._open()
            if connection is None:
                return {}
            try:
                return self._select(connection, identities)
            except (sqlite3.Error, OSError) as err:
                self._disable(err)
                return {}

    def _select(self, connection: sqlite3.Connection, identities: Sequence[FileIdentity]) -> dict[FileIdentity, Measurement]:
        known = {}
        for start in range(0, len(identities), _AT_ONCE):
            some = identities[start : start + _AT_ONCE]
            pairs = [number for identity in some for number in (_signed(identity.device), _signed(identity.inode))]
            for *numbers, sha256, content_root, checksum in connection.execute(_FIND.format(", ".join(["(?, ?)"] * len(some))), pairs):
                if checksum != _checksum(numbers, sha256, content_root):
                    raise OSError("a row does not fit its check sum")
                identity = FileIdentity(_unsigned(numbers[0]), _unsigned(numbers[1]), *numbers[2:])
                known[identity] = Measurement(identity.size, _hex(sha256), _hex(content_root))
        return known

    def _alone(self) -> threading.Lock:
        """The lock; in a forked child a new one, with a connection of its own, since SQLite's must not be shared."""
        if self._owner != os.getpid():
            if self._connection is not None:
                self._inherited.append(self._connection)
            self._connection, self._lock, self._owner = None, threading.Lock(), os.getpid()
        return self._lock

    def _open(self) -> sqlite3.Connection | None:
        import sqlite3

        if self._fault is None and self._connection is None:
            try:
                self._connection = self._connect()
            except (sqlite3.Error, OSError) as err:
                self._disable(err)
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        # Other users have no business with which files this one has; the database takes the mode of the file that is there first.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = OFF")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise OSError(f"it is of version {version}, from a newer release")
            if version < _VERSION:
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        except (sqlite3.Error, OSError):
            connection.close()
            raise
        return connection

    def _disable(self, err: Exception) -> None:
        self._fault = f"the digest cache {self._path} is not used: {err}; delete it, and it is made anew"
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _At:
    """A cache at one moment: the memory that `digests.measure` asks."""

    def __init__(self, cache: DigestCache, now_ns: int) -> None:
        self._cache = cache
        self._now_ns = now_ns

    def recall(self, identities: Sequence[FileIdentity]) -> Sequence[Measurement | None]:
        return self._cache.get_many(identities, self._now_ns)

    def learn(self, measured: Iterable[tuple[FileIdentity, Measurement]]) -> None:
        self._cache.put_many(measured, self._now_ns)


def measure_cached(
    source: str | os.PathLike[str] | int,
    cache: DigestCache,
    now_ns: int,
    *,
    sha256: bool = True,
    content_tree: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Measurement:
    """`digests.measure` of a path, or `measure_descriptor` of an open file, which hashes only what the cache does not know.

    Of a tree each file is looked up, and the tree is walked all the same. ``now_ns`` is the time when the call begins, in nanoseconds
    since 1970. The result may hold more than was asked for. Raises as `digests.measure` does.
    """
    memory = _At(cache, now_ns)
    if isinstance(source, int):
        return measure_descriptor(source, sha256=sha256, content_tree=content_tree, progress=progress, threads=threads, memory=memory)
    return measure(source, sha256=sha256, content_tree=content_tree, progress=progress, threads=threads, memory=memory)


def _is_settled(identity: FileIdentity, now_ns: int) -> bool:
    return now_ns - identity.ctime_ns > RACY_NS


def _row(identity: FileIdentity, measurement: Measurement, known: Measurement | None) -> tuple[int | bytes | None, ...]:
    sha256 = _bytes(measurement.sha256 or (known.sha256 if known else None))
    content_root = _bytes(measurement.content_root or (known.content_root if known else None))
    numbers = [_signed(identity.device), _signed(identity.inode), *identity[2:]]
    return (*numbers, sha256, content_root, _checksum(numbers, sha256, content_root))


def _checksum(numbers: Sequence[int], sha256: bytes | None, content_root: bytes | None) -> bytes:
    return blake2b(ascii((list(numbers), sha256, content_root)).encode("ascii"), digest_size=8).digest()


def _signed(number: int) -> int:
    """SQLite's integers are signed; device and inode numbers have 64 bits without a sign."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _unsigned(number: int) -> int:
    return number + (1 << 64) if number < 0 else number


def _bytes(digest: str | None) -> bytes | None:
    return bytes.fromhex(digest) if digest is not None else None


def _hex(digest: bytes | None) -> str | None:
    return digest.hex() if digest is not None else None
