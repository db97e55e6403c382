"""Data sets that are looked at while whoever asked goes on: one after the other, in a process that gives way to others.

Rules kept: the thread that waits opens nothing, starts nothing and touches no project, since a guard watches by thread; of several data sets of one name
that wait, only the newest is looked at; what was seen is of the bytes of the open file, and says their SHA-256.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.errors import FormatError, MissingLibraryError
from jupyter_mlsc.scan.datasets import process
from jupyter_mlsc.scan.datasets.looking import Asked, Looked, Reading, look


@dataclass(frozen=True, slots=True)
class SavedBytes:
    """What was saved, and when."""

    name: str
    digest: Digest
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a data set, or the ``problem`` that it has; neither where a library is missing."""

    about: SavedBytes
    looked: Looked | None = None
    problem: str = ""


class Behind:
    """Looks at data sets behind the back of its caller."""

    def __init__(self) -> None:
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._newest: dict[str, SavedBytes] = {}
        self._threads: list[threading.Thread] = []
        self._seen: list[Seen] = []

    def begin(self, about: SavedBytes, reading: Reading, descriptor: int, asked: Asked) -> None:
        """Begin to look at an open file; the descriptor stays the caller's. Raises OSError where no process can be started."""
        process.prepare()
        own = os.dup(descriptor)
        thread = threading.Thread(target=self._look, args=(about, reading, own, replace(asked, hashed=True)), name="mlsc-profile", daemon=True)
        with self._lock:
            self._newest[about.name] = about
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def take(self, seconds: float = 0.0) -> list[Seen]:
        """What was seen since this was asked last; ``seconds`` are waited for what is not done yet."""
        until = time.monotonic() + seconds
        for each in self._threads:
            each.join(max(0.0, until - time.monotonic()))
        with self._lock:
            taken, self._seen = self._seen, []
        return taken

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being looked at, and nothing waits to be taken."""
        return not self._seen and not any(each.is_alive() for each in self._threads)

    def _look(self, about: SavedBytes, reading: Reading, descriptor: int, asked: Asked) -> None:
        try:
            with self._turn:
                if self._newest.get(about.name) is not about:
                    return
                try:
                    seen = Seen(about, look(reading, descriptor, asked, behind=True))
                except MissingLibraryError:
                    seen = Seen(about)
                except FormatError as err:
                    seen = Seen(about, problem=str(err))
                except RuntimeError:
                    return  # the interpreter ends, and starts no thread any more
            with self._lock:
                self._seen.append(seen)
        finally:
            os.close(descriptor)
