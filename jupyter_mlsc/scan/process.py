"""The outside of the process that scans: hands it open files, hears what it found, ends it when it takes too long.

Rules kept: a file that made the process end, or hang, gets a finding and a new process serves the next one; so does a file that a library parsed, which it
could take over the process by; what the process says is a claim about the file that was handed to it and about nothing else; the descriptor is opened
once, by the caller.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from _socket import socket
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.scan.channel import findings_in, parsed_by, receive, recognised_in, request, send, terms
from jupyter_mlsc.scan.finding import Finding, finding
from jupyter_mlsc.scan.forks import LIBRARIES, Fork, Forks
from jupyter_mlsc.scan.limits import DEFAULT, Limits
from jupyter_mlsc.scan.starting import Child, started

if TYPE_CHECKING:
    from jupyter_mlsc.formats import Identified

AHEAD = 64
"""How many files are handed over at once, at most: it never waits for the next one, and what it is told does not fill its channel."""
_ENOUGH = 24
_MOMENT = 0.003
"""Seconds, in which it is not done with that many."""


def _heard(channel: socket, until: float) -> tuple[bytes | None, str | None]:
    """An answer, None where the process is gone, and the library that parsed the file, if one did. Raises OSError, TimeoutError, ValueError."""
    library: str | None = None
    while True:
        body, more = receive(channel, until)
        for each in more:
            os.close(each)
        said = None if body is None else parsed_by(body)
        if said is None:
            return body, library
        library = said


class _Handed(NamedTuple):
    path: str
    descriptor: int


class ScanProcess:
    """Scans files in a process of its own, one after the other, in the order in which they are handed over. Use it in a ``with`` block."""

    def __init__(
        self,
        limits: Limits = DEFAULT,
        allow: frozenset[str] = frozenset(),
        also: frozenset[str] = frozenset(),
        indexes: frozenset[str] = frozenset(),
    ) -> None:
        self._limits = limits
        self._terms = terms(allow, also, indexes, limits)
        self._process: Child | Fork | None = None
        self._channel: socket | None = None
        self._handed: deque[_Handed] = deque()
        self._since = 0.0
        """When the process could begin with the first of them."""
        self._library: str | None = None
        """What parsed the last file that a library parsed: more of these will come."""
        self._forks: Forks | None = None

    def __enter__(self) -> Self:
        self._started()  # what it imports, it imports while the files are looked for
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def scan(self, path: str, descriptor: int) -> tuple[Finding, ...]:
        """Findings on an open file; ``path`` is its name in them. Nothing else may have been handed over. Raises MlscError."""
        self.hand_over(path, descriptor)
        return self.next_findings()

    def hand_over(self, path: str, descriptor: int) -> None:
        """Let an open file be scanned while others are looked for. It stays open until `next_findings` is about it; at most `AHEAD` are handed over."""
        channel = self._started()
        if not self._handed:
            self._since = time.monotonic()
        self._handed.append(_Handed(path, descriptor))
        self._tell(channel, self._handed[-1])

    def next_findings(self) -> tuple[Finding, ...]:
        """Findings on the first of the files that were handed over and not asked for. Raises MlscError where no process can be started."""
        self._let_be()
        path, descriptor = self._handed.popleft()
        seconds = self._limits.seconds_for(os.fstat(descriptor).st_size)
        try:
            body, library = _heard(self._started(), self._since + seconds)
            found = (finding("scanner-failed", path, why=self._how_it_ended()),) if body is None else findings_in(body, path)
            self._retire(library)
        except TimeoutError:
            self._end(at_once=True)
            found = (finding("limit-reached", path, why=f"it took longer than {seconds:.0f} seconds"),)
        except (OSError, ValueError):
            found = (finding("scanner-failed", path, why=self._how_it_ended()),)
        self._since = time.monotonic()
        if self._channel is None and self._handed:
            for handed in self._handed:  # the process that is gone has not come to them
                self._tell(self._started(), handed)
        return found

    def recognise(self, path: str, descriptor: int) -> Identified | None:
        """What an open file is, by its name and its bytes; None where the process ended over it, or took too long. Nothing may have been handed over.

        Raises MlscError where no process can be started.
        """
        if self._process is not None and self._process.wait(timeout=0) is not None:
            self._end(at_once=True)  # it ended while nobody asked: no file's fault
        channel = self._started()
        seconds = self._limits.seconds
        channel.settimeout(seconds)
        try:
            send(channel, request(os.path.basename(path), recognise=True), descriptor)
            body, library = _heard(channel, time.monotonic() + seconds)
            found = None if body is None else recognised_in(body, path)
        except (OSError, ValueError):  # a TimeoutError, too
            found = None
        except BaseException:
            self._end(at_once=True)  # an interrupt: what it would still say would be taken for its word on the next file
            raise
        if found is None:
            self._end(at_once=True)
        else:
            self._retire(library)
        return found

    def end(self) -> None:
        """End all processes at once; others are started when they are needed."""
        self._end(at_once=True)
        if self._forks is not None:
            self._forks.end()
            self._forks = None

    def _retire(self, library: str | None) -> None:
        """End the process if a library parsed its last file. What it calls the library is a word of a process that may have been taken over since."""
        if library is not None:
            self._library = library if library in LIBRARIES else None
            self._end(at_once=True)

    def _let_be(self) -> None:
        """Wait a moment without listening while it has enough to do: woken for each answer, the two would take turns on one core of a busy machine."""
        if self._channel is not None and len(self._handed) > _ENOUGH and not select.select([self._channel], [], [], 0)[0]:
            time.sleep(_MOMENT)

    def _tell(self, channel: socket, handed: _Handed) -> None:
        """Send a request. Where the process is gone, it is told of by whoever waits for its answer."""
        channel.settimeout(self._limits.seconds)
        with contextlib.suppress(OSError):
            send(channel, request(os.path.basename(handed.path)), handed.descriptor)

    def _started(self) -> socket:
        if self._channel is not None:
            return self._channel
        try:
            self._process, self._channel = self._forked() or started(self._limits.memory)
        except OSError as err:
            step = "wait until fewer programs run, then repeat the command"
            raise MlscError(f"the process that scans could not be started: {err.strerror}", next_step=step) from err
        with contextlib.suppress(OSError):
            send(self._channel, self._terms)
        return self._channel

    def _forked(self) -> tuple[Fork, socket] | None:
        """One that has imported the library that parsed another file; None where none did, or the process that forks is gone."""
        if self._library is None:
            return None
        try:
            self._forks = self._forks or Forks(self._limits.memory, self._library)
            return self._forks.fork()
        except OSError:
            if self._forks is not None:
                self._forks.end()
                self._forks = None
            return None

    def _how_it_ended(self) -> str:
        process = self._process
        self._end()
        code = None if process is None else process.returncode
        if code is None or code >= 0:
            return f"its process ended with the exit code {code}"
        import signal

        if -code in (signal.SIGXCPU, signal.SIGKILL):
            return "its process was ended for taking too long, or too much"
        return f"its process was ended by {signal.Signals(-code).name}"

    def _end(self, *, at_once: bool = False) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            if not at_once:
                self._process.wait(timeout=0.2)
            self._process.kill()
            self._process.wait()
            self._process = None
