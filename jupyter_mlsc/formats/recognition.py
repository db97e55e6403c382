"""What bytes tell about themselves: zip members, numpy headers, and pickles of every protocol. Nothing here loads or runs anything.

Rules: only a bounded part of a file is looked at; bytes that cannot be understood are never called harmless.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from jupyter_mlsc.formats.format import Opened

TORCH_MAGIC = re.compile(rb"(?:\x80.)?(?:\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19\.|L119547037146038801333356L\n\.)", re.DOTALL)
"""How a legacy torch file (before 1.6) begins: a pickle of the magic number 0x1950a86a20f9469cfc6c, in any protocol."""

_GLOBAL_OPCODES = frozenset({"GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4"})
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_MOST_OPCODES = 100_000
_IR_VERSION, _GRAPH = 1, 7
# The fields of ModelProto (onnx.proto3): numbers, where 0, is a varint, 2 has a length.
_WIRE_TYPES = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_MOST_FIELDS = 10_000


def is_zip(head: bytes) -> bool:
    """A zip archive, also an empty one."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_hdf5(head: bytes) -> bool:
    """An HDF5 file, without a block of somebody else's before it."""
    return head.startswith(b"\x89HDF\r\n\x1a\n")


_last: ContextVar[list[tuple[BinaryIO, tuple[str, ...]]] | None] = ContextVar("_last", default=None)


@contextmanager
def archives_read_once() -> Iterator[None]:
    """A block in which several who ask for the members of the same stream, one after the other, have them read once: nobody writes to it."""
    token = _last.set([])
    try:
        yield
    finally:
        _last.reset(token)


def zip_names(head: bytes, opened: Opened) -> tuple[str, ...]:
    """The members of a zip archive; empty for anything else and for one that is broken."""
    if isinstance(opened, os.PathLike) or not is_zip(head):
        return ()
    last = _last.get()
    if last and last[0][0] is opened:
        return last[0][1]
    names = _members(opened)
    if last is not None:
        last[:] = [(opened, names)]
    return names


def _members(opened: BinaryIO) -> tuple[str, ...]:
    import zipfile

    opened.seek(0)
    try:
        with zipfile.ZipFile(opened) as archive:
            return tuple(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, struct.error):
        return ()


def is_torch_zip(head: bytes, opened: Opened) -> bool:
    """The zip archive that torch writes since 1.6, TorchScript included: one folder with ``data.pkl``."""
    return any(name.endswith("/data.pkl") or name == "data.pkl" for name in zip_names(head, opened))


def npy_holds_objects(file: BinaryIO) -> bool:
    """Whether the npy file that begins here stores pickled objects; true also where its header cannot be understood (numpy format 1.0 to 3.0)."""
    import ast

    start = file.read(12)
    if len(start) < 12 or not start.startswith(b"\x93NUMPY"):
        return True
    wide = start[6] >= 2
    length = struct.unpack("<I", start[8:12])[0] if wide else struct.unpack("<H", start[8:10])[0]
    rest = file.read(min(length, 1 << 20))
    header = rest if wide else start[10:] + rest[: max(0, length - 2)]
    try:
        described = ast.literal_eval(header.decode("utf-8" if start[6] >= 3 else "latin-1").strip())
        return _has_object(described["descr"])
    except (ValueError, SyntaxError, LookupError, TypeError, MemoryError, RecursionError):
        return True


def _has_object(described: object) -> bool:
    """Whether a dtype description (a type string, or a list of fields) contains Python objects."""
    if isinstance(described, str):
        return "O" in described
    if isinstance(described, list):
        return any(not isinstance(field, tuple) or len(field) < 2 or _has_object(field[1]) for field in described)
    return not (isinstance(described, tuple) and len(described) == 2) or _has_object(described[0])


def is_onnx(head: bytes, opened: Opened) -> bool:
    """An ONNX model: the message's fields fill the file to its end, the version of the format comes with them, and a graph."""
    if isinstance(opened, os.PathLike) or not head.startswith(b"\x08"):
        return False
    opened.seek(0, 2)
    size = opened.tell()
    opened.seek(0)
    fields: set[int] = set()
    for _ in range(_MOST_FIELDS):
        if opened.tell() == size:
            return {_IR_VERSION, _GRAPH} <= fields
        key = _varint(opened)
        if key is None or _WIRE_TYPES.get(key >> 3) != key & 7:
            return False
        value = _varint(opened)
        if value is None:
            return False
        if key & 7 == 2:
            if opened.tell() + value > size:
                return False
            opened.seek(value, 1)
        fields.add(key >> 3)
    return False


def _varint(stream: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None


def is_text(head: bytes) -> bool:
    """Whether bytes can be text: none of the binary containers, and no NUL unless a byte order mark announces UTF-16 or UTF-32."""
    if head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00")) or is_zip(head):
        return False
    return b"\x00" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff"))


def is_pickle(head: bytes, *, lenient: bool = False) -> bool:
    """Whether bytes are a pickle.

    Protocols 2 and later announce themselves. A pickle without announcement (protocol 0 and 1 have none, and none is required) is told by its opcodes:
    they must be valid up to STOP or up to the end of what is looked at, and name a global, so that a page of text is not taken for one. ``lenient``
    asks less, for files that are named as pickles: valid opcodes.
    """
    import pickletools

    codes = {opcode.code for opcode in pickletools.opcodes}
    if len(head) > 2 and head[0] == 0x80 and head[1] <= 5 and chr(head[2]) in codes:
        return True
    if not head or chr(head[0]) not in codes:
        return False
    named, count, file = False, 0, io.BytesIO(head)
    try:
        for opcode, argument, _ in pickletools.genops(file):
            count += 1
            if opcode.name in _GLOBAL_OPCODES:
                if isinstance(argument, str) and not all(map(_DOTTED.fullmatch, argument.split(" ", 1))):
                    return False
                named = True
            if count > _MOST_OPCODES:
                break
    except (ValueError, UnicodeError, OverflowError, struct.error):
        # Only the cut at the end of the head may be at fault; a whole file must be valid to its STOP.
        if file.tell() < len(head) or len(head) < 4096:
            return False
    return named or lenient
