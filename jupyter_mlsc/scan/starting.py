"""Starts the process that scans, without keys and secrets; where it is known early that one will be needed, while its caller still imports what it needs.

Rules kept: it gets no environment but the language, and no open file but its channel; what nobody took in the end sees its channel close, and ends. This
is the first thing that ``mlsc scan`` does, so nothing is imported here that takes time: neither ``subprocess`` nor ``socket``, of which the C part is enough.
"""

from __future__ import annotations

import os
import sys
import time
from _socket import socketpair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

MEMORY = 3 << 30
"""Bytes of address space that the process may take where nobody says otherwise."""
CHANNEL = 3
"""The descriptor that the channel is in the process."""
_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); import jupyter_mlsc; del sys.path[0]; from jupyter_mlsc.sandbox.{} import main; main()"
"""The folder is on the path for one import, as for a supervisor: nothing else of it is to be imported."""
_SITES = ("site-packages", "dist-packages")
_KEPT = ("LANG", "LC_ALL", "SYSTEMROOT")
"""All that the process gets of the environment."""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""A process that forks has no other threads."""
_SIGKILL = 9
_LONGEST_PAUSE = 0.01


class Child:
    """A process that was started: ``returncode`` is None until it has ended and was waited for, then its exit code, or a signal's number below zero."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._is_waited_for = False

    def kill(self) -> None:
        """End it at once."""
        # A supervisor waits for all of its children, so that the number may be another's by then.
        if self.wait(timeout=0) is None and not self._is_waited_for:
            try:
                os.kill(self.pid, _SIGKILL)
            except ProcessLookupError:
                return

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code once it has ended; None where it has not after so many seconds, or where somebody else waited for it."""
        until, pause = None if timeout is None else time.monotonic() + timeout, 0.0005
        while not self._is_waited_for:
            try:
                pid, status = os.waitpid(self.pid, 0 if until is None else os.WNOHANG)
            except ChildProcessError:
                self._is_waited_for = True
                break
            if pid:
                self.returncode, self._is_waited_for = os.waitstatus_to_exitcode(status), True
            elif until is not None and time.monotonic() >= until:
                break
            else:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        return self.returncode


_waiting: list[tuple[Child, socket]] = []
"""What was started early and nobody has taken."""


def start(memory: int, library: str | None = None) -> tuple[Child, socket]:
    """A new process that may take so many bytes of memory, and the channel to it. With a library, one that forks such processes. Raises OSError."""
    ours, theirs = socketpair()
    place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    program, more = ("confined", []) if library is None else ("confined_forks", [library])
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-IS", "-c", _BOOT.format(program), place, str(CHANNEL), str(memory), *more, *_sites()],
            {name: os.environ[name] for name in _KEPT if name in os.environ} | ({} if library is None else _ONE_THREAD),
            # What else the caller's own parent left open to be inherited, the process closes itself, before it reads a byte.
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), CHANNEL),
                *((os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)),
            ],
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return Child(pid), ours


def _sites() -> list[str]:
    """Where this interpreter's libraries are installed. Found by it, since the other one runs no code of a ``.pth`` file, which `site` would."""
    return [each for each in sys.path if os.path.basename(each) in _SITES and each.startswith((sys.prefix, sys.base_prefix))]


def start_early() -> None:
    """Start a process with the default limits, for the first that asks for one. One that cannot be started is told to whoever asks."""
    try:
        _waiting.append(start(MEMORY))
    except OSError:
        return


def started(memory: int) -> tuple[Child, socket]:
    """The process that was started early, where it has this limit, or a new one. Raises OSError."""
    return _waiting.pop() if _waiting and memory == MEMORY else start(memory)
