"""A process that kills all of a tree at once, when its supervisor says so and when its supervisor is gone.

It stands in the tree's outer Landlock domain, which holds back signals: so kill(-1) reaches exactly the tree, in one step that no fork comes between
(the kernel lets nobody who is being killed have another child). Nothing in the tree's own, inner domain can signal it. Rules kept: it kills nobody unless
it has seen that it cannot signal its supervisor; it holds no file, no terminal and no secret.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from jupyter_mlsc.sandbox import linux

if TYPE_CHECKING:
    from _socket import socket

_EVERYBODY = -1
_KILL, _DONE = b"k", b"d"
_PATIENCE = 5.0
"""Seconds after which it is held to be gone."""


class Ender:
    """The supervisor's end. ``pid`` is the process that stands by, a child of the supervisor."""

    def __init__(self, pid: int, channel: socket) -> None:
        self.pid, self._channel = pid, channel
        channel.settimeout(_PATIENCE)

    def kill_all(self) -> None:
        """Kill every process of the tree. Does nothing where the one who stands by is gone itself."""
        with contextlib.suppress(OSError):
            self._channel.send(_KILL)
            self._channel.recv(len(_DONE))

    def close(self) -> None:
        """Nothing is left to be killed."""
        self._channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def stand_by(channel: socket, supervisor: int) -> None:
    """Leave a process behind that stands by; the supervisor adopts it (PR_SET_CHILD_SUBREAPER). It says its number first, or goes without a word.

    For a process that `landlock.hold_signals` restricts. Raises OSError where no process can be made.
    """
    between = os.fork()
    if between == 0:
        try:
            if os.fork() == 0:
                _stand(channel, supervisor)
        finally:
            os._exit(0)
    os.waitpid(between, 0)


def _stand(channel: socket, supervisor: int) -> None:
    try:
        os.setsid()  # an interrupt from a terminal and a signal to the supervisor's group are meant for others
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
            signal.signal(number, signal.SIG_IGN)
        os.closerange(0, channel.fileno())
        os.closerange(channel.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        os.chdir("/")
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        if _can_signal(supervisor):
            return  # there is no wall: everybody would be killed
        channel.send(str(os.getpid()).encode())
        with contextlib.suppress(OSError):
            while channel.recv(len(_KILL)):
                os.kill(_EVERYBODY, signal.SIGKILL)
                channel.send(_DONE)
        os.kill(_EVERYBODY, signal.SIGKILL)
    finally:
        os._exit(0)


def _can_signal(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return False
    except ProcessLookupError:
        return True  # it cannot be told any more
    return True
