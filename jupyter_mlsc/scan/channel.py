"""What is said between a scan and the process that does it: what policy allows, then requests with an open file, and an answer with findings to each.

Every message is framed by its length. Only the C part of ``socket`` is used: importing the rest takes longer than a scan.
"""

from __future__ import annotations

import array
import json
import time
from _socket import CMSG_LEN, SCM_RIGHTS, SOL_SOCKET, socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jupyter_mlsc.scan.finding import Finding, Severity
from jupyter_mlsc.scan.limits import Limits

if TYPE_CHECKING:
    from jupyter_mlsc.formats import Identified

LONGEST_MESSAGE = 64 << 20
_LENGTH = 8
_LAST = "last parsed by"
_FIELDS = ("code", "severity", "message", "where", "fix")


def terms(allow: Iterable[str], also: Iterable[str], indexes: Iterable[str], limits: Limits) -> dict[str, object]:
    """The first message: what holds for all files. What policy allows to be unpickled and to be installed from, and what is looked for besides."""
    return {"allow": sorted(allow), "also": sorted(also), "indexes": sorted(indexes), "limits": limits._asdict()}


def request(name: str, *, recognise: bool = False) -> dict[str, object]:
    """A file to scan, or to recognise: its name, without folders. The descriptor comes with the message."""
    return {"name": name, "recognise": recognise}


def answer(findings: tuple[Finding, ...]) -> dict[str, object]:
    """The findings on one file."""
    return {"findings": [each.document() for each in findings]}


def findings_in(body: bytes, path: str) -> tuple[Finding, ...]:
    """The findings of an answer, as claims about the file that was handed over and about nothing else. Raises ValueError for what is no answer."""
    told = _document(body)
    if not isinstance(told, dict) or not isinstance(told.get("findings"), list):
        raise ValueError("an answer without findings")  # noqa: TRY004  # it was received, not passed
    found = []
    for each in told["findings"]:
        if not isinstance(each, dict) or not all(isinstance(each.get(name), str) for name in _FIELDS):
            raise ValueError("a finding that is none")
        found.append(Finding(path, each["code"], Severity(each["severity"]), each["message"], each["where"], each["fix"]))
    return tuple(found)


def last(library: str) -> dict[str, object]:
    """Said before a library parses a file, so before the answer on it: whatever then becomes of the process, it answers for no other file."""
    return {_LAST: library}


def parsed_by(body: bytes) -> str | None:
    """The library of such a message; None for any other message."""
    told = _document(body) if body.startswith(f'{{"{_LAST}"'.encode()) else None
    return str(told[_LAST]) if isinstance(told, dict) and _LAST in told else None


def recognition(identified: Identified) -> dict[str, object]:
    """What a file is."""
    found = None if identified.found is None else identified.found.name
    return {"found": found, "mismatch": identified.mismatch, "within": sorted(identified.within)}


def recognised_in(body: bytes, name: str) -> Identified:
    """What an answer says that a file is; what its name claims is not asked of it. Raises ValueError for what is no answer."""
    from jupyter_mlsc.formats.registry import FORMATS, identified, named_format

    told = _document(body)
    if not isinstance(told, dict) or not isinstance(told.get("mismatch"), bool) or not isinstance(told.get("within"), list):
        raise ValueError("an answer without a format")  # noqa: TRY004  # it was received, not passed
    found = next((each for each in FORMATS if each.name == told.get("found")), None)
    if found is None and told.get("found") is not None:
        raise ValueError("a format that is none")
    return identified(named_format(name), found, told["mismatch"], frozenset(map(str, told["within"])))


def _document(body: bytes) -> object:
    try:
        return json.loads(body)
    except RecursionError as err:
        raise ValueError("an answer that nests too deep") from err


def send(channel: socket, message: dict[str, object], descriptor: int | None = None) -> None:
    """Send one message, with a descriptor where one belongs to it. Raises OSError."""
    encoded = json.dumps(message).encode()
    framed = len(encoded).to_bytes(_LENGTH, "little") + encoded
    handed = [] if descriptor is None else [(SOL_SOCKET, SCM_RIGHTS, array.array("i", [descriptor]))]
    sent = channel.sendmsg([framed], handed)
    if sent < len(framed):
        channel.sendall(framed[sent:])


def receive(channel: socket, until: float | None = None) -> tuple[bytes | None, list[int]]:
    """One message and its descriptors; None where the other side is gone. ``until`` is a time of `time.monotonic`, after which nothing is waited for.

    Raises OSError, TimeoutError, and ValueError for what is no message.
    """
    descriptors = array.array("i")
    _limit(channel, until)
    begun, beside, _, _ = channel.recvmsg(_LENGTH, CMSG_LEN(descriptors.itemsize))
    for level, kind, data in beside:
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    handed = list(descriptors)
    begun = begun + _exactly(channel, _LENGTH - len(begun), until) if begun else begun
    if len(begun) < _LENGTH:
        return None, handed
    length = int.from_bytes(begun, "little")
    if length > LONGEST_MESSAGE:
        raise ValueError(f"a message of {length:,} bytes")
    body = _exactly(channel, length, until)
    return (body if len(body) == length else None), handed


def _exactly(channel: socket, length: int, until: float | None) -> bytes:
    parts = []
    while length > 0:
        _limit(channel, until)
        part = channel.recv(min(length, 1 << 20))
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _limit(channel: socket, until: float | None) -> None:
    """Let the next call wait until then: who sends a byte now and then does not gain time by it."""
    if until is not None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        channel.settimeout(left)
