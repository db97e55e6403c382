"""Answers connect and bind."""

from __future__ import annotations

from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.syscalls import Calls


class Sockets:
    """The handler of connect and bind."""

    def __init__(self, calls: Calls, listener: Listener) -> None:
        self._numbers = tuple(calls.sockets.values())
        self._listener = listener

    @property
    def numbers(self) -> tuple[int, ...]:
        """The system calls that are answered here."""
        return self._numbers

    def answer(self, question: Notification) -> None:
        """Answer one call."""
        self._listener.proceed(question)
