"""Text documents as scanners need them: read within the limits, and walked at any depth without recursion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jupyter_mlsc.scan.finding import LimitReachedError, NotUnderstoodError
from jupyter_mlsc.scan.piece import Piece, Scanning

_MOST_VALUES = 20_000_000


def text_of(piece: Piece, scanning: Scanning) -> str:
    """The whole text of a piece (UTF-8, or what a byte order mark says). Raises LimitReachedError, NotUnderstoodError."""
    if not 0 <= piece.size <= scanning.limits.text:
        raise LimitReachedError(f"a text of more than {scanning.limits.text >> 20:,} MiB is not taken apart")
    data = piece.rewound().read()
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as err:
        raise NotUnderstoodError(f"it is no {encoding} text: {err.reason} at byte {err.start}") from err


def json_of(text: str) -> Any:
    """A JSON document. Raises NotUnderstoodError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise NotUnderstoodError(f"it is no JSON document: {err}") from err


def parts(document: object) -> Iterator[tuple[str, object]]:
    """Every value of a document (mappings and sequences) with its place, the outermost first."""
    waiting: list[tuple[str, object]] = [("", document)]
    count = 0
    while waiting:
        place, value = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise LimitReachedError("a document has too many values")
        yield place, value
        if isinstance(value, dict):
            waiting += [(f"{place}.{key}" if place else str(key), each) for key, each in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(f"{place}[{number}]", each) for number, each in enumerate(value)]


def is_text(head: bytes) -> bool:
    """Whether the first bytes are those of a text that people write: printable, and UTF-8 up to where they are cut."""
    if b"\x00" in head:
        return head.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as err:
        return len(head) - err.start < 4 and len(head) > 4
    return True
