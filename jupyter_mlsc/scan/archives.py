"""Zip and tar archives: each member is looked at as a file of its own, and the archive for what leads out of it, and for bombs. RAR is refused.

Rules kept: a member that cannot be read is a finding where its name claims what can run code, and never ends the look at the others; what is stored as it is
is read in place; what two readers could see differently (two members of one name, a header that contradicts the directory) is a finding.
"""

from __future__ import annotations

import posixpath
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jupyter_mlsc.scan.finding import BrokenLayerError, Finding, LimitReachedError, NotUnderstoodError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner
from jupyter_mlsc.scan.windows import window

if TYPE_CHECKING:
    import tarfile

_LOCAL = struct.Struct("<4s5H3I2H")
_ENCRYPTED = 0x1
LARGEST_RATIO = 200
SUSPICIOUS_SIZE = 64 << 20
"""Bytes from which on a member is asked how much it shrank."""
_DRIVE = re.compile(r"[A-Za-z]:")
_SMALL = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, struct.error)


def leads_out(name: str) -> bool:
    """Whether a member's name leads out of the folder that it is unpacked into."""
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or _DRIVE.match(name) is not None or ".." in parts or "\0" in name


def size_shown(count: int) -> str:
    """A size as findings have it."""
    return f"{count:,} bytes"


def _recognise_zip(piece: Piece) -> bool:
    return piece.head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or zipfile.is_zipfile(piece.rewound())


def _scan_zip(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    try:
        with zipfile.ZipFile(piece.rewound()) as archive:
            members = archive.infolist()
            scanning.spend_members(len(members))
            outer = scanning.torchscript
            scanning.torchscript = outer or is_torchscript(archive.namelist())
            try:
                seen: set[str] = set()
                for member in members:
                    yield from _member(piece, scanning, archive, member, seen)
            finally:
                scanning.torchscript = outer
    except zipfile.BadZipFile as err:
        raise NotUnderstoodError(str(err)) from err


def is_torchscript(names: Iterable[str]) -> bool:
    """Whether the members of an archive are those of TorchScript."""
    return any(name == "constants.pkl" or name.endswith("/constants.pkl") for name in names)


def _member(piece: Piece, scanning: Scanning, archive: zipfile.ZipFile, member: zipfile.ZipInfo, seen: set[str]) -> Iterator[Finding]:
    name = member.filename
    if leads_out(name) or leads_out(member.orig_filename):
        yield scanning.found("archive-path", piece, name, name=member.orig_filename)
    if name in seen:
        yield scanning.found("archive-twice", piece, name, name=name)
    seen.add(name)
    if member.is_dir():
        return
    if member.file_size > SUSPICIOUS_SIZE and member.file_size > LARGEST_RATIO * max(member.compress_size, 1):
        yield scanning.found("archive-bomb", piece, name, size=size_shown(member.file_size), packed=size_shown(member.compress_size))
        return
    if member.flag_bits & _ENCRYPTED:
        yield scanning.found("archive-encrypted", piece, name, name=name)
        return
    try:
        if stat.S_ISLNK(member.external_attr >> 16):
            target = archive.read(member)[:1000].decode("utf-8", "replace")
            if leads_out(target):
                yield scanning.found("archive-link", piece, name, name=name, target=target)
            return
        yield from _contents(piece, scanning, archive, member)
    except LimitReachedError:
        raise
    except BrokenLayerError as err:
        yield scanning.found("not-understood", piece, name, what="a member of an archive", why=err)
    except _BROKEN as err:
        yield scanning.found("not-understood", piece, name, what="a member of an archive", why=str(err) or type(err).__name__)


def _contents(piece: Piece, scanning: Scanning, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterable[Finding]:
    if member.compress_type != zipfile.ZIP_STORED or member.file_size <= _SMALL:
        # A wrong sum must not hide what other readers, which do not look at it, would load.
        del member.CRC
        with archive.open(member) as stream:
            yield from scanning.inside(piece, member.filename, stream)  # type: ignore[arg-type]  # zipfile's stream is a binary one
        return
    # The standard library's own check of the two headers, without reading what may be gigabytes.
    raw = piece.stream
    raw.seek(member.header_offset)
    header = _LOCAL.unpack(raw.read(_LOCAL.size))
    local_name = raw.read(header[9])
    if header[0] != b"PK\x03\x04" or local_name not in (member.orig_filename.encode("utf-8", "replace"), member.orig_filename.encode("cp437", "replace")):
        raise NotUnderstoodError("the archive's directory and a member's header differ")
    start = member.header_offset + _LOCAL.size + header[9] + header[10]
    yield from scanning.inside(piece, member.filename, window(raw, start, member.file_size), size=member.file_size)


def _recognise_tar(piece: Piece) -> bool:
    return len(piece.head) >= 512 and (piece.head[257:262] == b"ustar" or _sum_is_right(piece.head[:512]))


def _sum_is_right(block: bytes) -> bool:
    """Whether a header of the oldest tar format, which has no magic, carries the sum of its bytes."""
    told = block[148:156].strip(b" \0")
    if not told or not re.fullmatch(rb"[0-7]{1,7}", told) or not block[0]:
        return False
    return int(told, 8) == sum(block[:148]) + 8 * 32 + sum(block[156:])


def _scan_tar(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    import tarfile

    try:
        with tarfile.open(fileobj=piece.stream, mode="r:" if piece.whole else "r|") as archive:
            for member in archive:
                scanning.spend_members()
                yield from _tar_member(piece, scanning, archive, member)
    except tarfile.TarError as err:
        raise NotUnderstoodError(str(err)) from err


def _tar_member(piece: Piece, scanning: Scanning, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[Finding]:
    if leads_out(member.name):
        yield scanning.found("archive-path", piece, member.name, name=member.name)
    if member.issym() or member.islnk():
        folder = posixpath.dirname(member.name) if member.issym() else ""
        if leads_out(posixpath.normpath(posixpath.join(folder, member.linkname.replace("\\", "/")))):
            yield scanning.found("archive-link", piece, member.name, name=member.name, target=member.linkname)
    elif member.isdev():
        yield scanning.found("archive-link", piece, member.name, name=member.name, target="a device")
    elif member.isreg() and piece.whole and not member.issparse():
        if member.offset_data + member.size > piece.size:
            raise NotUnderstoodError("it is cut off")
        yield from scanning.inside(piece, member.name, window(piece.stream, member.offset_data, member.size), size=member.size)
    elif member.isreg():
        stream = archive.extractfile(member)
        assert stream is not None  # a regular member
        yield from scanning.inside(piece, member.name, stream)  # type: ignore[arg-type]  # tarfile's stream is a binary one


def _recognise_closed(piece: Piece) -> bool:
    return piece.head.startswith(b"Rar!\x1a\x07")


def _scan_closed(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    yield scanning.found("archive-closed", piece, kind="RAR")


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a zip archive", _recognise_zip, _scan_zip, claims=(".zip", ".npz", ".pt", ".keras", ".skops", ".pt2", ".ptl", ".mar")),
    Scanner("an archive that nothing here opens", _recognise_closed, _scan_closed, claims=(".rar",), runs_code=False, streams=True),
    Scanner("a tar archive", _recognise_tar, _scan_tar, claims=(".tar", ".nemo"), streams=True),
)
