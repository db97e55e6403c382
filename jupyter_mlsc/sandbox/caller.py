"""The process that asks: its memory, its folders, its umask. Everything read here is a claim by the untrusted side, read once and then only used.

A caller that forbids being looked at (prctl(2), PR_SET_DUMPABLE) cannot be read: `read` raises PermissionError, and the loop leaves such a
caller to the wall alone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from jupyter_mlsc.sandbox import linux

PATH_MAX = 4096
_FIRST = 512
_PAGE = 4096
_PIDFD_GETFD = 438
_PIDFD_THREAD = os.O_EXCL
_read = linux.libc.process_vm_readv
_PIECES, _TWICE = struct.Struct("<QQQQ"), struct.Struct("<QQQQQQQQ")
"""A ``struct iovec`` here and one there, and two of each."""
_NONE, _ONE, _TWO = ctypes.c_ulong(0), ctypes.c_ulong(1), ctypes.c_ulong(2)


class Memory:
    """Reads the memory of callers into buffers of its own; each thread has its own."""

    def __init__(self) -> None:
        # One byte more than is ever read: there is always a NUL at the end.
        self._buffer, self._second = ctypes.create_string_buffer(_PAGE + 1), ctypes.create_string_buffer(_FIRST + 1)
        self._view = memoryview(self._buffer)
        self._at, self._second_at = ctypes.addressof(self._buffer), ctypes.addressof(self._second)
        self._pieces = ctypes.create_string_buffer(_TWICE.size)
        # What is made once here need not be made for each of some thousand reads.
        start = ctypes.addressof(self._pieces)
        self._here, self._there, self._both_there = (ctypes.c_void_p(start + offset) for offset in (0, _PIECES.size // 2, _TWICE.size // 2))

    def _fill(self, pid: int, address: int, length: int) -> int:
        _PIECES.pack_into(self._pieces, 0, self._at, length, address, length)
        got = _read(pid, self._here, _ONE, self._there, _ONE, _NONE)
        if got <= 0:
            number = ctypes.get_errno() if got < 0 else errno.EFAULT
            raise OSError(number, os.strerror(number))
        return int(got)

    def text(self, pid: int, address: int) -> bytes:
        """A path that ends with a NUL. Raises OSError: EFAULT for a bad address, ENAMETOOLONG, EPERM for a caller that cannot be read."""
        got = self._fill(pid, address, _FIRST)  # less than was asked for where the next page cannot be read
        piece: bytes = self._buffer.value  # up to the first NUL, which may be one of an earlier read
        return piece if len(piece) < got else self._long_text(pid, address, got)

    def texts(self, pid: int, first: int, second: int) -> list[bytes]:
        """Two paths. Raises OSError as `text`."""
        _TWICE.pack_into(self._pieces, 0, self._at, _FIRST, self._second_at, _FIRST, first, _FIRST, second, _FIRST)
        if _read(pid, self._here, _TWO, self._both_there, _TWO, _NONE) == 2 * _FIRST:
            self._buffer[_FIRST] = b"\0"
            found = [self._buffer.value, self._second.value]
            if max(map(len, found)) < _FIRST:
                return found
        return [self.text(pid, first), self.text(pid, second)]

    def _long_text(self, pid: int, address: int, got: int) -> bytes:
        parts = bytes(self._view[:got])
        while len(parts) < PATH_MAX:
            address += got
            got = self._fill(pid, address, _PAGE - address % _PAGE)
            piece, end, _ = bytes(self._view[:got]).partition(b"\0")
            parts += piece
            if end:
                break
        if len(parts) >= PATH_MAX:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        return parts

    def data(self, pid: int, address: int, length: int) -> bytes:
        """Bytes of the caller's memory, all of them. Raises OSError."""
        found = b""
        while len(found) < length:
            at = address + len(found)
            got = self._fill(pid, at, min(length - len(found), _PAGE - at % _PAGE))
            found += bytes(self._view[:got])
        return found


def write(pid: int, address: int, data: bytes) -> None:
    """Put bytes into the caller's memory, where it may write itself. Raises OSError EFAULT."""
    held = ctypes.create_string_buffer(data, len(data))
    pieces = ctypes.create_string_buffer(_PIECES.pack(ctypes.addressof(held), len(data), address, len(data)))
    here = ctypes.addressof(pieces)
    if linux.libc.process_vm_writev(pid, ctypes.c_void_p(here), 1, ctypes.c_void_p(here + _PIECES.size // 2), 1, 0) != len(data):
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))


def descriptor_of(thread: int, number: int) -> int:
    """A descriptor of this process for the very open file that a thread holds under a number; the caller closes it. Raises OSError EBADF."""
    try:
        process = os.pidfd_open(thread, _PIDFD_THREAD)
    except OSError as err:
        if err.errno != errno.EINVAL:
            raise
        process = os.pidfd_open(process_of(thread))  # before Linux 6.9
    try:
        return linux.checked(linux.libc.syscall(_PIDFD_GETFD, process, number, 0), "pidfd_getfd")
    finally:
        os.close(process)


def status_field(pid: int, name: str) -> str:
    """A line of /proc/PID/status, without its name. Raises OSError ESRCH when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(name.encode() + b":"):
                    return line.partition(b":")[2].strip().decode("ascii", "replace")
    except FileNotFoundError as err:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from err
    raise OSError(errno.ESRCH, f"/proc/{pid}/status has no {name}")


def flags_of(pid: int, descriptor: int) -> int:
    """The flags that a process has a file open with. Raises OSError, FileNotFoundError for a number that is not open."""
    with open(f"/proc/{pid}/fdinfo/{descriptor}", "rb") as file:
        return next(int(line.split()[1], 8) for line in file if line.startswith(b"flags:"))


def umask(pid: int) -> int:
    """The caller's umask. Raises OSError."""
    try:
        status = os.open(b"/proc/%d/status" % pid, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as err:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from err
    try:
        # The second line; in the first, the process's name, a line's end is written as two characters.
        return int(os.read(status, 256).split(b"\n", 2)[1].removeprefix(b"Umask:"), 8)
    finally:
        os.close(status)


def process_of(thread: int) -> int:
    """The process that a thread belongs to. Raises OSError."""
    return int(status_field(thread, "Tgid"))


def has_signal_waiting(thread: int) -> bool:
    """Whether a thread has a signal to handle, which it cannot while it waits for an answer. False when it is gone."""
    masks: dict[bytes, int] = {}
    try:
        with open(f"/proc/{thread}/status", "rb") as file:
            for line in file:
                if line.startswith((b"SigPnd", b"ShdPnd", b"SigBlk")):
                    name, _, value = line.partition(b":")
                    masks[name] = int(value, 16)
    except OSError:
        return False
    return bool((masks.get(b"SigPnd", 0) | masks.get(b"ShdPnd", 0)) & ~masks.get(b"SigBlk", 0))


def parent_of(pid: int) -> int:
    """The parent of a process; 0 when the process is gone or is nobody's child here."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def executable_of(pid: int) -> str:
    """The program that a process runs, for the record; empty when it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""
