"""What is said between a scan and the process that does it: a request with an open file, an answer with findings, each framed by its length."""

from __future__ import annotations

import socket

import msgspec

from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.scan.limits import Limits

LONGEST_MESSAGE = 64 << 20
_LENGTH = 8


class Request(msgspec.Struct, frozen=True):
    """A file to scan: its path for messages, and what policy allows to be unpickled. The descriptor comes with the message."""

    path: str
    allow: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    limits: Limits = Limits()


class Answer(msgspec.Struct, frozen=True):
    """The findings on one file."""

    findings: tuple[Finding, ...]


def send(channel: socket.socket, message: msgspec.Struct, descriptor: int | None = None) -> None:
    """Send one message, with a descriptor where one belongs to it. Raises OSError."""
    encoded = msgspec.json.encode(message)
    framed = len(encoded).to_bytes(_LENGTH, "little") + encoded
    sent = socket.send_fds(channel, [framed], [] if descriptor is None else [descriptor])
    if sent < len(framed):
        channel.sendall(framed[sent:])


def receive(channel: socket.socket) -> tuple[bytes | None, list[int]]:
    """One message and its descriptors; None where the other side is gone. Raises OSError, TimeoutError, and ValueError for what is no message."""
    begun, descriptors, _, _ = socket.recv_fds(channel, _LENGTH, 1)
    begun = begun + _exactly(channel, _LENGTH - len(begun)) if begun else begun
    if len(begun) < _LENGTH:
        return None, descriptors
    length = int.from_bytes(begun, "little")
    if length > LONGEST_MESSAGE:
        raise ValueError(f"a message of {length:,} bytes")
    body = _exactly(channel, length)
    return (body if len(body) == length else None), descriptors


def _exactly(channel: socket.socket, length: int) -> bytes:
    parts = []
    while length > 0:
        part = channel.recv(min(length, 1 << 20))
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
