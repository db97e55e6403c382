"""R's serialized objects (.rds, .rda): promises, closures, byte code and environments run when the object is used, a promise as soon as it is looked at.

Source: R Internals, 'Serialization Formats', versions 2 and 3, XDR and binary; the ASCII form is refused. Rules kept: what carries code is a finding;
models of R carry functions and formulas honestly, so a closure is one that a person must look at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO

from jupyter_mlsc.scan.finding import Finding, LimitReachedError, NotUnderstoodError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_HEADS = (b"X\n", b"B\n", b"A\n")
_SAVED = (b"RDX2\nX\n", b"RDX3\nX\n", b"RDB2\nB\n", b"RDB3\nB\n", b"RDA2\nA\n", b"RDA3\nA\n")
_NIL, _GLOBAL, _UNBOUND, _MISSING, _BASE_NAMESPACE, _NAMESPACE = 254, 253, 252, 251, 247, 249
_ENDS = frozenset({254, 253, 252, 251, 250, 247, 242, 241})
_CODE = {3: "a function", 5: "a promise", 6: "a call", 21: "byte code", 22: "a pointer to memory", 25: "an object of a class"}
_RUNS_AT_ONCE = frozenset({5, 21})
_MOST = 20_000_000


def _recognise(piece: Piece) -> bool:
    head = piece.head
    if head.startswith(_SAVED):
        return True
    if not head.startswith(_HEADS) or len(head) < 14:
        return False
    if head.startswith(b"A\n"):
        return head[2:4] in (b"2\n", b"3\n")
    order = ">" if head.startswith(b"X") else "<"
    version, written, least = struct.unpack_from(order + "III", head, 2)
    return version in (2, 3) and 0x10000 <= written < 0x100000 and least < 0x100000


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    stream = piece.rewound()
    if piece.head.startswith(_SAVED):
        stream.read(5)
    kind = stream.read(2)
    if kind == b"A\n":
        raise NotUnderstoodError("it is R's ASCII form, which nothing here reads")
    reader = _Reader(stream, ">" if kind == b"X\n" else "<", scanning)
    version = reader.number()
    reader.number(), reader.number()
    if version == 3:
        reader.skip(reader.number())
    try:
        reader.items()
    finally:
        found = dict(reader.code)
    for number, place in found.items():
        code = "rds-runs" if number in _RUNS_AT_ONCE else "rds-code" if number in (3, 6, 22) else "rds-object"
        if code != "rds-object":
            yield scanning.found(code, piece, f"offset {place}", what=_CODE[number])


class _Reader:
    """Walks the items without recursion: a stack of what is still to be read."""

    def __init__(self, stream: BinaryIO, order: str, scanning: Scanning) -> None:
        self.stream, self.order, self.scanning = stream, order, scanning
        self.code: dict[int, int] = {}
        self.references = 0

    def number(self) -> int:
        data = self.stream.read(4)
        if len(data) != 4:
            raise NotUnderstoodError("it is cut off")
        return int(struct.unpack(self.order + "i", data)[0])

    def length(self) -> int:
        count = self.number()
        if count == -1:
            high, low = self.number(), self.number()
            count = (high << 32) | (low & 0xFFFFFFFF)
        if count < 0:
            raise NotUnderstoodError("a length in it is negative")
        return count

    def skip(self, count: int) -> None:
        while count > 0:
            part = self.stream.read(min(count, 1 << 20))
            if not part:
                raise NotUnderstoodError("it is cut off")
            count -= len(part)

    def items(self) -> None:
        """Read one item and all that it holds."""
        waiting, seen = 1, 0
        while waiting:
            waiting -= 1
            seen += 1
            if seen > _MOST:
                raise LimitReachedError("it has too many items")
            waiting += self._item()
            if 21 in self.code:
                return  # byte code has a form of its own, and is what was looked for

    def _item(self) -> int:
        """Read an item's own bytes; how many items follow that belong to it."""
        flags = self.number()
        kind, attributes, tagged = flags & 0xFF, bool(flags & 0x200), bool(flags & 0x400)
        if kind in _CODE and kind != 25:
            self.code.setdefault(kind, self.stream.tell() - 4)
        if kind == 255:
            if not flags >> 8:
                self.number()
            return 0
        if kind in _ENDS:
            return 0
        if kind in (249, 248):
            self.number()
            return self.number()
        if kind == 1:
            return 1
        if kind in (2, 5, 6, 3):
            return 2 + attributes + tagged
        if kind == 4:
            self.number()
            return 4
        if kind in (21, 240, 239, 244, 243):
            if kind == 21:
                return 0
            return 2 + attributes
        if kind == 22:
            return 2 + attributes
        if kind == 23:
            return int(attributes)
        if kind in (7, 8):
            self.skip(self.number())
            return int(attributes)
        if kind == 9:
            self.skip(max(self.number(), 0))
            return 0
        if kind in (10, 13):
            self.skip(4 * self.length())
            return int(attributes)
        if kind == 14:
            self.skip(8 * self.length())
            return int(attributes)
        if kind == 15:
            self.skip(16 * self.length())
            return int(attributes)
        if kind == 24:
            self.skip(self.length())
            return int(attributes)
        if kind in (16, 19, 20):
            return self.length() + attributes
        if kind == 25:
            return 1
        if kind == 238:
            return 3
        raise NotUnderstoodError(f"it has an item of the unknown kind {kind}")


SCANNERS: tuple[Scanner, ...] = (Scanner("an R object", _recognise, _scan, claims=(".rds", ".rda", ".rdata")),)
