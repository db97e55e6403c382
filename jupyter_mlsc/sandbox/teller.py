"""Tells a person on stderr, in the order in which things happen, and never waits for a reader who does not read.

Rules kept: what is told about a refusal stands there before the refused program says anything of its own; a pipe that nobody empties holds up one
answer for a moment, and no other.
"""

from __future__ import annotations

import os
import queue
import threading

PATIENCE = 1.0
"""Seconds that a message may take to be written before nobody waits for the next one."""


class Teller:
    """Writes messages to a descriptor. Safe for several threads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: queue.SimpleQueue[tuple[bytes, threading.Event]] = queue.SimpleQueue()
        self._begin = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_stuck = False

    def tell(self, text: str) -> None:
        """Tell one thing."""
        with self._begin:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="mlsc-tell", daemon=True)
                self._thread.start()
        written = threading.Event()
        self._queue.put((f"mlsc: {text}\n".encode(errors="backslashreplace"), written))
        if not self._is_stuck:
            self._is_stuck = not written.wait(PATIENCE)

    def _write(self) -> None:
        while True:
            data, written = self._queue.get()
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except OSError:
                    break  # nobody is there to be told
            self._is_stuck = False
            written.set()
