"""A supervisor that was started before it is needed: the inside of it. It has imported what a supervisor needs, and waits to be told what to supervise.

Rules kept: it hears nobody but who started it, over a channel without a name, and one word only; it holds no key and has read nothing of any project
until then; nobody may look into it; it ends when its channel does, and with who started it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlsc.sandbox import boot, linux
from jupyter_mlsc.sandbox.boot import EARLY, READY, TAKEN, Spec

if TYPE_CHECKING:
    from jupyter_mlsc.sandbox.desk import CarryOut

_LONGEST = 1 << 18
_LOOKS_EVERY = 10_000
"""Milliseconds between two looks at who started this: a fork of it may hold the other end of the channel open."""


def main(carry_out: CarryOut) -> None:
    """Wait for the one word, supervise what it describes, and exit with its status; 0 where none came."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    early = sys.argv[2:] == [EARLY]
    if early:
        _import_what_is_needed_first()
    else:
        _import_what_is_needed()
        with contextlib.suppress(OSError):  # nobody is left: `_wait` sees it
            channel.send(READY)
    spec = _wait(channel, os.getppid(), answers=not early)
    if spec is None:
        return
    linux.prctl(linux.PR_SET_DUMPABLE, 1)  # as a supervisor that was started now, which sees to that itself
    boot.run(spec, carry_out)


def _import_what_is_needed_first() -> None:
    import jupyter_mlsc.project
    import jupyter_mlsc.sandbox.features
    import jupyter_mlsc.sandbox.supervisor
    import jupyter_mlsc.sandbox.teller  # noqa: F401


def _import_what_is_needed() -> None:
    _import_what_is_needed_first()
    import jupyter_mlsc.sandbox.answering
    import jupyter_mlsc.sandbox.desk  # noqa: F401


def _wait(channel: socket.socket, parent: int, *, answers: bool) -> Spec | None:
    """What is to be supervised, with its folder and its descriptors 0 to 2 in place; None where nobody will say it."""
    with channel:
        readable = select.poll()
        readable.register(channel, select.POLLIN)
        while not readable.poll(_LOOKS_EVERY):
            if os.getppid() != parent:
                return None
        try:
            message, streams, flags, _ = socket.recv_fds(channel, _LONGEST, 3)
            if not message or len(streams) != 3 or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                return None
            spec = boot.decoded(message)
            os.chdir(spec.start)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            if answers:
                channel.send(TAKEN)
        except (OSError, msgspec.MsgspecError):
            return None  # who asked sees that nothing was answered, and starts another
        return spec
