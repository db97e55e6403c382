"""One writer at a time: the lock that appending processes take in turn, on a file beside the ledger.

``flock`` queues waiters in the kernel and wakes them, so none starves and none polls; SQLite's own busy handler sleeps and guesses. The
lock vanishes with its process, however that ends. Where there is no ``flock`` (Windows), SQLite's own lock alone decides.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mlsc.errors import LedgerError

PATIENCE = 60.0
"""Seconds to wait for the writers before us."""


@contextmanager
def append_lock(path: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file ``path``, which is made when it is missing. Raises LedgerError when that fails or takes longer than ``patience``."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as err:
        raise LedgerError(f"cannot lock the ledger: {path}: {err.strerror}", next_step="set permissions so that you can write there") from err
    turn = _Turn(descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            turn.wait(patience, path)
        yield
    finally:
        turn.leave()


class _Turn:
    """A place in the queue. ``flock`` knows no time limit, so a thread waits in it; whoever gives up leaves the descriptor to that thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._mutex = threading.Lock()
        self._waiting = False
        self._left = False
        self._failure: OSError | None = None

    def wait(self, patience: float, path: Path) -> None:
        """Block until the lock is ours. Raises LedgerError after ``patience`` seconds, or when locking fails."""
        self._waiting = True
        waiter = threading.Thread(target=self._flock, name="ledger-lock", daemon=True)
        waiter.start()
        waiter.join(patience)
        if waiter.is_alive():
            raise LedgerError(
                f"the ledger is locked: another process has been writing to it for {patience:.0f} seconds ({path})",
                next_step="end the process that holds it, or try again later",
            )
        if self._failure is not None:
            raise LedgerError(f"cannot lock the ledger: {path}: {self._failure.strerror}") from self._failure

    def leave(self) -> None:
        """Give the lock, or the place in the queue, back."""
        with self._mutex:
            self._left = True
            if not self._waiting:
                os.close(self._descriptor)

    def _flock(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as err:
            self._failure = err
        with self._mutex:
            self._waiting = False
            if self._left:
                os.close(self._descriptor)
