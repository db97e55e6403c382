"""Has it told what a file is where that means to parse what may be hostile: archives, compressed layers and HDF5 are looked into by a process without keys.

Rules kept: one process answers for as long as this one lives, and another one takes its place where a file has ended it, or kept it too long; such a file
is nothing that its name claims, and may hold whatever a policy denies.
"""

from __future__ import annotations

import atexit
import os
import threading

from jupyter_mlsc.formats import Identified
from jupyter_mlsc.formats.registry import unidentified
from jupyter_mlsc.scan.limits import Limits
from jupyter_mlsc.scan.process import ScanProcess

LIMITS = Limits(seconds=20.0)
"""Recognising reads a bounded part of a file, in a fraction of a second; some libraries can be led in circles by what they read."""


class _Kept:
    """The process that is asked, one question after the other, by all threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = ScanProcess(LIMITS)

    def end(self) -> None:
        """End it, where it was started."""
        self.process.end()


_kept = _Kept()


def _forget() -> None:
    """In a fork: the lock may be held by a thread that is not here, and the process is the parent's child."""
    global _kept  # noqa: PLW0603  # one for each process
    _kept = _Kept()


def _end() -> None:
    _kept.end()


os.register_at_fork(after_in_child=_forget)
atexit.register(_end)


def recognised(name: str, descriptor: int) -> Identified:
    """What an open file is. The descriptor's offset moves. Raises MlscError where no process can be started."""
    with _kept.lock:
        told = _kept.process.recognise(name, descriptor)
    return unidentified(name) if told is None else told
