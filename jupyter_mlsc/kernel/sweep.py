"""The stat sweep: what was written or changed in the governed folders by whatever way, found after each cell without reading a byte."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

_NEVER = frozenset((".mlsc", ".git", ".ipynb_checkpoints", "__pycache__"))


class Stamp(NamedTuple):
    """A file's identity, size in bytes and times in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Sweep:
    """Remembers the stamps of the files below some folders, and says which are new or changed."""

    def __init__(self, folders: tuple[str, ...], is_governed: Callable[[str], bool]) -> None:
        self._folders = folders
        self._is_governed = is_governed
        self._known: dict[str, bool] = {}
        self._seen: dict[str, Stamp] = dict(self._look())

    def changed(self) -> list[str]:
        """Paths of governed files that are new or changed since the last call, in order of their names."""
        now = dict(self._look())
        found = sorted(path for path, stamp in now.items() if self._seen.get(path) != stamp)
        self._seen = now
        return found

    def accept(self, path: str) -> None:
        """Take a file, or all files below a folder, as seen: they were recorded in another way."""
        for each, stamp in (*self._below(path), *([(path, found)] if (found := self.stamp(path)) is not None else [])):
            self._seen[each] = stamp

    def forget(self, path: str) -> None:
        """Have a file, or all files below a folder, found as changed again."""
        for each in [seen for seen in self._seen if seen == path or seen.startswith(path + "/")]:
            del self._seen[each]

    def differs(self, path: str) -> bool:
        """Whether a file, or any file below a folder, is new or changed since the last call of `changed`."""
        if os.path.isdir(path):
            return any(self._seen.get(each) != stamp for each, stamp in self._below(path))
        return self._seen.get(path) != self.stamp(path)

    def stamp(self, path: str) -> Stamp | None:
        """The stamp of a file as it is now, or None where there is none."""
        try:
            return Stamp.of(os.stat(path))
        except OSError:
            return None

    def _look(self) -> Iterator[tuple[str, Stamp]]:
        for folder in self._folders:
            yield from self._below(folder)

    def _below(self, folder: str) -> Iterator[tuple[str, Stamp]]:
        known, waiting = self._known, [folder]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    found = list(entries)
            except OSError:
                continue  # not there, or not to be read: then nothing in it was written that anybody here can load
            for entry in found:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in _NEVER:
                            waiting.append(entry.path)
                    elif entry.is_file():
                        path = entry.path
                        governed = known.get(path)
                        if governed is None:
                            governed = known[path] = self._is_governed(path)
                        if governed:
                            status = entry.stat()
                            yield path, Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
                except OSError:
                    continue  # removed since it was listed
