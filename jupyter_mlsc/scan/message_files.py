"""MessagePack and JSON documents that carry objects: jsonpickle's ``py/...`` keys make any object, extension types and numpy's markers carry pickles."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from jupyter_mlsc.scan.documents import json_of, parts, text_of
from jupyter_mlsc.scan.finding import Finding, NotUnderstoodError
from jupyter_mlsc.scan.known_dangers import runs_code
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_SUFFIXES = (".msgpack", ".msgpck", ".mpk")
_CALLS = frozenset({"py/reduce", "py/newargs", "py/newargsex", "py/initargs", "py/function", "py/repr", "py/newobj"})
_NAMES = frozenset({"py/object", "py/type", "py/ref", "py/mod"})
_SIGN = re.compile(rb'"py/(?:object|reduce|function|type|repr|newargs|newargsex|initargs|newobj|mod)"')
_MOST = 10_000_000
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_SIZED = {
    0xC4: (1, False),
    0xC5: (2, False),
    0xC6: (4, False),
    0xC7: (1, True),
    0xC8: (2, True),
    0xC9: (4, True),
    0xD9: (1, False),
    0xDA: (2, False),
    0xDB: (4, False),
}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_COUNTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def _recognise_json(piece: Piece) -> bool:
    begun = piece.head[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    return begun[:1] in (b"{", b"[") and _SIGN.search(piece.head if piece.size <= len(piece.head) else piece.rewound().read(64 << 20)) is not None


def _scan_json(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    told = set()
    for place, value in parts(json_of(text_of(piece, scanning))):
        if not isinstance(value, dict):
            continue
        for key in value:
            if key in _CALLS:
                what = _named(value) or key
                if what not in told:
                    told.add(what)
                    yield scanning.found("jsonpickle-code", piece, place, what=what)
            elif key in _NAMES and isinstance(value[key], str) and value[key] not in told:
                told.add(value[key])
                module, _, name = value[key].rpartition(".")
                yield scanning.found("jsonpickle-code" if runs_code(module, name) else "jsonpickle-object", piece, place, what=value[key])


def _named(value: dict[str, object]) -> str | None:
    for each in value.values():
        for _, inner in parts(each):
            if isinstance(inner, str) and "." in inner:
                return inner
    return None


def _recognise_msgpack(piece: Piece) -> bool:
    return piece.lowered.endswith(_SUFFIXES)


def _scan_msgpack(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    if piece.size > scanning.limits.held:
        raise NotUnderstoodError(f"it is larger than {scanning.limits.held >> 20} MiB")
    data = piece.rewound().read()
    for kind, start, length in _values(data):
        if kind == "extension":
            yield from scanning.inside(piece, f"extension at {start}", io.BytesIO(data[start : start + length]), named="extension")
        elif length > 2 and data[start] in b"\x80(c" and kind == "bytes":
            yield from scanning.inside(piece, f"bytes at {start}", io.BytesIO(data[start : start + length]), named="bytes")
        elif kind == "text" and data[start : start + length] in (b"py/object", b"py/reduce", b"py/function"):
            yield scanning.found("jsonpickle-code", piece, f"offset {start}", what=data[start : start + length].decode())


def _values(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Every value of a MessagePack document: ``text``, ``bytes``, ``extension`` or ``other``, its offset and length. Raises NotUnderstoodError."""
    at, waiting, seen, end = 0, 1, 0, len(data)
    while at < end:
        waiting -= 1
        seen += 1
        if seen > _MOST:
            raise NotUnderstoodError("it has too many values")
        code = data[at]
        at += 1
        kind, length = "other", 0
        if code <= 0x7F or code >= 0xE0:
            pass
        elif code <= 0x8F:
            waiting += 2 * (code & 0xF)
        elif code <= 0x9F:
            waiting += code & 0xF
        elif code <= 0xBF:
            kind, length = "text", code & 0x1F
        elif code in _FIXED:
            length = _FIXED[code]
        elif code in _SIZED:
            width, extension = _SIZED[code]
            length = int.from_bytes(data[at : at + width], "big")
            at += width + extension
            kind = "extension" if extension else "text" if code >= 0xD9 else "bytes"
        elif code in _FIXED_EXTENSIONS:
            kind, length = "extension", _FIXED_EXTENSIONS[code]
            at += 1
        elif code in _COUNTED:
            width, each = _COUNTED[code]
            waiting += each * int.from_bytes(data[at : at + width], "big")
            at += width
        else:
            raise NotUnderstoodError(f"it has the unknown code 0x{code:02x} at {at - 1}")
        if at + length > end:
            raise NotUnderstoodError("it is cut off")
        yield kind, at, length
        at += length
        if waiting == 0:
            waiting = 1  # documents may follow one another
    if waiting > 1:
        raise NotUnderstoodError("it is cut off")


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a jsonpickle document", _recognise_json, _scan_json),
    Scanner("a MessagePack document", _recognise_msgpack, _scan_msgpack, claims=_SUFFIXES),
)
