"""Processes that scan, forked by one that has imported what takes long: for files that a library parses, each of which has a process of its own.

Rules kept: as for a process that was started (`starting`); the one that forks is asked, and says how a fork has ended, on a channel that no fork has.
"""

from __future__ import annotations

import array
from _socket import SCM_RIGHTS, SOL_SOCKET, socket, socketpair

from jupyter_mlsc.scan.starting import Child, start

LIBRARIES = {"h5py": "hdf5_files", "py7zr": "sevenzip", "zstandard": "compressed", "lz4.frame": "compressed"}
"""What parses files in a scan, beside CPython itself, with the scanner that calls it: worth importing once for many files."""
BEAR, LOOK, WAIT, KILL = b"b", b"l", b"w", b"k"
_STATUS = 5
_LONGEST = 60.0
"""Seconds after which the process that forks is taken for gone."""
_SIGKILL = 9


def status_message(status: int | None) -> bytes:
    """How a fork has ended (negative: by which signal), None where it has not, as it is said."""
    return bytes([status is not None]) + (status or 0).to_bytes(_STATUS - 1, "little", signed=True)


class Fork:
    """One of these processes, as `starting.Child` is: ``returncode`` is None until it has ended and that was asked for."""

    def __init__(self, control: socket) -> None:
        self._control = control
        self.returncode: int | None = None

    def kill(self) -> None:
        """End it at once."""
        self._ask(KILL)

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code once it has ended; None where it has not after a moment, if ``timeout`` is more than 0."""
        return self._ask(LOOK if timeout == 0 else WAIT)

    def _ask(self, what: bytes) -> int | None:
        if self.returncode is None:
            try:
                self._control.sendall(what)
                said = b""
                while len(said) < _STATUS and (part := self._control.recv(_STATUS - len(said))):
                    said += part
            except OSError:
                said = b""
            if len(said) < _STATUS:
                self.returncode = -_SIGKILL  # it went with the one that forked it
            elif said[0]:
                self.returncode = int.from_bytes(said[1:], "little", signed=True)
        return self.returncode


class Forks:
    """The process that forks. ``memory`` is what each may take, in bytes; ``library`` of `LIBRARIES` parses their files. Raises OSError."""

    def __init__(self, memory: int, library: str) -> None:
        self._process: Child
        self._process, self._control = start(memory, library)
        self._control.settimeout(_LONGEST)

    def fork(self) -> tuple[Fork, socket]:
        """A new process, and the channel to it; the one before is ended. Raises OSError."""
        ours, theirs = socketpair()
        try:
            self._control.sendmsg([BEAR], [(SOL_SOCKET, SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return Fork(self._control), ours

    def end(self) -> None:
        """End it. What it has forked was ended before, and otherwise ends with it."""
        self._control.close()
        self._process.kill()
        self._process.wait()
