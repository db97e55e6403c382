"""A part of a stream as a stream of its own, without copying it: what an archive stores as it is."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 64 * 1024


class _Window(io.RawIOBase):
    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._stream, self._start, self._size, self._at = stream, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        length = max(0, min(len(target), self._size - self._at))
        self._stream.seek(self._start + self._at)
        data = self._stream.read(length)
        target[: len(data)] = data
        self._at += len(data)
        return len(data)


def window(stream: BinaryIO, start: int, size: int) -> BinaryIO:
    """Bytes ``start`` to ``start + size`` of a stream, which nobody else may read meanwhile."""
    return cast("BinaryIO", io.BufferedReader(_Window(stream, start, size), min(_BUFFER, max(size, 1))))
