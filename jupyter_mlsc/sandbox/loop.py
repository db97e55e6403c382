"""The loop that hears every question: what can be answered at once is, what is slow goes to a worker, and nobody waits for somebody else's file.

Rules kept: a question is answered exactly once, whatever fails; an error of our own is a refusal, told once; a worker never holds up the loop.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Iterable
from typing import Protocol

from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.slow import SlowAnswers

_HUNG_UP = select.POLLHUP | select.POLLERR


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
        self._wake, self._woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def add(self, handler: Handler) -> None:
        """Let a handler answer its calls."""
        for number in handler.numbers:
            self._handlers[number] = handler.answer

    def stop(self) -> None:
        """End the loop from another thread."""
        os.write(self._woken, b"x")

    def run(self) -> None:
        """Answer until the tree is gone."""
        poll = select.poll()
        poll.register(self._listener.descriptor, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        handlers, receive = self._handlers, self._listener.receive
        while True:
            for descriptor, event in poll.poll():
                if descriptor == self._wake:
                    return
                if event & select.POLLIN:
                    question = receive()
                    if question is not None:
                        self._answer(question, handlers.get(question.number))
                elif event & _HUNG_UP:
                    return

    def close(self) -> None:
        """Give back what the loop holds."""
        os.close(self._wake)
        os.close(self._woken)

    def _answer(self, question: Notification, handler: Callable[[Notification], None] | None) -> None:
        if handler is None:
            self._listener.fail(question, errno.ENOSYS)
            return
        self._guarded(question, lambda: handler(question))

    def _guarded(self, question: Notification, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as err:
            self._listener.fail(question, err.errno or errno.EACCES)
        except Exception as err:  # noqa: BLE001  # whatever fails here, a caller waits for an answer, and the answer is no
            self._listener.fail(question, errno.EACCES)
            self._tell(f"an error in the supervisor refused a system call ({question.number}): {type(err).__name__}: {err}")
