"""What a move or a link means for governed files: whose bytes come under which names, and whether the policy asks the same of them there.

Rules kept: bytes that the run did not write are no output of it under another name; they come under another rule only after a verdict.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import msgspec

from jupyter_mlsc.sandbox.gate import Gate
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import Resolved


class Move(msgspec.Struct, frozen=True):
    """A file that gets other names. ``own`` is whether the run may call it its output there, ``foreign`` whether another rule would judge it there."""

    old: tuple[bytes, ...]
    new: tuple[bytes, ...]
    status: os.stat_result
    own: bool
    foreign: bool


class Moves:
    """Follows files through renames and links."""

    def __init__(self, gate: Gate, places: Places) -> None:
        self._gate, self._places = gate, places

    def of_rename(self, source: Resolved, target: Resolved, *, exchange: bool) -> list[Move]:
        """The files that a rename gives governed names to, or takes them from."""
        there = list(self._between(source, target))
        return [*there, *self._between(target, source)] if exchange else there

    def of_link(self, source: Resolved, target: Resolved) -> list[Move]:
        """The file that a link gives a name to."""
        assert source.status is not None  # it exists
        return [self._move(source.names, target.names, source.status)]

    def done(self, moves: list[Move], pid: int, *, linked: bool = False, judged: bool = False) -> None:
        """Keep account of moves that were made. ``judged`` is whether a verdict allowed the bytes."""
        for move in moves:
            for name in move.new if linked else (*move.old, *move.new):
                self._gate.removed(name)
        for move in moves:
            if linked:
                self._gate.linked(move.status, next((n for n in (*move.new, *move.old) if self._is_governed(n)), b""))
            if move.own or judged:
                self._gate.wrote(move.new, move.status, pid)

    def _between(self, source: Resolved, target: Resolved) -> Iterator[Move]:
        try:
            status = os.lstat(source.name, dir_fd=source.folder)
        except OSError:
            return  # the rename itself says what is wrong
        if stat.S_ISREG(status.st_mode):
            yield self._move(source.names, target.names, status)
        elif stat.S_ISDIR(status.st_mode) and any(self._places.holds_governed(name) for name in (*source.names, *target.names)):
            yield from self._below(source, target)

    def _below(self, source: Resolved, target: Resolved) -> Iterator[Move]:
        for folder, _, files in os.walk(source.path):
            for file in files:
                path = os.path.join(folder, file)
                rest = path[len(source.path) :]
                old, new = (tuple(name + rest for name in each.names) for each in (source, target))
                if any(self._is_governed(name) for name in (*old, *new)):
                    status = os.lstat(path)
                    if stat.S_ISREG(status.st_mode):
                        yield self._move(old, new, status)

    def _move(self, old: tuple[bytes, ...], new: tuple[bytes, ...], status: os.stat_result) -> Move:
        governed = any(self._is_governed(name) for name in old) or self._gate.is_governed_inode(status)
        own = not governed or any(self._gate.is_own(name, status) for name in old)
        return Move(old, new, status, own, not own and self._gate.rules_of(old) != self._gate.rules_of(new))

    def _is_governed(self, name: bytes) -> bool:
        return name.startswith(b"/") and self._places.of(name) is Region.GOVERNED
