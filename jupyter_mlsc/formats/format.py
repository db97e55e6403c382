"""What a format is: a frozen value with four functions, and the two values that they take and give. No library is imported here.

Rules: loading takes a :class:`Source`, which never opens the artifact by its name; a format that can run code says so before anything is loaded.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_SIZE = 64 * 1024
"""How many of the first bytes of a file (or of its decompressed layer) recognition looks at."""

_READ_BUFFER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """Where an artifact's bytes come from: private ``data``, an open binary ``file`` at offset 0, or a ``folder``. Exactly one is set.

    ``name`` is for messages and is never opened. Formats that can run code are given ``data``, so that what was checked is what is unpickled.
    ``sealed`` may come with ``data``: the same bytes as an unnamed file that nobody can write any more, for libraries that map files.
    """

    name: str
    data: bytes | memoryview | None = None
    file: BinaryIO | None = None
    folder: Path | None = None
    sealed: BinaryIO | None = None

    def __post_init__(self) -> None:
        if sum(part is not None for part in (self.data, self.file, self.folder)) != 1:
            raise ValueError("a source has exactly one of data, file and folder")

    def stream(self) -> BinaryIO:
        """A binary stream of the bytes at offset 0; private bytes are not copied. Raises ValueError for a folder."""
        if self.file is not None:
            return self.file
        if self.data is None:
            raise ValueError(f"{self.name} is a folder")
        # BytesIO shares the memory of `bytes`, but would copy any other buffer.
        return io.BytesIO(self.data) if isinstance(self.data, bytes) else io.BufferedReader(MemoryReader(self.data), _READ_BUFFER)

    def private(self) -> Source:
        """The same with the bytes in memory, for formats that can run code: a file that changes now changes nothing any more."""
        return self if self.data is not None else Source(self.name, data=self.stream().read())

    def view(self) -> memoryview:
        """The bytes as one buffer; a file is read whole."""
        return memoryview(self.data if self.data is not None else self.stream().read())

    def descriptor_path(self) -> str | None:
        """A path that reaches the open or sealed file by its descriptor (``/proc/self/fd/N``), never by its name; None where there is none."""
        file = self.file if self.sealed is None else self.sealed
        if file is None:
            return None
        try:
            path = f"/proc/self/fd/{file.fileno()}"
        except OSError:
            return None
        return path if os.path.exists(path) else None


class MemoryReader(io.RawIOBase):
    """Reads a buffer as a file without copying it first."""

    def __init__(self, data: bytes | memoryview) -> None:
        super().__init__()
        self._view = memoryview(data).cast("B")
        self._at = 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether it has a position: always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to an offset in bytes and return it."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._view)}[whence])
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as there are bytes; the number of bytes read."""
        target = memoryview(buffer).cast("B")
        part = self._view[self._at : self._at + len(target)]
        target[: len(part)] = part
        self._at += len(part)
        return len(part)


class Loader(Protocol):
    """Turns a source into an object. ``lifted``: a person vouched, no allowlist; ``allow``: names that policy allows beside the list."""

    def __call__(self, source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
        """Load it. Raises FormatError, MissingLibraryError or DeniedGlobalError."""


Opened = BinaryIO | Path
"""What recognition looks at: an open file, whose position is its own to move, or a folder."""

Target = BinaryIO | Path
"""Where an object is saved: a binary stream, or an empty folder for a format with ``folder``."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format. ``name`` is unique; ``families`` are the words that a policy's ``formats.deny`` may use for it.

    ``recognise(head, opened)`` tells whether the bytes can be this format; for text, whether they can be text. ``extra`` is the extra of this package
    that brings the library. ``save(object, target)`` gets a stream, or an empty folder where ``folder`` is true.
    """

    name: str
    families: frozenset[str]
    suffixes: tuple[str, ...]
    runs_code: bool
    extra: str | None
    recognise: Callable[[bytes, Opened], bool]
    load: Loader
    save: Callable[[object, Target], None]
    library: str = ""
    """The library that loads it, as it is called in the docs; empty for the standard library."""
    recognised_by: str = ""
    """How the bytes are recognised, for the docs."""
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Identified:
    """What a file is. ``named`` is the suffix's format, ``found`` the one that the bytes tell by themselves; a ``mismatch`` is reported, not judged.

    ``format`` is the one to load it with: bytes win wherever they mean that code can run.
    """

    format: Format | None
    named: Format | None
    found: Format | None
    mismatch: bool
    within: frozenset[str] = frozenset()
    """Families of what lies in it, where it is an archive or compressed, and of no format itself."""


def writable(target: Target) -> BinaryIO:
    """The stream of a target that is no folder. Raises TypeError for a folder: the caller chose the wrong shape."""
    if isinstance(target, Path):
        raise TypeError("this format is saved to a stream")
    return target
