"""The desk, made when somebody inside first says something: what it stands on takes longer to import than most commands take to start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlsc.sandbox.desk import Desk
    from jupyter_mlsc.sandbox.listener import Notification


class LaterDesk:
    """Stands where a desk does. ``make`` makes it, from any thread."""

    def __init__(self, make: Callable[[], Desk]) -> None:
        self._make = make
        self._desk: Desk | None = None
        self._lock = threading.Lock()

    def made(self) -> Desk:
        """The desk."""
        with self._lock:
            if self._desk is None:
                self._desk = self._make()
        return self._desk

    def takes(self, address: bytes) -> bool:
        """Whether a ``sun_path`` is the desk's: an abstract one, whose name is `wire`'s to know."""
        return address[:1] == b"\0" and self.made().takes(address)

    def serve(self, question: Notification, descriptor: int) -> None:
        """As `Desk.serve`."""
        self.made().serve(question, descriptor)

    def close(self) -> None:
        """Nobody is left to ask."""
        if self._desk is not None:
            self._desk.close()
