"""What a scanner is given: a piece of a file (the file itself, a member of an archive, a decompressed layer) and the scan that it belongs to.

Rules kept: a piece is read, never opened by its name; everything that is unpacked is counted against the limits of the one file that was named.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from jupyter_mlsc.formats.libraries import broken_errors
from jupyter_mlsc.scan.finding import BrokenLayerError, Finding, LimitReachedError, finding
from jupyter_mlsc.scan.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_SIZE = 64 * 1024
"""How many of the first bytes of a piece recognition looks at."""


class Piece(NamedTuple):
    """Bytes to look at. ``name`` is what the file or member is called, without folders that lead to it where it is the file itself.

    ``where`` is its place in the file that was named (``weights.zip!data.pkl``), empty for that file. ``stream`` is at offset 0; where ``whole`` is
    false it can only be read once from front to back, and ``size`` is -1.
    """

    name: str
    where: str
    stream: BinaryIO
    size: int
    head: bytes
    whole: bool = True

    @property
    def lowered(self) -> str:
        """The last part of the name in lower case."""
        return self.name.replace("\\", "/").rsplit("/", 1)[-1].lower()

    def rewound(self) -> BinaryIO:
        """The stream at offset 0."""
        self.stream.seek(0)
        return self.stream


class Scanning:
    """The scan of one file: its path for findings, the names that policy allows to be unpickled, and what may still be spent.

    ``also`` are things that are looked for only where somebody asks; ``indexes`` are addresses from which policy lets packages come; ``look``
    looks at a piece with all scanners.
    """

    def __init__(
        self,
        path: str,
        limits: Limits = DEFAULT,
        allow: frozenset[str] = frozenset(),
        also: frozenset[str] = frozenset(),
        indexes: frozenset[str] = frozenset(),
        look: Callable[[Piece, Scanning, int], Iterable[Finding]] | None = None,
    ) -> None:
        self.path, self.limits, self.look = path, limits, look
        self.allow, self.also, self.indexes = allow, also, indexes
        self.members = self.unpacked = self.opcodes = self.depth = 0
        self.torchscript = False
        """Inside a TorchScript archive, whose classes the archive itself defines."""

    def found(self, code: str, piece: Piece, place: str = "", **facts: object) -> Finding:
        """A finding at a place of a piece."""
        where = ", ".join(part for part in (piece.where, place) if part)
        return finding(code, self.path, where, **facts)

    def spend_members(self, count: int = 1) -> None:
        """Count members of archives. Raises LimitReachedError."""
        self.members += count
        if self.members > self.limits.members:
            raise LimitReachedError(f"it holds more than {self.limits.members:,} members")

    def spend_bytes(self, count: int) -> None:
        """Count bytes that were decompressed. Raises LimitReachedError."""
        self.unpacked += count
        if self.unpacked > self.limits.unpacked:
            raise LimitReachedError(f"it unpacks to more than {self.limits.unpacked >> 20:,} MiB")

    def spend_opcodes(self, count: int) -> None:
        """Count opcodes. Raises LimitReachedError."""
        self.opcodes += count
        if self.opcodes > self.limits.opcodes:
            raise LimitReachedError(f"its pickles have more than {self.limits.opcodes:,} opcodes")

    def inside(self, outer: Piece, name: str, stream: BinaryIO, *, size: int | None = None, named: str | None = None) -> Iterable[Finding]:
        """Findings on a member or layer of a piece, read from a stream that gives decompressed bytes. Raises LimitReachedError.

        ``size`` is given for a stream that can be moved in, whose bytes lie in the file as they are. ``named`` is what the name claims, where
        the place is called otherwise.
        """
        assert self.look is not None
        if self.depth >= self.limits.depth:
            raise LimitReachedError(f"it nests archives more than {self.limits.depth} deep")
        self.depth += 1
        try:
            where, called = f"{outer.where}!{name}" if outer.where else name, name if named is None else named
            if size is not None:
                yield from self.look(Piece(called, where, stream, size, stream.read(HEAD_SIZE)), self, self.depth)
                return
            counted = Counted(stream, self)
            piece = self._piece(where, called, counted)
            yield from self.look(piece, self, self.depth)
            if counted.fault is not None:
                raise BrokenLayerError(f"{name} ends in broken bytes: {counted.fault}", announced=piece.head[:1] == b"\x80")
        finally:
            self.depth -= 1

    def _piece(self, where: str, name: str, counted: Counted) -> Piece:
        held = counted.read(self.limits.held + 1)
        if len(held) <= self.limits.held:
            return Piece(name, where, io.BytesIO(held), len(held), held[:HEAD_SIZE])
        again = cast("BinaryIO", io.BufferedReader(Continued(held, counted), 1 << 20))
        return Piece(name, where, again, -1, held[:HEAD_SIZE], whole=False)


def piece_of(name: str, stream: BinaryIO) -> Piece:
    """The piece that a whole file is; the stream can be moved in."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    stream.seek(0)
    return Piece(name, "", stream, size, head)


class Counted(io.RawIOBase):
    """A stream whose bytes are counted against a scan's limits. Where it breaks it ends, with ``fault`` set: what came before is what a loader gets."""

    def __init__(self, stream: BinaryIO, scanning: Scanning) -> None:
        super().__init__()
        self._stream = stream
        self._scanning = scanning
        self.fault: str | None = None

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def _next(self, size: int) -> bytes:
        if self.fault is not None:
            return b""
        try:
            data = self._stream.read(size)
        except broken_errors() as err:
            self.fault = str(err).strip() or type(err).__name__
            return b""
        self._scanning.spend_bytes(len(data))
        return data

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end. Raises LimitReachedError."""
        parts: list[bytes] = []
        left = size if size >= 0 else self._scanning.limits.unpacked
        while left > 0:
            # Small steps: what was decompressed before the bytes break is not lost.
            part = self._next(min(left, 64 * 1024 if len(parts) < 64 else 1 << 20))
            if not part:
                break
            left -= len(part)
            parts.append(part)
        return b"".join(parts)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as there are bytes. Raises LimitReachedError."""
        target = memoryview(buffer).cast("B")
        data = self._next(len(target))
        target[: len(data)] = data
        return len(data)


class Continued(io.RawIOBase):
    """Bytes that were read already, then the rest of their stream."""

    def __init__(self, begun: bytes, rest: io.RawIOBase) -> None:
        super().__init__()
        self._begun: memoryview | None = memoryview(begun)
        self._rest = rest

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as there are bytes."""
        target = memoryview(buffer).cast("B")
        if self._begun is not None:
            part = self._begun[: len(target)]
            target[: len(part)] = part
            self._begun = self._begun[len(part) :] or None
            return len(part)
        return self._rest.readinto(target) or 0
