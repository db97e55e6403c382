"""The listener: questions in, answers out (seccomp_unotify(2)). An answer to a caller that is gone is no error: nobody waits for it.

Rules kept: what is answered with CONTINUE is decided by the wall in the end; a descriptor is handed over and the call answered in one step
(SECCOMP_ADDFD_FLAG_SEND).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from jupyter_mlsc.sandbox import linux

_RECV, _SEND, _ID_VALID, _ADDFD, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40182103, 0x40082104
_NOTIFICATION_SIZE = 80
_FLAG_CONTINUE = 1
_SYNC_WAKE_UP = 1
_ADDFD_SETFD, _ADDFD_SEND = 1, 2
_RESPONSE, _ADDING = struct.Struct("<QqiI"), struct.Struct("<QIIII")
_GONE = frozenset({errno.ENOENT, errno.EINPROGRESS, errno.ESRCH})
_ioctl = linux.libc.ioctl


@dataclass(frozen=True, slots=True)
class Notification:
    """One question: its id, the thread that asks, the system call's number and its six arguments."""

    id: int
    pid: int
    number: int
    arguments: tuple[int, ...]

    def signed(self, index: int) -> int:
        """An argument as a C int: a descriptor, or AT_FDCWD."""
        value = self.arguments[index] & 0xFFFF_FFFF
        return value - (1 << 32) if value & 0x8000_0000 else value

    def word(self, index: int) -> int:
        """An argument as a C unsigned int: flags, a mode."""
        return self.arguments[index] & 0xFFFF_FFFF


class Listener:
    """The descriptor that questions arrive at. Answers may come from any thread."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._buffer = ctypes.create_string_buffer(_NOTIFICATION_SIZE)
        self._at = ctypes.addressof(self._buffer)
        self._unpack = struct.Struct("<QIIiIQ6Q").unpack
        # Kernels before 6.6 have no such flag, and answer more slowly.
        _ioctl(descriptor, _SET_FLAGS, ctypes.c_void_p(_SYNC_WAKE_UP))

    def receive(self) -> Notification | None:
        """The next question; None when its caller is gone already or a signal came. Called by one thread only."""
        ctypes.memset(self._at, 0, _NOTIFICATION_SIZE)
        if _ioctl(self.descriptor, _RECV, self._at) < 0:
            return None
        identifier, pid, _, number, _, _, *arguments = self._unpack(self._buffer)
        return Notification(identifier, pid, number, tuple(arguments))

    def proceed(self, question: Notification) -> None:
        """Let the kernel carry the call out."""
        self._send(_RESPONSE.pack(question.id, 0, 0, _FLAG_CONTINUE))

    def fail(self, question: Notification, number: int) -> None:
        """Answer with an errno."""
        self._send(_RESPONSE.pack(question.id, 0, -number, 0))

    def succeed(self, question: Notification, value: int = 0) -> None:
        """Answer with a result."""
        self._send(_RESPONSE.pack(question.id, value, 0, 0))

    def give(self, question: Notification, descriptor: int, *, close_on_exec: bool) -> None:
        """Put a copy of an open file into the caller and answer with its number. Raises OSError where the caller has no room for it."""
        self._add(_ADDING.pack(question.id, _ADDFD_SEND, descriptor, 0, os.O_CLOEXEC if close_on_exec else 0))

    def replace(self, question: Notification, descriptor: int, number: int, *, close_on_exec: bool) -> None:
        """Put a copy of an open file into the caller under a number of its own, in the place of what is there. The call is not answered yet."""
        self._add(_ADDING.pack(question.id, _ADDFD_SETFD, descriptor, number, os.O_CLOEXEC if close_on_exec else 0))

    def place(self, question: Notification, descriptor: int, *, close_on_exec: bool) -> int:
        """Put a copy of an open file into the caller and return its number there, -1 when the caller is gone. The call is not answered yet. Raises OSError."""
        return self._add(_ADDING.pack(question.id, 0, descriptor, 0, os.O_CLOEXEC if close_on_exec else 0))

    def is_waiting(self, question: Notification) -> bool:
        """Whether the caller still waits: only then is what was read from its memory its own."""
        return bool(_ioctl(self.descriptor, _ID_VALID, ctypes.byref(ctypes.c_uint64(question.id))) == 0)

    def _send(self, response: bytes) -> None:
        self._carry_out(_SEND, response)

    def _add(self, adding: bytes) -> int:
        return self._carry_out(_ADDFD, adding)

    def _carry_out(self, request: int, argument: bytes) -> int:
        while (result := _ioctl(self.descriptor, request, argument)) < 0:
            number = ctypes.get_errno()
            if number == errno.EINTR:
                continue  # a signal came before anything was done: the caller still waits for its answer
            if number in _GONE:
                return -1
            raise OSError(number, os.strerror(number))
        return int(result)
