"""Callers' umasks: what is made on a caller's behalf gets the mode that the caller would have given it.

Rules kept: reading one costs more than making a file, so that it is remembered for a moment; a call of umask(2) is asked about for this reason alone, and
for a while after one nothing is remembered, because the kernel carries it out only after it was answered.
"""

from __future__ import annotations

import os
import time

from jupyter_mlsc.sandbox import caller
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.syscalls import Calls

MOMENT = 1.0
"""Seconds that a umask is remembered for: a thread's number is not another one's so soon."""
SETTLES = 10.0
"""Seconds in which none is remembered after one was changed."""


class Umasks:
    """The handler of umask(2), and what is remembered. Asked from several threads."""

    def __init__(self, calls: Calls, listener: Listener) -> None:
        self._calls, self._listener = calls, listener
        self._own = caller.umask(os.getpid())
        self._known: dict[int, int] = {}
        self._until = self._settled = 0.0

    @property
    def numbers(self) -> tuple[int, ...]:
        """The system calls that are answered here."""
        return tuple(self._calls.umasks.values())

    def answer(self, question: Notification) -> None:
        """Let one be changed."""
        self._known.clear()
        self._settled = time.monotonic() + SETTLES
        self._listener.proceed(question)

    def mode_to_make(self, pid: int, mode: int) -> tuple[int, int | None]:
        """The mode to make a file with for a caller, and the mode to set afterwards where this process's own umask takes bits that the caller's does not."""
        wanted = mode & ~self._of(pid)
        return wanted, wanted if wanted & self._own else None

    def _of(self, pid: int) -> int:
        now = time.monotonic()
        if now > self._until:
            self._known.clear()
            self._until = now + MOMENT
        known = self._known.get(pid)
        if known is None:
            settled = self._settled
            known = caller.umask(pid)
            if now > settled == self._settled:
                self._known[pid] = known
        return known
