"""What is said between the inside of a supervised tree and its supervisor: typed messages, their frames, and the address.

Rules kept: one connection is one question and one answer, so that a fork, an interrupt or a thread leaves nothing half said; every question is a claim of
the untrusted side and is bounded; what does not parse is no question. Nothing in here decides, opens a file or knows who it is talking to.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec

from jupyter_mlsc.artifacts import MOST_ARTIFACTS, Digest
from jupyter_mlsc.profiles import DatasetDiff
from jupyter_mlsc.verdict import Reason, Verdict

ADDRESS = b"\0mlsc-supervisor"
"""An abstract Unix address that nobody listens at: the supervisor answers the connect itself."""
VARIABLE = "MLSC_SUPERVISED"
"""The environment variable that says to a process that it may ask. Whoever answers still has to be its supervisor."""
MOST = 1 << 20
"""Bytes that a question may have."""
_MOST_ANSWERED = 1 << 30
_LENGTH = struct.Struct("!I")
_T = TypeVar("_T")

Name = Annotated[str, msgspec.Meta(max_length=4096)]
Path = Annotated[bytes, msgspec.Meta(max_length=4096)]
"""A path as the system has it, which need not be UTF-8; relative ones are meant from the asker's working directory."""


class _Message(msgspec.Struct, frozen=True, tag=True):
    """What travels; its class is its tag."""


class CellBegins(_Message, frozen=True):
    """A kernel is about to run a cell: claimed, and used for attribution only."""

    notebook: Name | None = None
    cell_id: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    execution_count: Annotated[int, msgspec.Meta(ge=0, le=1 << 40)] | None = None
    code: Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$")] | None = None


class CellEnds(_Message, frozen=True):
    """The cell has run: what it wrote is to be recorded. Answered by `Told`.

    ``flow`` is what its code does to names, as `dataflow.summarize` has it, and ``failed`` whether it ended with an error: claims, kept as the kernel's.
    """

    failed: bool = False
    flow: dict[str, Any] | None = None


class AskRules(_Message, frozen=True):
    """What a load has to keep. Answered by `Rules`."""


class AskRead(_Message, frozen=True):
    """The verdict under which a path was opened last, or refused. Answered by `Judged`."""

    path: Path


class AskWritten(_Message, frozen=True):
    """Record what lies at a path now. Answered by `Written`."""

    path: Path


class AskVerify(_Message, frozen=True):
    """Hash afresh and judge. Answered by `Judged`."""

    paths: tuple[Path, ...] = ()
    full: bool = False


Depth = Annotated[int, msgspec.Meta(ge=0, le=100)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class AskLineage(_Message, frozen=True):
    """What an artifact was made from, at most so many artifacts. Answered by `Lineage`."""

    reference: Path
    depth: Depth = 8
    limit: Limit = MOST_ARTIFACTS


class AskImpact(_Message, frozen=True):
    """What was made from an artifact, at most so many artifacts. Answered by `Impacts`."""

    reference: Path
    depth: Depth = 8
    limit: Limit = MOST_ARTIFACTS


class AskDiff(_Message, frozen=True):
    """How a data set differs from what was signed last. Answered by `Compared`."""

    path: Path
    against: Path | None = None


class AskStatus(_Message, frozen=True):
    """The project and this run. Answered by `Facts`."""


class AskCommand(_Message, frozen=True):
    """Carry out one of the commands of ``mlsc`` that only read. Answered by `Done`."""

    arguments: Annotated[tuple[Path, ...], msgspec.Meta(max_length=4096)]


Question = CellBegins | CellEnds | AskRules | AskRead | AskWritten | AskVerify | AskLineage | AskImpact | AskDiff | AskStatus | AskCommand


class Fine(_Message, frozen=True):
    """It was heard."""


class Told(_Message, frozen=True):
    """What a person must be told, in order."""

    texts: tuple[str, ...]


class Rules(_Message, frozen=True):
    """What a load and a save inside have to know of the project."""

    root: bytes
    project: str
    unpickle_allow: frozenset[str]


class Judged(_Message, frozen=True):
    """Verdicts; none where no rule governs a path, or nothing was asked of it yet. ``own`` says, of a path that was read, whether this run wrote it."""

    verdicts: tuple[Verdict, ...]
    own: bool = False


class Written(_Message, frozen=True):
    """What was recorded of an output."""

    path: str
    digest: Digest
    inputs: tuple[str, ...]
    verdict: Verdict
    notes: tuple[Reason, ...] = ()


class Lineage(_Message, frozen=True):
    """Where an artifact comes from."""

    node: msgspec.Raw
    """A `LineageNode` in JSON: who asks for none needs none of the graph's code."""


class Impacts(_Message, frozen=True):
    """What was made from an artifact."""

    impact: msgspec.Raw
    """An `Impact` in JSON."""


class Compared(_Message, frozen=True):
    """A data set against the last signed profile of it."""

    diff: DatasetDiff


class Facts(_Message, frozen=True):
    """Labelled facts for a person, and the same for a program."""

    rows: tuple[tuple[str, str], ...]
    document: dict[str, Any]


class Done(_Message, frozen=True):
    """How a command ended and what it printed."""

    code: int
    out: bytes
    err: bytes


class Failed(_Message, frozen=True):
    """An error that the asker raises: the name of its class, its sentence and the next step; ``verdict`` where one blocked."""

    kind: str
    message: str
    next: str | None = None
    verdict: Verdict | None = None


Answer = Fine | Told | Rules | Judged | Written | Lineage | Impacts | Compared | Facts | Done | Failed


@cache
def _questions() -> msgspec.json.Decoder[Question]:
    return msgspec.json.Decoder(Question)


@cache
def _answers() -> msgspec.json.Decoder[Answer]:
    """Each end reads one kind, and a kernel waits for it."""
    return msgspec.json.Decoder(Answer)


def send(channel: socket.socket, message: Question | Answer) -> None:
    """Send one message. Raises OSError, and ValueError for text that is not Unicode."""
    data = msgspec.json.encode(message)
    channel.sendall(_LENGTH.pack(len(data)) + data)


def receive_question(channel: socket.socket) -> Question:
    """The one question of a connection. Raises ValueError for what is none, OSError."""
    return _receive(channel, MOST, _questions().decode)


def receive_answer(channel: socket.socket) -> Answer:
    """The answer. Raises ValueError where the other side went away or speaks something else, OSError."""
    return _receive(channel, _MOST_ANSWERED, _answers().decode)


def _receive(channel: socket.socket, most: int, decode: Callable[[bytes], _T]) -> _T:
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    if length > most:
        raise ValueError(f"a message of {length} bytes")
    try:
        return decode(_exactly(channel, length))
    except (msgspec.MsgspecError, RecursionError) as err:
        raise ValueError(f"no message: {err}") from err


def _exactly(channel: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        piece = channel.recv(min(length - len(data), 1 << 18))
        if not piece:
            raise ValueError("the other side went away")
        data += piece
    return bytes(data)
