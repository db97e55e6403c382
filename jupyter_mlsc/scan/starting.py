"""Starts the process that scans, without keys and secrets; where it is known early that one will be needed, while its caller still imports what it needs.

Rules kept: it gets no environment but the language, and no open file but its channel; what nobody took in the end sees its channel close, and ends.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import NamedTuple

from jupyter_mlsc.scan.limits import DEFAULT

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); import jupyter_mlsc; del sys.path[0]; from jupyter_mlsc.sandbox.confined import main; main()"
"""The folder is on the path for one import, as for a supervisor: nothing else of it is to be imported."""
_KEPT = ("LANG", "LC_ALL", "SYSTEMROOT")
"""All that the process gets of the environment."""


class Started(NamedTuple):
    """A process that scans, and the channel to it."""

    process: subprocess.Popen[bytes]
    channel: socket.socket


_waiting: list[Started] = []
"""What was started early and nobody has taken."""


def start(memory: int) -> Started:
    """A new process that may take so many bytes of memory. Raises OSError."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, place, str(theirs.fileno()), str(memory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                cwd=os.path.abspath(os.sep),
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return Started(process, ours)


def start_early() -> None:
    """Start a process with the default limits, for the first that asks for one. One that cannot be started is told to whoever asks."""
    try:
        _waiting.append(start(DEFAULT.memory))
    except OSError:
        return


def started(memory: int) -> Started:
    """The process that was started early, where it has this limit, or a new one. Raises OSError."""
    return _waiting.pop() if _waiting and memory == DEFAULT.memory else start(memory)
