"""7z archives: py7zr unpacks in a thread of its own, in one pass, and hands each member over in parts, to be looked at as a file of its own.

Rules kept: nothing is written anywhere; parts are counted against the limits before the next one is made; an archive that cannot be unpacked to its end is
not understood, whatever was found before; where py7zr is not installed nobody looked into it, which is a finding that fails; what decodes PPMd is never
called: pyppmd 1.3.1 decodes in a thread of its own, which goes on writing to memory that is no longer its own where the bytes are hostile.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import queue
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from jupyter_mlsc.errors import MissingLibraryError
from jupyter_mlsc.formats.libraries import library
from jupyter_mlsc.scan.archives import LARGEST_RATIO, SUSPICIOUS_SIZE, leads_out, size_shown
from jupyter_mlsc.scan.finding import Finding, LimitReachedError, NotUnderstoodError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner
from jupyter_mlsc.scan.windows import window

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MAGIC = b"7z\xbc\xaf\x27\x1c"
_LONGEST_LINK = 4096
_PAUSE = 0.005
"""Seconds between two looks at a thread that is to end."""


def _recognise(piece: Piece) -> bool:
    return piece.head.startswith(_MAGIC)


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    try:
        py7zr = library("py7zr", "looking into a 7z archive")
    except MissingLibraryError:
        yield scanning.found("archive-closed", piece, kind="7z")
        return
    _without_ppmd(py7zr)
    # A window, since py7zr would open a file that has a name once more, by that name.
    with _opened(py7zr, window(piece.stream, 0, piece.size)) as archive:
        members = archive.list()
        scanning.spend_members(len(members))
        if archive.needs_password():
            yield scanning.found("archive-encrypted", piece, name=piece.name)
            return
        total = sum(each.uncompressed for each in members)
        if scanning.unpacked + total > scanning.limits.unpacked:
            raise LimitReachedError(f"it unpacks to more than {scanning.limits.unpacked >> 20:,} MiB")
        if total > SUSPICIOUS_SIZE and total > LARGEST_RATIO * piece.size:
            yield scanning.found("archive-bomb", piece, size=size_shown(total), packed=size_shown(piece.size))
            return
        names = Counter(each.filename for each in members)
        for name, count in names.items():
            if leads_out(name):
                yield scanning.found("archive-path", piece, name, name=name)
            if count > 1:
                yield scanning.found("archive-twice", piece, name, name=name)
        links = {each.filename for each in members if each.is_symlink}
        wanted = [name for name in names if not leads_out(name)]  # py7zr refuses to unpack any other
        with _Unpacking(py7zr, archive, wanted) as unpacking:
            for member in unpacking.members():
                yield from _link(piece, scanning, member) if member.name in links else scanning.inside(piece, member.name, cast("BinaryIO", member))


def _without_ppmd(py7zr: Any) -> None:
    """Have py7zr refuse PPMd in this process, in the list of an archive's members too, which may itself be compressed. What it writes is as before."""
    methods = py7zr.compressor.algorithm_class_map
    methods[py7zr.FILTER_PPMD] = (methods[py7zr.FILTER_PPMD][0], _refuse_ppmd)


def _refuse_ppmd(properties: bytes, block_size: int) -> Any:
    del properties, block_size
    raise NotUnderstoodError(
        "it is compressed with PPMd, whose decoder is not safe with hostile bytes; have it packed with another method (LZMA2 is 7-Zip's own)"
    )


def _opened(py7zr: Any, stream: BinaryIO) -> Any:
    try:
        return py7zr.SevenZipFile(stream)
    except py7zr.PasswordRequired as err:
        raise NotUnderstoodError("even the list of its members is encrypted") from err
    except (py7zr.exceptions.ArchiveError, AttributeError) as err:
        raise NotUnderstoodError(_why(err)) from err


def _why(err: BaseException) -> str:
    """What py7zr says, where it says it in words."""
    return str(err).strip() if len(err.args) == 1 and str(err).strip() else type(err).__name__


def _link(piece: Piece, scanning: Scanning, member: _Member) -> Iterator[Finding]:
    target = io.BufferedReader(member).read(_LONGEST_LINK).decode("utf-8", "replace")
    if leads_out(posixpath.normpath(posixpath.join(posixpath.dirname(member.name), target.replace("\\", "/")))):
        yield scanning.found("archive-link", piece, member.name, name=member.name, target=target)


class _Stopped(Exception):
    """Nobody waits for more: ends the thread that unpacks."""


class _Member(io.RawIOBase):
    """A member's bytes as they are unpacked, read once from front to back."""

    def __init__(self, name: str, unpacking: _Unpacking) -> None:
        super().__init__()
        self.name, self._unpacking, self._part = name, unpacking, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        if not self._part:
            self._part = memoryview(self._unpacking.part())
        taken = self._part[: len(target)]
        target[: len(taken)] = taken
        self._part = self._part[len(taken) :]
        return len(taken)


class _Unpacking:
    """The thread in which py7zr unpacks, and what it hands over: the name of a member, its parts, None at its end, and None once more after the last one."""

    def __init__(self, py7zr: Any, archive: Any, names: list[str]) -> None:
        self._handed: queue.Queue[str | bytes | None] = queue.Queue(1)
        self._inside = False
        self._stopped = False
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._unpack, args=(archive, names, _factory(py7zr, self._hand)), daemon=True)

    def __enter__(self) -> _Unpacking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._handed.get_nowait()
            self._thread.join(_PAUSE)

    def members(self) -> Iterator[_Member]:
        """The members, one after the other. Raises NotUnderstoodError where the archive breaks, and MemoryError."""
        while (name := self._next()) is not None:
            assert isinstance(name, str)  # a member was read to its end
            self._inside = True
            yield _Member(name, self)
            while self.part():
                pass
        if isinstance(self._failed, MemoryError):
            raise self._failed
        if self._failed is not None:
            raise NotUnderstoodError(_why(self._failed)) from self._failed

    def part(self) -> bytes:
        """The next bytes of the member that is being unpacked; empty at its end."""
        part = self._next() if self._inside else None
        self._inside = part is not None
        return bytes(part) if isinstance(part, bytes | bytearray) else b""

    def _next(self) -> str | bytes | None:
        return self._handed.get()

    def _hand(self, what: str | bytes | None) -> None:
        if self._stopped:
            raise _Stopped
        if what != b"":
            self._handed.put(what)

    def _unpack(self, archive: Any, names: list[str], factory: Any) -> None:
        try:
            archive.extract(targets=names, factory=factory)
        except _Stopped:
            pass
        except BaseException as err:  # noqa: BLE001  # raised again by who reads the members
            self._failed = err
        finally:
            self._handed.put(None)  # it may have broken inside a member
            self._handed.put(None)


def _factory(py7zr: Any, hand: Any) -> Any:
    """What py7zr writes to, made of its own abstract classes."""

    class Handed(py7zr.io.Py7zIO):  # type: ignore[misc]  # a class of a library that is there only now
        def write(self, data: bytes) -> int:
            hand(bytes(data))
            return len(data)

        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return 0

        def flush(self) -> None:
            pass

        def size(self) -> int:
            return 0

        def close(self) -> None:
            hand(None)

    class Factory(py7zr.io.WriterFactory):  # type: ignore[misc]
        def create(self, filename: str) -> Any:
            hand(filename)
            return Handed()

    return Factory()


SCANNERS: tuple[Scanner, ...] = (Scanner("a 7z archive", _recognise, _scan, claims=(".7z",)),)
