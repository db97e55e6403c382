"""safetensors: a length, a JSON header, bytes. It runs nothing; a header that does not fit the bytes is made to mislead, or to break a reader.

Source: the format's own description (8 bytes of length, the header, then the tensors without gaps or overlaps).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from itertools import pairwise

from jupyter_mlsc.formats.tensors import LONGEST_HEADER
from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E5M2FNUZ", "F8_E4M3FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}


def _recognise(piece: Piece) -> bool:
    return piece.lowered.endswith(".safetensors") or (len(piece.head) >= 10 and piece.head[8:9] == b"{" and 2 <= _length(piece) <= LONGEST_HEADER)


def _length(piece: Piece) -> int:
    length: int = struct.unpack("<Q", piece.head[:8])[0]
    return length


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    why = _fault(piece)
    if why is not None:
        yield scanning.found("safetensors-malformed", piece, why=why)


def _fault(piece: Piece) -> str | None:
    """What is wrong with a file, in a sentence; None for a sound one."""
    if len(piece.head) < 10:
        return "it is too short"
    length = _length(piece)
    if length > LONGEST_HEADER or length + 8 > piece.size:
        return f"its header claims {length:,} bytes"
    stream = piece.rewound()
    stream.seek(8)
    try:
        pairs = json.loads(stream.read(length), object_pairs_hook=_once)
    except (ValueError, RecursionError) as err:
        return f"its header is no JSON document: {err}"
    if not isinstance(pairs, dict):
        return "its header is no JSON object"
    metadata = pairs.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return "its metadata are no texts"
    places = []
    for name, entry in pairs.items():
        why, place = _tensor(entry)
        if why is not None or place is None:
            return f"tensor {name}: {why}"
        places.append(place)
    return _layout(sorted(places), piece.size - 8 - length)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _tensor(entry: object) -> tuple[str | None, tuple[int, int] | None]:
    if not isinstance(entry, dict):
        return "is no object", None
    shape, places, kind = entry.get("shape"), entry.get("data_offsets"), entry.get("dtype")
    if not isinstance(shape, list) or not all(type(each) is int and each >= 0 for each in shape):
        return "has no shape", None
    if not isinstance(places, list) or len(places) != 2 or not all(type(each) is int and each >= 0 for each in places) or places[0] > places[1]:
        return "has no place", None
    bits = _BITS.get(kind) if isinstance(kind, str) else None
    if bits is None:
        return f"has the unknown type {kind}", None
    for each in shape:
        bits *= each
    if bits != 8 * (places[1] - places[0]):
        return "has another size than its place", None
    return None, (places[0], places[1])


def _layout(places: list[tuple[int, int]], size: int) -> str | None:
    for (_, end), (start, _) in pairwise(places):
        if start < end:
            return "tensors overlap"
        if start > end:
            return f"{start - end:,} bytes between tensors belong to none"
    if places and places[0][0] != 0:
        return "bytes before the first tensor belong to none"
    end = places[-1][1] if places else 0
    if end > size:
        return f"the tensors end {end - size:,} bytes behind the end of the file"
    if end < size:
        return f"{size - end:,} bytes behind the tensors belong to none"
    return None


SCANNERS: tuple[Scanner, ...] = (Scanner("a safetensors file", _recognise, _scan, claims=(".safetensors",), runs_code=False),)
