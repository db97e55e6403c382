"""Bytes in and out: an artifact is opened once and handed on from that descriptor; a save appears whole or not at all.

Rules kept: what was measured is what is handed on (a private copy in memory, or the same descriptor with its file's identity and times
compared before and after); nothing is opened by its name twice; a failed save leaves what was there before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError, ArtifactMissingError

PRIVATE_COPY_LIMIT = 64 << 20
"""Files up to this size (bytes) are always copied into memory before they are judged; larger ones only where loading can run code."""

_CHUNK = 16 << 20


def wrap_os_error(err: OSError, path: Path | str, doing: str) -> ArtifactError:
    """The right ArtifactError for an operating system's error, with the next step."""
    if err.errno == errno.ENOENT and doing == "written":
        return ArtifactError(f"{path} could not be written: its folder does not exist", next_step="make the folder, or choose another one")
    if err.errno == errno.ENOENT:
        return ArtifactMissingError(f"{path} does not exist", next_step="check the path; it is taken relative to the working directory")
    steps = {
        errno.ENOSPC: "free some space on that disk, then repeat the command",
        errno.EDQUOT: "free some of your quota, then repeat the command",
        errno.EFBIG: "raise the limit on file size, then repeat the command",
        errno.EROFS: "choose a folder on a file system that can be written",
        errno.EACCES: "check the permissions of the file and of its folder",
        errno.EPERM: "check the permissions of the file and of its folder",
        errno.ENOTDIR: "check the path: a file stands where a folder is expected",
        errno.EISDIR: "name a file; a folder stands there",
        errno.ELOOP: "the path is a loop of symbolic links; name the file itself",
    }
    # numpy reports a short write without an errno; what else has none is as rare as a failing disk.
    steps_without = "look whether the disk is full, then repeat the command"
    what = "the disk is full" if err.errno == errno.ENOSPC else (err.strerror or str(err))
    return ArtifactError(f"{path} could not be {doing}: {what}", next_step=steps_without if err.errno is None else steps.get(err.errno))


class OpenedFile:
    """A regular file, opened once. ``path`` is for messages only; ``size`` is in bytes at the moment of opening."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as err:
            if err.errno == errno.ENXIO:
                raise ArtifactError(f"{path} is a socket, not a file", next_step="name a regular file") from err
            raise wrap_os_error(err, path, "read") from err
        self.status = os.fstat(self.descriptor)
        if not stat.S_ISREG(self.status.st_mode):
            os.close(self.descriptor)
            what = "a directory" if stat.S_ISDIR(self.status.st_mode) else "no regular file"
            raise ArtifactError(f"{path} is {what}, where a file is expected", next_step="name a regular file")
        self.size = self.status.st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        os.close(self.descriptor)

    def head(self, length: int) -> bytes:
        """The first bytes; the offset does not move."""
        return os.pread(self.descriptor, length, 0)

    def stream(self) -> BinaryIO:
        """A buffered reader of its own over the same open file, at offset 0. The caller closes it."""
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        return os.fdopen(os.dup(self.descriptor), "rb", buffering=1 << 20)

    def private_copy(self) -> memoryview:
        """All the bytes, in memory that nobody else can write. Raises ArtifactChangedError when the file changes meanwhile."""
        try:
            buffer = memoryview(bytearray(self.size))
        except MemoryError as err:
            step = "load it on a machine with more memory, or save it in a format that cannot run code"
            raise ArtifactError(f"{self.path} ({self.size:,} bytes) does not fit into memory", next_step=step) from err
        starts = range(0, self.size, _CHUNK)
        try:
            if len(starts) > 1:
                from concurrent.futures import ThreadPoolExecutor

                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(lambda at: self._fill(buffer, at), starts))
            elif self.size:
                self._fill(buffer, 0)
        except OSError as err:
            raise wrap_os_error(err, self.path, "read") from err
        self.require_unchanged()
        return buffer.toreadonly()

    def _fill(self, buffer: memoryview, start: int) -> None:
        stop = min(start + _CHUNK, self.size)
        while start < stop:
            got = os.preadv(self.descriptor, [buffer[start:stop]], start)
            if got == 0:
                raise ArtifactChangedError(f"{self.path} became shorter while it was read", next_step="wait until its writer is done, then load it again")
            start += got

    def is_unchanged(self) -> bool:
        """True while identity, size and times are those of the moment of opening."""
        now, then = os.fstat(self.descriptor), self.status
        return (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (
            then.st_dev,
            then.st_ino,
            then.st_size,
            then.st_mtime_ns,
            then.st_ctime_ns,
        )

    def require_unchanged(self) -> None:
        """Raise ArtifactChangedError unless `is_unchanged`."""
        if not self.is_unchanged():
            raise ArtifactChangedError(f"{self.path} changed while it was read", next_step="wait until its writer is done, then load it again")


class Replacement:
    """A new version of a file or folder, built beside the old one; `put` swaps it in, `undo` brings the old one back."""

    def __init__(self, target: Path, staged: Path) -> None:
        self.target = target
        self.staged = staged
        self._aside = staged.with_name(staged.name + ".old")
        self._is_put = False

    def put(self) -> None:
        """Swap the new version in. Raises ArtifactError when the file system refuses; the old version then stands."""
        try:
            if self.target.is_dir() and not self.target.is_symlink():
                os.rename(self.target, self._aside)
            elif self.target.exists():
                os.chmod(self.staged, stat.S_IMODE(self.target.stat().st_mode))
                _link_or_copy(self.target, self._aside)
            os.rename(self.staged, self.target)
        except OSError as err:
            self.undo()
            raise wrap_os_error(err, self.target, "written") from err
        self._is_put = True

    def undo(self) -> None:
        """Bring back what was there before."""
        if self._aside.exists():
            if self.target.is_dir() and not self.target.is_symlink():
                shutil.rmtree(self.target)
            os.rename(self._aside, self.target)
        elif self._is_put:
            _remove(self.target)
        self._is_put = False

    def discard(self) -> None:
        """Remove what is no longer needed: the staged version of a save that failed, the old version of one that worked."""
        for path in (self.staged, self._aside):
            _remove(path)


@contextlib.contextmanager
def staged(target: Path, *, folder: bool) -> Iterator[Replacement]:
    """Stage a save beside its target. What is raised inside brings the old version back and removes the staged one.

    Raises ArtifactError when the target's folder cannot be made or written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
        if folder:
            path.mkdir()
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    except OSError as err:
        raise wrap_os_error(err, target, "written") from err
    replacement = Replacement(target, path)
    try:
        yield replacement
    except BaseException:
        replacement.undo()
        raise
    finally:
        replacement.discard()


def flush_to_disk(path: Path) -> None:
    """Make the bytes of a file, or of all files of a folder, durable. Raises ArtifactError, for instance on a full disk."""
    files = [path] if path.is_file() else [p for p in sorted(path.rglob("*")) if p.is_file()]
    for each in files:
        try:
            descriptor = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as err:
            raise wrap_os_error(err, each, "written") from err


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)  # some file systems have no hard links


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
