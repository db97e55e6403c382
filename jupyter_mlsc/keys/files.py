"""Files that hold secrets: made whole and private, read only when nobody else could have read or changed them.

Rules kept here: 0600 from the first byte (O_CREAT | O_EXCL), durable before anything refers to it, replaced by rename; a file that is a
symlink, belongs to another user or can be read by others is refused, root included, since root must not sign with another user's key.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_mlsc.errors import KeyUnavailableError
from jupyter_mlsc.keys.passphrase import Secret

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
LOCK_NAME = ".lock"


def make_folder(folder: Path) -> None:
    """Create a folder for this user only. Raises KeyUnavailableError when it cannot be made, or others could change what is in it."""
    try:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        found = os.lstat(folder)
    except OSError as err:
        raise KeyUnavailableError(
            f"cannot make the folder for keys, {folder}: {err.strerror}", next_step="set MLSC_HOME to a folder that you can write to"
        ) from err
    if os.name == "posix":
        if found.st_uid != os.geteuid():
            raise KeyUnavailableError(f"the folder for keys, {folder}, belongs to another user", next_step="set MLSC_HOME to a folder of your own")
        if found.st_mode & 0o022:
            raise KeyUnavailableError(
                f"the folder for keys, {folder}, can be written to by other users", next_step=f"look at what is in it, then run: chmod 700 {folder}"
            )


def create(path: Path, content: Secret) -> None:
    """Write a new file, durably. Raises KeyUnavailableError when it exists already or cannot be written whole; nothing is left then."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
    except OSError as err:
        raise KeyUnavailableError(
            f"cannot make the file {path}: {err.strerror}", next_step="look at the folder's permissions, or set MLSC_HOME to another"
        ) from err
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content.reveal())
            stream.flush()
            os.fsync(stream.fileno())
        _sync_folder(path.parent)
    except OSError as err:
        path.unlink(missing_ok=True)
        raise KeyUnavailableError(f"cannot write the file {path}: {err.strerror}", next_step="free some space, then run the command again") from err


def replace(path: Path, content: Secret) -> None:
    """Put new content in a file's place at once, durably. Raises KeyUnavailableError; the old file stands then."""
    beside = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    create(beside, content)
    try:
        os.replace(beside, path)
        _sync_folder(path.parent)
    except OSError as err:
        beside.unlink(missing_ok=True)
        raise KeyUnavailableError(f"cannot replace the file {path}: {err.strerror}", next_step="look at the folder's permissions") from err


def read(path: Path, limit: int) -> Secret:
    """The content of a private file of at most ``limit`` bytes. Raises KeyUnavailableError when it is missing, or not private."""
    content = read_if_any(path, limit)
    if content is None:
        raise KeyUnavailableError(f"the key file {path} is missing", next_step="restore it from a backup, or make a new key: mlsc keys rotate NAME")
    return content


def read_if_any(path: Path, limit: int) -> Secret | None:
    """As `read`, but None when there is no such file."""
    try:
        # O_NONBLOCK: opening a FIFO in the file's place must not hang.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as stream:
            _check(path, os.fstat(stream.fileno()))
            content = Secret(stream.read(limit + 1))
    except FileNotFoundError:
        return None
    except OSError as err:
        if err.errno == errno.ELOOP:
            raise KeyUnavailableError(f"the key file {path} is a symlink, which is refused", next_step="put the key itself in its place") from err
        raise KeyUnavailableError(f"cannot read the key file {path}: {err.strerror}", next_step=f"look at it: ls -l {path}") from err
    if len(content.reveal()) > limit:
        raise KeyUnavailableError(f"the key file {path} is larger than {limit} bytes", next_step="restore it from a backup")
    return content


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyUnavailableError(f"the key file {path} is no regular file", next_step="put the key itself in its place")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise KeyUnavailableError(
            f"the key file {path} belongs to another user, who could have put it there or read it",
            next_step="make a key of your own, or set MLSC_HOME to your own folder",
        )
    if found.st_mode & 0o077:
        raise KeyUnavailableError(
            f"the key file {path} can be read or changed by other users (mode {stat.S_IMODE(found.st_mode):04o})",
            next_step=f"if nobody else has had access, run: chmod 600 {path}; else make a new key: mlsc keys rotate NAME",
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one process at a time changes what is in it. The lock ends with the process, however it ends."""
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), PRIVATE_FILE)
    except OSError as err:
        raise KeyUnavailableError(
            f"cannot lock the folder for keys, {folder}: {err.strerror}", next_step="set MLSC_HOME to a folder that you can write to"
        ) from err
    with open(descriptor, "rb+") as stream:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
