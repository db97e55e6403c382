"""GGUF (llama.cpp): metadata, then tensors. It runs nothing but its chat template, a Jinja program; sizes that do not fit the file break readers.

Source: the format's description in the ggml project (docs/gguf.md), versions 1 to 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO

from jupyter_mlsc.scan.finding import Finding, NotUnderstoodError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner
from jupyter_mlsc.scan.templates import reached_for

_MAGIC = b"GGUF"
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY = 8, 9
_KEPT = 4 << 20
_MOST_KEYS = 100_000


class _Reader:
    """Reads numbers and texts, never more than the file has. Raises NotUnderstoodError."""

    def __init__(self, stream: BinaryIO, size: int, order: str, wide: bool) -> None:
        self.stream, self.size, self.order, self.wide = stream, size, order, wide

    def exactly(self, length: int) -> bytes:
        if length > self.size - self.stream.tell():
            raise NotUnderstoodError("a size in it is larger than the file")
        return self.stream.read(length)

    def skip(self, length: int) -> None:
        if length > self.size - self.stream.tell():
            raise NotUnderstoodError("a size in it is larger than the file")
        self.stream.seek(length, 1)

    def u32(self) -> int:
        return int(struct.unpack(self.order + "I", self.exactly(4))[0])

    def length(self) -> int:
        return int(struct.unpack(self.order + ("Q" if self.wide else "I"), self.exactly(8 if self.wide else 4))[0])

    def text(self) -> str:
        length = self.length()
        if length > _KEPT:
            self.skip(length)
            return ""
        return self.exactly(length).decode("utf-8", "replace")

    def value(self, kind: int, depth: int = 0) -> str | None:
        """The value where it is a text, else None: it is stepped over."""
        if kind == _TEXT:
            return self.text()
        if kind in _SIZES:
            self.skip(_SIZES[kind])
            return None
        if kind != _ARRAY or depth > 4:
            raise NotUnderstoodError(f"it has a value of the unknown type {kind}")
        inner, count = self.u32(), self.length()
        if inner in _SIZES:
            self.skip(_SIZES[inner] * count)
            return None
        if count > self.size:
            raise NotUnderstoodError("a size in it is larger than the file")
        for _ in range(count):
            self.value(inner, depth + 1)
        return None


def _recognise(piece: Piece) -> bool:
    return piece.head.startswith((_MAGIC, _MAGIC[::-1]))


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    stream = piece.rewound()
    stream.seek(4)
    version = stream.read(4)
    order = "<" if version[:2] != b"\0\0" else ">"
    number = struct.unpack(order + "I", version)[0] if len(version) == 4 else 0
    if number not in (1, 2, 3):
        raise NotUnderstoodError(f"its version {number} is unknown")
    reader = _Reader(stream, piece.size, order, wide=number > 1)
    tensors, keys = reader.length(), reader.length()
    if keys > _MOST_KEYS or tensors > piece.size:
        raise NotUnderstoodError("a count in it is larger than the file can hold")
    for _ in range(keys):
        key = reader.text()
        value = reader.value(reader.u32())
        if value is not None and key.startswith("tokenizer.chat_template"):
            what = reached_for(value)
            if what is not None:
                yield scanning.found("template-reaches", piece, key, what=what)
    yield from _tensors(piece, scanning, reader, tensors)


def _tensors(piece: Piece, scanning: Scanning, reader: _Reader, count: int) -> Iterable[Finding]:
    seen = set()
    for _ in range(count):
        name = reader.text()
        dimensions = reader.u32()
        if dimensions > 8:
            raise NotUnderstoodError(f"a tensor has {dimensions} dimensions")
        for _ in range(dimensions):
            reader.length()
        reader.u32()
        place = struct.unpack(reader.order + "Q", reader.exactly(8))[0]
        if place > piece.size:
            raise NotUnderstoodError(f"the tensor {name} lies behind the end of the file")
        if name in seen:
            yield scanning.found("gguf-twice", piece, name=name)
        seen.add(name)


SCANNERS: tuple[Scanner, ...] = (Scanner("a GGUF file", _recognise, _scan, claims=(".gguf",)),)
