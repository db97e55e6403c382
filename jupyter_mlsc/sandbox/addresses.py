"""Socket addresses as callers pass them (``struct sockaddr``): bytes in, what they mean out. Nothing is looked up.

Rules kept: an address that is too short or of another family means nothing, and the kernel says so to its caller.
"""

from __future__ import annotations

import socket
import struct

LONGEST = 128
"""Bytes of a ``struct sockaddr_storage``."""
PATH_AT = 2
"""Where the path of a ``struct sockaddr_un`` begins."""


def family_of(address: bytes) -> int:
    """The family that an address says it is of; -1 for one that is too short to say."""
    return int.from_bytes(address[:PATH_AT], "little") if len(address) >= PATH_AT else -1


def pathname(address: bytes) -> bytes | None:
    """The path of a Unix socket's address; None for any other, and for one without a file."""
    if family_of(address) != socket.AF_UNIX or len(address) <= PATH_AT or address[PATH_AT] == 0:
        return None
    return address[PATH_AT:].partition(b"\0")[0]


def shown(address: bytes) -> bytes:
    """An Internet address as a person reads it."""
    family = family_of(address)
    if family == socket.AF_INET and len(address) >= 8:
        return f"{socket.inet_ntop(family, address[4:8])}:{int.from_bytes(address[2:4], 'big')}".encode()
    if family == socket.AF_INET6 and len(address) >= 24:
        return f"[{socket.inet_ntop(family, address[8:24])}]:{int.from_bytes(address[2:4], 'big')}".encode()
    return b"an address"


def by_descriptor(descriptor: int, name: bytes = b"") -> bytes:
    """The address of the Unix socket that a descriptor stands for, or of a name in the folder that it stands for: no way to it is gone again."""
    return struct.pack("<H", socket.AF_UNIX) + b"/proc/self/fd/%d" % descriptor + (b"/" + name if name else b"") + b"\0"
