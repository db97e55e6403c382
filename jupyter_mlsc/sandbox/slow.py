"""Slow answers: hashing, the ledger, FIFOs. Each is given on a thread of its own choosing, and a caller that is interrupted meanwhile does not wait.

Rules kept: no slow answer holds up another caller's; a caller that died or was interrupted is let go, and what was begun for it ends without an
effect on it; threads that wait for ever end with the process.
"""

from __future__ import annotations

import errno
import queue
import signal
import threading
import time
from collections.abc import Callable

import msgspec

from jupyter_mlsc.sandbox.caller import has_signal_waiting
from jupyter_mlsc.sandbox.listener import Listener, Notification

WORKERS = 8
"""Answers that are computed at a time; waiting ones (FIFOs, connections) have threads of their own."""
MOST_WAITING = 256
"""Answers that may wait for somebody else at a time, in all."""
_LOOK_EVERY = 0.1
RESTART = 512
"""ERESTARTSYS: the kernel runs the caller's signal handler and then asks again, or fails with EINTR, as the handler was installed (signal(7))."""

Work = Callable[[], None]


class _Begun(msgspec.Struct):
    question: Notification
    thread: int | None = None


class SlowAnswers:
    """Threads for what takes long. ``guarded`` runs a piece of work and answers whatever happens."""

    def __init__(self, listener: Listener, guarded: Callable[[Notification, Work], None]) -> None:
        self._listener, self._guarded = listener, guarded
        self._queue: queue.SimpleQueue[tuple[Notification, Work]] = queue.SimpleQueue()
        self._begun: dict[int, _Begun] = {}
        self._lock = threading.Lock()
        self._waiting = 0
        self._has_threads = False
        signal.signal(signal.SIGUSR1, _interrupt_a_call)

    def compute(self, question: Notification, work: Work) -> None:
        """Do something that takes processor or disk time, in turn."""
        self._note(question)
        self._queue.put((question, work))

    def wait(self, question: Notification, work: Work) -> bool:
        """Do something that waits for somebody else, at once. Where too many wait already the caller gets EAGAIN, and the work is not begun: False."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                self._listener.fail(question, errno.EAGAIN)
                return False
            self._waiting += 1
        self._note(question)

        def alone() -> None:
            with self._lock:
                begun = self._begun.get(question.id)
                if begun is not None:
                    begun.thread = threading.get_ident()
            try:
                self._guarded(question, work)
            finally:
                self.settle(question)
                with self._lock:
                    self._waiting -= 1

        threading.Thread(target=alone, name="mlsc-waits", daemon=True).start()
        return True

    def _note(self, question: Notification) -> None:
        with self._lock:
            self._begun[question.id] = _Begun(question)
            if self._has_threads:
                return
            self._has_threads = True
        for target in (*(self._compute,) * WORKERS, self._look):
            threading.Thread(target=target, name="mlsc-slow", daemon=True).start()

    def settle(self, question: Notification) -> None:
        """Say that the answer is there and is about to be given: from here on the caller is let go with no other one."""
        with self._lock:
            self._begun.pop(question.id, None)

    def _compute(self) -> None:
        while True:
            question, work = self._queue.get()
            try:
                self._guarded(question, work)
            finally:
                self.settle(question)

    def _look(self) -> None:
        """Let those go who died, or who have a signal to handle."""
        while True:
            time.sleep(_LOOK_EVERY)
            with self._lock:
                begun = list(self._begun.values())
            for each in begun:
                gone = not self._listener.is_waiting(each.question)
                if not gone and not has_signal_waiting(each.question.pid):
                    continue
                with self._lock:
                    if each.question.id not in self._begun:
                        continue  # its answer is under way, and its thread may be at somebody else's
                    if not gone:
                        self._listener.fail(each.question, RESTART)
                    if each.thread is not None:
                        signal.pthread_kill(each.thread, signal.SIGUSR1)


def _interrupt_a_call(number: int, frame: object) -> None:
    """A handler, so that a blocked call of one thread returns with EINTR (siginterrupt(3))."""
    del number, frame
