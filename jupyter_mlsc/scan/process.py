"""The outside of the process that scans: hands it open files, hears what it found, ends it when it takes too long.

Rules kept: a file that made the process end, or hang, gets a finding and a new process serves the next one; what the process says is a claim about the
file that was handed to it and about nothing else; the descriptor is opened once, by the caller.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from types import TracebackType
from typing import Self

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.scan.channel import findings_in, receive, request, send
from jupyter_mlsc.scan.finding import Finding, finding
from jupyter_mlsc.scan.limits import DEFAULT, Limits
from jupyter_mlsc.scan.starting import started


class ScanProcess:
    """Scans files, one after the other, in a process of its own. Use it in a ``with`` block."""

    def __init__(
        self,
        limits: Limits = DEFAULT,
        allow: frozenset[str] = frozenset(),
        also: frozenset[str] = frozenset(),
        indexes: frozenset[str] = frozenset(),
    ) -> None:
        self._limits = limits
        self._allow, self._also, self._indexes = tuple(sorted(allow)), tuple(sorted(also)), tuple(sorted(indexes))
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def __enter__(self) -> Self:
        self._started()  # what it imports, it imports while the files are looked for
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._end(at_once=True)

    def scan(self, path: str, descriptor: int) -> tuple[Finding, ...]:
        """Findings on an open file; ``path`` is its name in them."""
        channel = self._started()
        seconds = self._limits.seconds_for(os.fstat(descriptor).st_size)
        channel.settimeout(seconds)
        try:
            send(channel, request(path, self._allow, self._also, self._indexes, self._limits), descriptor)
            body, more = receive(channel)
            for each in more:
                os.close(each)
            if body is None:
                return (finding("scanner-failed", path, why=self._how_it_ended()),)
            return findings_in(body, path)
        except TimeoutError:
            self._end(at_once=True)
            return (finding("limit-reached", path, why=f"it took longer than {seconds:.0f} seconds"),)
        except (OSError, ValueError):
            return (finding("scanner-failed", path, why=self._how_it_ended()),)

    def _started(self) -> socket.socket:
        if self._channel is not None:
            return self._channel
        try:
            self._process, self._channel = started(self._limits.memory)
        except OSError as err:
            step = "wait until fewer programs run, then repeat the command"
            raise MlscError(f"the process that scans could not be started: {err.strerror}", next_step=step) from err
        return self._channel

    def _how_it_ended(self) -> str:
        process = self._process
        self._end()
        code = None if process is None else process.returncode
        if code is None or code >= 0:
            return f"its process ended with the exit code {code}"
        if -code in (signal.SIGXCPU, signal.SIGKILL):
            return "its process was ended for taking too long, or too much"
        return f"its process was ended by {signal.Signals(-code).name}"

    def _end(self, *, at_once: bool = False) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            if not at_once:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=0.2)
            self._process.kill()
            self._process.wait()
            self._process = None
