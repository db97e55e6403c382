"""A supervisor that is started while its kernel is still being prepared: by a program that starts one kernel, and waits for it.

Rules kept: it is for the kernel that is being prepared and for no other; it is used where its environment is the one that the kernel gets in the end, and
ended otherwise: then one is started as always. Until it is told what to run it has read nothing of any project. Its inside is `waiting`.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence

from jupyter_mlsc.sandbox.boot import Spec, waiting_command_line


def start_waiting(environ: Mapping[str, str], *, early: bool) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A supervisor that waits to be told what to run, and the channel to it. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        try:
            process = subprocess.Popen(
                waiting_command_line(theirs.fileno(), early=early),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environ,
                cwd=os.sep,
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return process, ours


class Early:
    """One that imports what it needs. ``environ`` is without secrets, as a supervisor's is. Raises OSError."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self.process, self._channel = start_waiting(self._environ, early=True)

    def take(self, spec: Spec, environ: Mapping[str, str], streams: Sequence[int]) -> subprocess.Popen[bytes] | None:
        """The process, which will supervise what ``spec`` says with these descriptors as its 0 to 2; None where it was ended, since another is needed."""
        try:
            if environ == self._environ:
                socket.send_fds(self._channel, [spec.encoded().encode()], list(streams))
                self._channel.close()
                return self.process
        except OSError:
            pass  # it is gone: who starts another one sees why
        self.end()
        return None

    def end(self) -> None:
        """Nothing of it is left."""
        self._channel.close()
        self.process.kill()
        self.process.wait()
