"""The loop that hears every question: what can be answered at once is, what is slow goes to a worker, and nobody waits for somebody else's file.

Rules kept: a question is answered exactly once, whatever fails; an error of our own is a refusal, told once; a worker never holds up the loop.
"""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.slow import SlowAnswers

_TRY_AGAIN = 0.01
"""Seconds until a loop that did not hear that it is to end is told again: a signal that comes before the wait begins interrupts nothing."""


class Handler(Protocol):
    """Answers some system calls."""

    @property
    def numbers(self) -> Iterable[int]:
        """The system calls that are answered here."""

    def answer(self, question: Notification) -> None:
        """Answer one. Raises OSError with what the caller gets."""


class Loop:
    """Hears and answers until every process of the tree is gone, or `stop` is called."""

    def __init__(self, listener: Listener, tell: Callable[[str], None]) -> None:
        self._listener, self._tell = listener, tell
        self._handlers: dict[int, Callable[[Notification], None]] = {}
        self.slow = SlowAnswers(listener, self._guarded)
        self._thread = 0
        self._stopping, self._ended = False, threading.Event()

    def add(self, handler: Handler) -> None:
        """Let a handler answer its calls."""
        for number in handler.numbers:
            self._handlers[number] = handler.answer

    def stop(self) -> None:
        """End the loop from another thread."""
        self._stopping = True
        while not self._ended.wait(_TRY_AGAIN) and self._thread:
            signal.pthread_kill(self._thread, signal.SIGUSR1)  # `slow` handles it: the wait for a question ends with EINTR

    def run(self) -> None:
        """Answer until the tree is gone."""
        self._thread = threading.get_ident()
        listener, handler, unknown, receive = self._listener, self._handlers.get, self._unknown, self._listener.receive
        while not self._stopping:
            question = receive()
            if question is not None:
                try:
                    handler(question.number, unknown)(question)
                except Exception as err:  # noqa: BLE001  # as in `_guarded`
                    self._failed(question, err)
            elif listener.is_over():
                break
        self._ended.set()

    def _unknown(self, question: Notification) -> None:
        self._listener.fail(question, errno.ENOSYS)

    def _guarded(self, question: Notification, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as err:  # noqa: BLE001  # whatever fails here, a caller waits for an answer, and the answer is no
            self._failed(question, err)

    def _failed(self, question: Notification, err: Exception) -> None:
        if isinstance(err, OSError):
            self._listener.fail(question, err.errno or errno.EACCES)
            return
        self._listener.fail(question, errno.EACCES)
        self._tell(f"an error in the supervisor refused a system call ({question.number}): {type(err).__name__}: {err}")
