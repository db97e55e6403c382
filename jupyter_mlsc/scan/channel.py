"""What is said between a scan and the process that does it: a request with an open file, an answer with findings, each framed by its length."""

from __future__ import annotations

import json
import socket

from jupyter_mlsc.scan.finding import Finding, Severity
from jupyter_mlsc.scan.limits import Limits

LONGEST_MESSAGE = 64 << 20
_LENGTH = 8
_FIELDS = ("code", "severity", "message", "where", "fix")


def request(path: str, allow: tuple[str, ...], also: tuple[str, ...], indexes: tuple[str, ...], limits: Limits) -> dict[str, object]:
    """A file to scan: its path for messages, and what policy allows to be unpickled and to be installed from. The descriptor comes with the message."""
    return {"path": path, "allow": allow, "also": also, "indexes": indexes, "limits": limits._asdict()}


def answer(findings: tuple[Finding, ...]) -> dict[str, object]:
    """The findings on one file."""
    return {"findings": [each.document() for each in findings]}


def findings_in(body: bytes, path: str) -> tuple[Finding, ...]:
    """The findings of an answer, as claims about the file that was handed over and about nothing else. Raises ValueError for what is no answer."""
    told = json.loads(body)
    if not isinstance(told, dict) or not isinstance(told.get("findings"), list):
        raise ValueError("an answer without findings")  # noqa: TRY004  # it was received, not passed
    found = []
    for each in told["findings"]:
        if not isinstance(each, dict) or not all(isinstance(each.get(name), str) for name in _FIELDS):
            raise ValueError("a finding that is none")
        found.append(Finding(path, each["code"], Severity(each["severity"]), each["message"], each["where"], each["fix"]))
    return tuple(found)


def send(channel: socket.socket, message: dict[str, object], descriptor: int | None = None) -> None:
    """Send one message, with a descriptor where one belongs to it. Raises OSError."""
    encoded = json.dumps(message).encode()
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
