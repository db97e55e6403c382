"""SQLite databases: a read-only connection to a copy of the checked bytes in memory, so that nothing can change between check and query."""

from __future__ import annotations

from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import reading, unsuitable

_MAGIC = b"SQLite format 3\x00"


def _recognise(head: bytes, opened: Opened) -> bool:
    return head.startswith(_MAGIC)


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """A ``sqlite3.Connection`` that cannot write. What a ``-wal`` file beside the database holds is not part of the artifact."""
    import sqlite3

    with reading(source.name, "SQLite database", sqlite3.Error):
        data = bytearray(source.view())
        if not data.startswith(_MAGIC) or len(data) < 100:
            raise ValueError("its first bytes are not those of a database")
        pages, size = int.from_bytes(data[28:32]), int.from_bytes(data[16:18])
        if len(data) < pages * (65536 if size == 1 else size):
            raise ValueError("it is cut off")
        # A database in WAL mode cannot live in memory; bytes 18 and 19 say so (sqlite.org/fileformat2.html, 1.3.3).
        data[18:20] = b"\x01\x01"
        connection = sqlite3.connect(":memory:")
        try:
            connection.deserialize(bytes(data))
            # Views and triggers of a file from elsewhere may not call functions with side effects.
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found is None or found[0] != "ok":
                raise ValueError(found[0] if found else "the check of its pages failed")
        except BaseException:
            connection.close()
            raise
        return connection


def _save(obj: object, target: Target) -> None:
    import sqlite3

    if not isinstance(obj, sqlite3.Connection):
        raise unsuitable(obj, "a SQLite database", "an open sqlite3.Connection", "write it into one first (DataFrame.to_sql), or save it as .parquet")
    with sqlite3.connect(":memory:") as copy:
        obj.backup(copy)
        writable(target).write(copy.serialize())
    copy.close()


FORMATS: tuple[Format, ...] = (
    Format(
        name="sqlite",
        families=frozenset({"sqlite"}),
        suffixes=(".sqlite", ".sqlite3", ".db"),
        runs_code=False,
        extra=None,
        recognise=_recognise,
        load=_load,
        save=_save,
        recognised_by="`SQLite format 3`",
    ),
)
