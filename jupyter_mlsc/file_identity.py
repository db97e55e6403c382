"""How a file is told apart from another one and opened safely to be hashed: identity, kinds of files, names fit to be printed.

Rules kept here: a name is never trusted to still mean the same file, so what is opened is compared with what was seen before; opening
never waits (a FIFO) and never wakes a device; whatever is no regular file is refused with an error that names it.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError, ArtifactMissingError

_OPENING = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
}


class FileIdentity(NamedTuple):
    """Which file, and which state of it: while all five are unchanged its bytes are taken to be the same.

    ``size`` is in bytes, the times are in nanoseconds since 1970. Two writes within one tick of the file system's clock leave the
    same times, and so does a write through a memory map whose page was dirty already: no stat can show these.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """Take the identity out of a stat result."""
        return cls._make((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


def printable(name: str) -> str:
    """A name as it can stand in a message: bytes that are not UTF-8 and control characters are shown as escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii") for character in text)


def require_utf8(name: str) -> None:
    """Raise ArtifactError for a name that is not UTF-8: no statement could name it."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as err:
        raise ArtifactError(f"the name is not UTF-8: {printable(name)}", next_step="rename the file") from err


def require_regular(status: os.stat_result, name: str) -> None:
    """Raise ArtifactError for everything that is no regular file."""
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
        raise ArtifactError(f"{printable(name)} is {kind}: only regular files have a digest", next_step="name a file, or take it out of the tree")


def unreadable(err: OSError, name: str) -> ArtifactError:
    """The error of this package for an operating system's error about ``name``; raise it ``from err``."""
    shown = printable(name)
    if err.errno in (errno.ENOENT, errno.ENOTDIR):
        return ArtifactMissingError(f"{shown} does not exist", next_step="check the path; it is taken relative to the working directory")
    if err.errno == errno.ELOOP:
        return ArtifactError(f"{shown} is a symbolic link that leads nowhere but to itself", next_step="remove the loop")
    if err.errno in (errno.EACCES, errno.EPERM):
        return ArtifactError(f"{shown} cannot be read: {err.strerror}", next_step=f"ask its owner for read permission on {shown}")
    if err.errno in (errno.EMFILE, errno.ENFILE):
        return ArtifactError(f"{shown} cannot be opened: {err.strerror}", next_step="close some files, or raise the limit (ulimit -n)")
    return ArtifactError(f"{shown} cannot be read: {err.strerror or err}", next_step="check the disk or the connection that holds it")


def changed(name: str, how: str) -> ArtifactChangedError:
    """The error for an artifact that did not hold still; ``how`` completes 'NAME changed while it was read: ...'."""
    return ArtifactChangedError(f"{printable(name)} changed while it was read: {how}", next_step="wait until nothing writes to it, then try again")


def status_of(path: str, name: str) -> os.stat_result:
    """Stat a path, following links. Raises ArtifactMissingError or ArtifactError, which name it."""
    try:
        return os.stat(path)
    except OSError as err:
        raise unreadable(err, name) from err
    except ValueError as err:
        raise ArtifactError(f"not a path: {printable(name)}: {err}", next_step="check the path") from err


def open_same(path: str, identity: FileIdentity, name: str, directory: int | None = None) -> int:
    """Open the regular file of this identity for reading and return its descriptor, which the caller closes.

    With ``directory`` (a descriptor of it) the path is relative to it and its last part may not be a link. Raises
    ArtifactChangedError when something else stands at the path by now, and ArtifactError when it cannot be opened.
    """
    try:
        descriptor = os.open(path, _OPENING if directory is None else _OPENING | os.O_NOFOLLOW, dir_fd=directory)
    except FileNotFoundError as err:
        raise changed(name, "it was removed") from err
    except OSError as err:
        if err.errno == errno.ELOOP:
            raise changed(name, "a symbolic link was put in its place") from err
        raise unreadable(err, name) from err
    try:
        require_same(descriptor, identity, name)
    except ArtifactError:
        os.close(descriptor)
        raise
    return descriptor


def require_same(descriptor: int, identity: FileIdentity, name: str) -> None:
    """Raise ArtifactChangedError unless the open file is still the one of this identity, in the same state."""
    try:
        now = FileIdentity.of(os.fstat(descriptor))
    except OSError as err:
        raise unreadable(err, name) from err
    if now != identity:
        raise changed(name, _difference(identity, now))


def _difference(before: FileIdentity, after: FileIdentity) -> str:
    if (before.device, before.inode) != (after.device, after.inode):
        return "another file was put in its place"
    if before.size != after.size:
        return f"it had {before.size:,} bytes, now it has {after.size:,}"
    return "it was written to, or its metadata was changed"
