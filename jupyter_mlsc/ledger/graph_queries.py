"""The questions that are asked of the index of what came from what: keys in, numbers of entries out, many keys at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, func, select

from jupyter_mlsc.ledger.graph_tables import made as _made
from jupyter_mlsc.ledger.graph_tables import part, use, word

_Key = TypeVar("_Key", bytes, int)

_KEYS = 500
"""Keys in one question."""


def makings(connection: Connection, digests: Iterable[bytes]) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Time, entry, digest and name of every statement on how these bytes were made."""
    for keys in _batches(digests):
        question = select(_made.c.at, _made.c.entry, _made.c.digest, _made.c.name).where(_made.c.digest.in_(keys))
        yield from ((row[0], row[1], bytes(row[2]), bytes(row[3])) for row in connection.execute(question))


def uses(connection: Connection, digests: Iterable[bytes], most: int) -> Iterator[tuple[bytes, int]]:
    """Digest and entry of the statements on what was made from these bytes, the newest first; at most so many for each 500 digests."""
    for keys in _batches(digests):
        question = select(use.c.digest, use.c.entry).where(use.c.digest.in_(keys)).order_by(use.c.entry.desc()).limit(most)
        yield from ((bytes(row[0]), row[1]) for row in connection.execute(question))


def outputs(connection: Connection, entries: Iterable[int]) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Entry, digest, name and time of what these entries say was made."""
    for numbers in _batches(entries):
        question = select(_made.c.entry, _made.c.digest, _made.c.name, _made.c.at).where(_made.c.entry.in_(numbers))
        yield from ((row[0], bytes(row[1]), bytes(row[2]), row[3]) for row in connection.execute(question))


def inputs(connection: Connection, entries: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Entry and digest of what these entries say was used."""
    for numbers in _batches(entries):
        question = select(use.c.entry, use.c.digest).where(use.c.entry.in_(numbers))
        yield from ((row[0], bytes(row[1])) for row in connection.execute(question))


def wholes(connection: Connection, files: Iterable[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    """File, folder and entry: the folders whose statements list these files."""
    for keys in _batches(files):
        question = select(part.c.file, part.c.tree, part.c.entry).where(part.c.file.in_(keys)).order_by(part.c.entry.desc())
        yield from ((bytes(row[0]), bytes(row[1]), row[2]) for row in connection.execute(question))


def parts(connection: Connection, trees: Iterable[bytes], most: int, *, made: bool) -> Iterator[tuple[bytes, bytes, int]]:
    """Folder, file and entry: the files of these folders that a run made (or, where False, used) by themselves; at most so many for each 500 folders."""
    of_its_own = select(_made.c.entry).where(_made.c.digest == part.c.file) if made else select(use.c.entry).where(use.c.digest == part.c.file)
    for keys in _batches(trees):
        question = select(part.c.tree, part.c.file, part.c.entry).where(part.c.tree.in_(keys), of_its_own.exists()).limit(most)
        yield from ((bytes(row[0]), bytes(row[1]), row[2]) for row in connection.execute(question))


def entries_of_tree(connection: Connection, tree: bytes) -> list[int]:
    """The entry that lists the files of a folder, if one does."""
    return list(connection.execute(select(part.c.entry).where(part.c.tree == tree).limit(1)).scalars())


def words(connection: Connection, digests: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Digest and entry of promotions and exceptions of these bytes, oldest first."""
    for keys in _batches(digests):
        question = select(word.c.digest, word.c.entry).where(word.c.digest.in_(keys)).order_by(word.c.entry)
        yield from ((bytes(row[0]), row[1]) for row in connection.execute(question))


def used_ones(connection: Connection, digests: Iterable[bytes]) -> Iterator[bytes]:
    """Those of these digests from which something was made."""
    for keys in _batches(digests):
        yield from map(bytes, connection.execute(select(use.c.digest).where(use.c.digest.in_(keys)).distinct()).scalars())


def first_uses(connection: Connection, digest: bytes, most: int) -> list[tuple[bytes, int]]:
    """Digest and entry of the oldest statements on what was made from these bytes."""
    question = select(use.c.digest, use.c.entry).where(use.c.digest == digest).order_by(use.c.entry).limit(most)
    return [(bytes(row[0]), row[1]) for row in connection.execute(question)]


def newest_made(connection: Connection, name: bytes, most: int) -> list[tuple[int, int]]:
    """Time and entry of the newest statements on what was made under a name."""
    question = select(_made.c.at, _made.c.entry).where(_made.c.name == name).order_by(_made.c.at.desc(), _made.c.entry.desc()).limit(most)
    return [(row[0], row[1]) for row in connection.execute(question)]


def newest_read(connection: Connection, name: bytes, most: int) -> list[tuple[bytes, int]]:
    """Digests that were used under a name, each with the newest entry that says so, the newest first."""
    newest = func.max(use.c.entry).label("newest")
    question = select(use.c.digest, newest).where(use.c.name == name).group_by(use.c.digest).order_by(newest.desc()).limit(most)
    return [(bytes(row[0]), row[1]) for row in connection.execute(question)]


def made_in(connection: Connection, key: bytes, most: int) -> list[int]:
    """Entries on what was made by a run or a notebook, or in an environment, the newest first."""
    where: tuple[ColumnElement[bool], ...] = (_made.c.run == key, _made.c.notebook == key, _made.c.environment == key)
    found = {entry for each in where for entry in connection.execute(select(_made.c.entry).where(each).order_by(_made.c.entry.desc()).limit(most)).scalars()}
    return sorted(found, reverse=True)[:most]


def _batches(keys: Iterable[_Key]) -> Iterator[list[_Key]]:
    each = list(dict.fromkeys(keys))
    return (each[first : first + _KEYS] for first in range(0, len(each), _KEYS))
