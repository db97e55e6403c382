"""The listener: questions in, answers out (seccomp_unotify(2)). An answer to a caller that is gone is no error: nobody waits for it.

Rules kept: what is answered with CONTINUE is decided by the wall in the end; a descriptor that the caller gets is closed here before the caller goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import struct
from fcntl import ioctl

import msgspec

_RECV, _SEND, _ID_VALID, _ADDFD, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40182103, 0x40082104
_NOTHING = bytes(80)
"""An empty ``struct seccomp_notif``: the kernel fills in nothing else."""
_NOTIFICATION = struct.Struct("<QI4xi12x6Q")
_FLAG_CONTINUE = 1
_SYNC_WAKE_UP = 1
_ADDFD_SETFD = 1
_RESPONSE, _ADDING, _ID = struct.Struct("<QqiI"), struct.Struct("<QIIII"), struct.Struct("<Q")
_GONE = frozenset({errno.ENOENT, errno.EINPROGRESS, errno.ESRCH})


class Notification(msgspec.Struct, frozen=True, gc=False):
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
        self._buffer = bytearray(_NOTHING)
        self._hang_up = select.poll()
        self._hang_up.register(descriptor, 0)
        with contextlib.suppress(OSError):  # kernels before 6.6 have no such flag, and answer more slowly
            ioctl(descriptor, _SET_FLAGS, _SYNC_WAKE_UP)

    def receive(self) -> Notification | None:
        """The next question, waited for; None when its caller is gone already, a signal came, or nobody is left to ask. Called by one thread only."""
        buffer = self._buffer
        buffer[:] = _NOTHING
        try:
            ioctl(self.descriptor, _RECV, buffer)
        except OSError:
            return None
        found = _NOTIFICATION.unpack(buffer)
        return Notification(found[0], found[1], found[2], found[3:])

    def is_over(self) -> bool:
        """Whether nobody is left who could ask (Linux 6.11: then `receive` does not wait)."""
        return bool(self._hang_up.poll(0))  # nothing is asked of it but what is always told: POLLHUP, POLLERR, POLLNVAL

    def proceed(self, question: Notification) -> None:
        """Let the kernel carry the call out."""
        try:
            ioctl(self.descriptor, _SEND, bytearray(_RESPONSE.pack(question.id, 0, 0, _FLAG_CONTINUE)))
        except OSError:
            self._carry_out(_SEND, _RESPONSE.pack(question.id, 0, 0, _FLAG_CONTINUE))

    def fail(self, question: Notification, number: int) -> None:
        """Answer with an errno."""
        self._carry_out(_SEND, _RESPONSE.pack(question.id, 0, -number, 0))

    def succeed(self, question: Notification, value: int = 0) -> None:
        """Answer with a result."""
        self._carry_out(_SEND, _RESPONSE.pack(question.id, value, 0, 0))

    def give(self, question: Notification, descriptor: int, *, close_on_exec: bool) -> None:
        """Hand an open file over to the caller and answer with its number there. Here it is closed, whatever happens. Raises OSError where there is no room.

        Not in one step (SECCOMP_ADDFD_FLAG_SEND), which would let the caller go on while the file is open here too: a program that it wrote and closed could
        not be executed (ETXTBSY), a lock that it gave back would still be held (flock(2)), and who writes to a FIFO would find a reader that nobody is.
        """
        try:
            number = self.place(question, descriptor, close_on_exec=close_on_exec)
        finally:
            os.close(descriptor)
        if number >= 0:
            self.succeed(question, number)

    def replace(self, question: Notification, descriptor: int, number: int, *, close_on_exec: bool) -> None:
        """Put a copy of an open file into the caller under a number of its own, in the place of what is there. The call is not answered yet."""
        self._carry_out(_ADDFD, _ADDING.pack(question.id, _ADDFD_SETFD, descriptor, number, os.O_CLOEXEC if close_on_exec else 0))

    def place(self, question: Notification, descriptor: int, *, close_on_exec: bool) -> int:
        """Put a copy of an open file into the caller and return its number there, -1 when the caller is gone. The call is not answered yet. Raises OSError."""
        return self._carry_out(_ADDFD, _ADDING.pack(question.id, 0, descriptor, 0, os.O_CLOEXEC if close_on_exec else 0))

    def is_waiting(self, question: Notification) -> bool:
        """Whether the caller still waits: only then is what was read from its memory its own."""
        try:
            ioctl(self.descriptor, _ID_VALID, _ID.pack(question.id))
        except OSError:
            return False
        return True

    def _carry_out(self, request: int, argument: bytes) -> int:
        # A buffer of this answer's own, since answers come from several threads; to a mutable one ioctl returns the call's own result.
        given = bytearray(argument)
        while True:
            try:
                return int(ioctl(self.descriptor, request, given))
            except InterruptedError:
                continue  # a signal came before anything was done: the caller still waits for its answer
            except OSError as err:
                if err.errno in _GONE:
                    return -1
                raise
