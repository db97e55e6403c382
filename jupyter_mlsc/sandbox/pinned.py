"""Bytes that hold still between the check and the read: a read lease where the kernel gives one, a sealed copy in memory where it does not.

Rules kept: a lease says that nobody has the file open or mapped for writing at this moment (fcntl(2), F_SETLEASE), which times and sizes do not; a
copy is measured as a copy and nobody can write to it (memfd_create(2), F_SEAL_WRITE); what changed while it was hashed is not handed on.
"""

from __future__ import annotations

import fcntl
import os
import stat

from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.sandbox import linux

_CHUNK = 64 << 20
SETTLED_NS = 2_000_000_000
"""A file whose ctime is younger than this is measured each time: a second change may leave the same times."""
_MOST_KNOWN = 100_000


def lease(descriptor: int) -> bool:
    """Take a read lease on a file that was opened for reading only; False where somebody can write to it, or the file system knows no leases."""
    try:
        fcntl.fcntl(descriptor, linux.F_SETLEASE, linux.F_RDLCK)
    except OSError:
        return False
    return True


def is_leased(descriptor: int) -> bool:
    """Whether the lease still holds: nobody has asked to write since."""
    try:
        return fcntl.fcntl(descriptor, linux.F_GETLEASE) == linux.F_RDLCK
    except OSError:
        return False


def release(descriptor: int) -> None:
    """Give a lease back."""
    fcntl.fcntl(descriptor, linux.F_SETLEASE, linux.F_UNLCK)


def is_open_elsewhere(descriptor: int) -> bool:
    """Whether anybody else has this file open or mapped: a write lease is only given to the one who has it alone. True where it cannot be known."""
    try:
        fcntl.fcntl(descriptor, linux.F_SETLEASE, linux.F_WRLCK)
    except OSError:
        return True
    release(descriptor)
    return False


def sealed_copy(descriptor: int, name: str) -> int:
    """A copy in memory that nobody can change; the caller closes it. Raises ArtifactError, ArtifactChangedError."""
    status = os.fstat(descriptor)
    copy = os.memfd_create("mlsc-verified", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        at = 0
        while at < status.st_size:
            sent = os.sendfile(copy, descriptor, at, min(_CHUNK, status.st_size - at))
            if sent == 0:
                raise ArtifactChangedError(f"{name} became shorter while it was read", next_step="wait until its writer is done, then try again")
            at += sent
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(copy, fcntl.F_ADD_SEALS, seals)
        # A descriptor that can only read, as the caller asked for.
        handed = os.open(f"/proc/self/fd/{copy}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as err:
        raise ArtifactError(f"{name} ({status.st_size:,} bytes) does not fit into memory: {err.strerror}", next_step="close what else writes to it") from err
    finally:
        os.close(copy)
    return handed


def open_readable(name: bytes) -> int:
    """Open a file of this account for reading, and let its owner read it where that was taken away: it could not be recorded otherwise. Raises OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(name, flags)
    except PermissionError:
        folder = os.path.dirname(name)
        if not os.access(folder, os.R_OK | os.X_OK):
            above = open_readable(folder)
            try:
                os.fchmod(above, stat.S_IMODE(os.fstat(above).st_mode) | stat.S_IRWXU)
            finally:
                os.close(above)
            return os.open(name, flags) if os.access(name, os.R_OK) else open_readable(name)
        place = os.open(name, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = os.fstat(place).st_mode
        os.chmod(b"/proc/self/fd/%d" % place, stat.S_IMODE(mode) | (0o700 if stat.S_ISDIR(mode) else 0o400))
        return os.open(b"/proc/self/fd/%d" % place, flags)
    finally:
        os.close(place)


class Measured:
    """What this supervisor measured itself, by the file's identity. It reads no cache that anybody else wrote."""

    def __init__(self) -> None:
        self._known: dict[FileIdentity, Measurement] = {}

    def known(self, status: os.stat_result) -> Measurement | None:
        """The measurement of a file that is in the same state as then."""
        return self._known.get(FileIdentity.of(status))

    def measure(self, descriptor: int, name: str, now_ns: int, *, whole: bool, keep: bool) -> Measurement:
        """The content tree of an open file, and its SHA-256 where ``whole``; remembered where ``keep`` and the file is not fresh. Raises ArtifactError."""
        status = os.fstat(descriptor)
        known = self.known(status) if keep else None
        if known is not None and (known.sha256 is not None or not whole):
            return known
        from jupyter_mlsc.digests import measure_descriptor

        found = measure_descriptor(descriptor, sha256=whole, name=name)
        if keep and now_ns - status.st_ctime_ns > SETTLED_NS:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[FileIdentity.of(status)] = found
        return found
