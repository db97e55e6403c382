"""What a command is started with: files that its standard input and output already lead to are judged like those that it opens itself.

Rules kept: a descriptor that a shell opened is not freer than one that was asked for; what cannot be handed on keeps the command from starting. A stream
to whoever started the command is theirs to give (a pipe, one end of a socket pair, a journal's socket); one that can address anybody is not.
"""

from __future__ import annotations

import fcntl
import os
import stat

from jupyter_mlsc.errors import SupervisionError
from jupyter_mlsc.sandbox.decide import MEANINGS, wants
from jupyter_mlsc.sandbox.gate import Gate
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import Resolved, Resolver
from jupyter_mlsc.verdict import printable

_STANDARD = ("standard input", "standard output", "standard error")


def judge_standard_streams(resolver: Resolver, places: Places, gate: Gate, *, network: bool) -> None:
    """Judge descriptors 0 to 2 of this process, which a command inherits; what was judged takes the place of what was there.

    ``network`` is whether Internet addresses may be connected to. Raises SupervisionError for what the command may not have.
    """
    for number, stream in enumerate(_STANDARD):
        try:
            found = resolver.opened(os.getpid(), number)
        except OSError:
            continue  # it is closed
        try:
            if found.status is not None and stat.S_ISSOCK(found.status.st_mode):
                _judge_socket(number, stream, network=network)
            _judge(number, stream, found, places, gate)
        finally:
            found.close()


def _judge_socket(number: int, stream: str, *, network: bool) -> None:
    import socket

    with socket.socket(fileno=os.dup(number)) as end:
        if end.family == socket.AF_UNIX:
            why = "sends to any address" if end.type in (socket.SOCK_DGRAM, socket.SOCK_RAW) else ""
        else:
            why = "" if network else "leads to the network, which the policy denies"
    if why:
        raise SupervisionError(f"the command was not run: its {stream} is a socket that {why}", next_step="start it with another redirection")


def _judge(number: int, stream: str, found: Resolved, places: Places, gate: Gate) -> None:
    assert found.status is not None  # it is open
    if not found.path.startswith(b"/") or not stat.S_ISREG(found.status.st_mode):
        return  # a pipe, a socket, a terminal, memory
    flags = fcntl.fcntl(number, fcntl.F_GETFL)
    reads, writes = wants(flags)
    region, shown = places.of(found.path), printable(os.fsdecode(found.path))
    if region is Region.HIDDEN or (writes and region is Region.READ_ONLY):
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nowhere, number)  # what is said of it here must not be written there
        os.close(nowhere)
        why = MEANINGS["hidden" if region is Region.HIDDEN else "read-only"]
        raise SupervisionError(f"the command was not run: its {stream} is {shown}, and {why}", next_step="start it with another redirection")
    if region is not Region.GOVERNED and not gate.is_governed_inode(found.status):
        return
    # What `>` emptied is the run's own from here on; what `>>` adds to is judged first, as in an open.
    if reads or found.status.st_size:
        try:
            given = gate.read(found, flags & os.O_ACCMODE if reads else os.O_RDONLY, os.getpid())
        except OSError as err:
            raise SupervisionError(f"the command was not run: its {stream} is {shown}, which was refused", next_step=None) from err
        if reads:
            at = os.lseek(number, 0, os.SEEK_CUR)
            os.dup2(given, number)
            os.lseek(number, at, os.SEEK_SET)
        os.close(given)
    if writes:
        gate.wrote(found.names, found.status, os.getpid())
