"""Which cell a process works for, where several kernels run in one tree: each kernel's last word, and whose child asks. Claims, for attribution only."""

from __future__ import annotations

import os
import threading

from jupyter_mlsc.recording import Place
from jupyter_mlsc.sandbox import caller

_MOST_KERNELS = 256


class Cells:
    """The places that kernels say to be at, by their process. Safe for several threads."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._lock = threading.Lock()
        self._spoke: set[int] = set()

    def begins(self, process: int, place: Place) -> None:
        """A kernel's process begins a cell. The dead are forgotten where they are many, and then the oldest."""
        with self._lock:
            self._places.pop(process, None)
            if len(self._places) >= _MOST_KERNELS:
                for each in [known for known in self._places if not os.path.exists(f"/proc/{known}")] or [next(iter(self._places))]:
                    del self._places[each]
            self._places[process] = place
            if len(self._spoke) < 2:
                self._spoke.add(process)

    def is_alone(self, process: int) -> bool:
        """Whether this kernel's process has begun cells, and no other ever has in this run."""
        with self._lock:
            return self._spoke == {process}

    def place_of(self, process: int) -> Place | None:
        """The place of the nearest kernel at or above a process; None where one kernel alone has spoken, or none of these."""
        with self._lock:
            places = dict(self._places)
        if len(places) < 2:
            return None
        while process > 1:
            if process in places:
                return places[process]
            process = caller.parent_of(process)
        return None
