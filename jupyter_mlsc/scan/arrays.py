"""numpy's npy files: an array of objects is a pickle behind a header. An npz file is a zip archive of these."""

from __future__ import annotations

import io
from collections.abc import Iterable

from jupyter_mlsc.formats.recognition import npy_holds_objects
from jupyter_mlsc.scan.finding import Finding, NotUnderstoodError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_MAGIC = b"\x93NUMPY"


def _recognise(piece: Piece) -> bool:
    return piece.head.startswith(_MAGIC)


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    if len(piece.head) < 12:
        raise NotUnderstoodError("its header is cut off")
    if not npy_holds_objects(io.BytesIO(piece.head)):
        return
    length = int.from_bytes(piece.head[8:12], "little") + 12 if piece.head[6] >= 2 else int.from_bytes(piece.head[8:10], "little") + 10
    stream = piece.stream
    if piece.size >= 0 and length > piece.size:
        raise NotUnderstoodError("its header is longer than the file")
    left = length
    while left > 0:
        part = stream.read(min(left, 1 << 20))
        if not part:
            raise NotUnderstoodError("its header is cut off")
        left -= len(part)
    yield from scanning.inside(piece, "objects", stream, named="objects.pkl")


SCANNERS: tuple[Scanner, ...] = (Scanner("an npy file", _recognise, _scan, claims=(".npy",), streams=True),)
