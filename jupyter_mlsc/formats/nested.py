"""What lies within archives and compressed layers that are no format themselves: a policy that denies a format denies it there, too.

Rules kept: a bounded part is looked at (`MOST_BYTES`, `MOST_MEMBERS`, `DEPTH`), nothing is unpacked to a disk, and what is broken ends the look; what lies
beyond is told by a scan, and refused by a policy that lists what it allows.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

from jupyter_mlsc.errors import MissingLibraryError
from jupyter_mlsc.formats import compression
from jupyter_mlsc.formats.format import HEAD_SIZE, Format
from jupyter_mlsc.formats.libraries import broken_errors
from jupyter_mlsc.formats.recognition import is_hdf5, is_zip

MOST_BYTES = 16 << 20
"""Decompressed bytes over all layers and members of a file: a tenth of a second."""
MOST_MEMBERS = 1000
DEPTH = 4
_TAIL = 66_000
"""Bytes at the end of a file in which a zip archive's directory ends, with the longest comment."""
Look = Callable[[bytes, BinaryIO], Format | None]


@dataclass
class _Budget:
    left: int = MOST_BYTES
    members: int = MOST_MEMBERS

    def read(self, stream: IO[bytes]) -> bytes:
        """The beginning of what lies inside, or all of it where something lies in that again."""
        data = stream.read(min(HEAD_SIZE, self.left))
        self.left -= len(data)
        if compression.layer(data) is not None or _is_tar(data) or is_zip(data):
            more = stream.read(self.left)
            self.left -= len(more)
            data += more
        return data

    def is_spent(self) -> bool:
        self.members -= 1
        return self.members < 0 or self.left <= 0


def families_within(stream: BinaryIO, look: Look) -> frozenset[str]:
    """The families of what lies in an archive or below compressed layers. ``look`` says what bytes are."""
    found: set[str] = set()
    try:
        for inner in _pieces(stream, _Budget(), look, DEPTH):
            found |= inner.families
    except (MissingLibraryError, MemoryError):
        pass  # what was found until here stands
    except broken_errors():
        pass
    return frozenset(found)


def _pieces(stream: BinaryIO, budget: _Budget, look: Look, depth: int) -> Iterator[Format]:
    if not depth:
        return
    for data in _members(stream, budget):
        inner = io.BytesIO(data)
        found = look(data[:HEAD_SIZE], inner)
        if found is not None:
            yield found
        inner.seek(0)
        yield from _pieces(inner, budget, look, depth - 1)


def _members(stream: BinaryIO, budget: _Budget) -> Iterator[bytes]:
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    layer = compression.layer(head)
    if layer is not None:
        stream.seek(0)
        yield budget.read(compression.opened_layer(layer, stream, "looking into it"))
    if _is_tar(head):
        import tarfile

        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                if budget.is_spent():
                    return
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield budget.read(file)
    if _ends_as_zip(stream):
        import zipfile

        with zipfile.ZipFile(stream) as archive:
            for each in archive.infolist():
                if budget.is_spent():
                    return
                # A wrong sum is noticed at a member's end only, and other readers do not look at it.
                del each.CRC
                with archive.open(each) as unpacked:
                    yield budget.read(unpacked)


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def is_container(stream: BinaryIO) -> bool:
    """Whether telling what the bytes are means to unpack them or to parse more than their beginning: archives, compressed layers and HDF5."""
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    return compression.layer(head) is not None or _is_tar(head) or is_zip(head) or is_hdf5(head) or _ends_as_zip(stream)


def _ends_as_zip(stream: BinaryIO) -> bool:
    """Whether a zip archive ends where the bytes do, whatever they begin with: its directory stands at the end."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    return b"PK\x05\x06" in stream.read(_TAIL)
