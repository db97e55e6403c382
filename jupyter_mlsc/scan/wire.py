"""Protocol Buffers' wire format, walked without a schema: enough to tell what a message is and to read the fields that decide something.

Source: the encoding's own description (varints, 64 and 32 bit numbers, lengths; groups are long gone).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from jupyter_mlsc.scan.finding import NotUnderstoodError

Value = int | memoryview
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def fields(message: memoryview) -> Iterator[tuple[int, int, Value]]:
    """The fields of a message: number, wire type and value. Raises NotUnderstoodError where they do not fill it."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise NotUnderstoodError("a message has a field without a number")
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, kind, value
        elif kind == LENGTH:
            length, at = _varint(message, at)
            if at + length > end:
                raise NotUnderstoodError("a field is longer than its message")
            yield number, kind, message[at : at + length]
            at += length
        elif kind in (FIXED64, FIXED32):
            width = 8 if kind == FIXED64 else 4
            if at + width > end:
                raise NotUnderstoodError("a message is cut off")
            yield number, kind, struct.unpack_from("<Q" if width == 8 else "<I", message, at)[0]
            at += width
        else:
            raise NotUnderstoodError(f"a message has a field of the unknown kind {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise NotUnderstoodError("a message is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotUnderstoodError("a message has a number without an end")


def messages(message: memoryview, number: int) -> Iterator[memoryview]:
    """The fields of this number that have a length: texts, bytes and messages."""
    for found, kind, value in fields(message):
        if found == number and kind == LENGTH and isinstance(value, memoryview):
            yield value


def text(message: memoryview, number: int) -> str:
    """The last text of this number, as protobuf reads a field that occurs more than once; empty where there is none."""
    last = ""
    for value in messages(message, number):
        last = bytes(value[:4096]).decode("utf-8", "replace")
    return last


def is_message(message: memoryview, most: int = 100_000) -> bool:
    """Whether bytes can be a message of not too many fields."""
    try:
        return sum(1 for _, _ in zip(range(most), fields(message), strict=False)) < most
    except NotUnderstoodError:
        return False
