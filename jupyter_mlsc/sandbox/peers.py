"""Who listens at a Unix socket: the kernel's own list (sock_diag(7)) and the descriptors that processes hold. Names prove nothing, and are not asked.

Rules kept: a socket file is told by its file system and inode, so that moving it changes nothing; whoever holds the listening socket is who listens.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator

import msgspec

_SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG."""
_BY_FAMILY, _ERROR, _DONE = 20, 2, 3
_REQUEST, _DUMP = 1, 0x300
_NAME, _FILE = 0, 1
"""UNIX_DIAG_NAME and UNIX_DIAG_VFS."""
_SHOW = 1 << _NAME | 1 << _FILE
_LISTEN = 1 << 10
_ANY = 0xFFFF_FFFF
_HEADER, _REQUESTED, _MESSAGE = struct.Struct("<IHHII"), struct.Struct("<BBHIIIII"), struct.Struct("<BBBBIII")
_ROOM = 1 << 18

File = tuple[int, int]
"""A file system's device number as the kernel keeps it, and the low half of an inode number, which is all that sock_diag tells."""


class Bound(msgspec.Struct, frozen=True):
    """A Unix socket: its own inode, its type, the name that it was bound to, and the file that stands for it (None for an abstract name)."""

    inode: int
    kind: int
    name: bytes
    file: File | None


def listening() -> list[Bound]:
    """All Unix sockets of this network namespace that listen. Raises OSError where the kernel does not tell."""
    return _ask(_LISTEN, 0, _REQUEST | _DUMP)


def bound(inode: int) -> Bound | None:
    """The Unix socket with this inode, listening or not. Raises OSError where the kernel does not tell."""
    try:
        return next(iter(_ask(0, inode, _REQUEST)), None)
    except FileNotFoundError:
        return None


def file_of(descriptor: int) -> File:
    """How `Bound.file` spells an open file. Raises OSError."""
    # st_dev is made up by some file systems (btrfs, overlayfs), the mount table's number is not.
    fields = dict(line.split(":", 1) for line in _lines(f"/proc/self/fdinfo/{descriptor}") if ":" in line)
    mount = fields["mnt_id"].strip()
    for line in _lines("/proc/self/mountinfo"):
        number, _, device, _ = line.split(" ", 3)
        if number == mount:
            major, minor = (int(each) for each in device.split(":"))
            return major << 20 | minor, os.fstat(descriptor).st_ino & _ANY
    raise OSError(errno.EACCES, "the file lies on no known file system")


def held_by(processes: Iterable[int], sockets: Iterable[int]) -> bool:
    """Whether each of the sockets, by inode, is held by one of the processes. False for no sockets."""
    missing = {f"socket:[{inode}]" for inode in sockets}
    if not missing:
        return False
    for pid in processes:
        missing.difference_update(_open_files(pid))
        if not missing:
            return True
    return False


def _open_files(pid: int) -> Iterator[str]:
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return  # it is gone
    for number in numbers:
        try:
            yield os.readlink(f"/proc/{pid}/fd/{number}")
        except OSError:
            continue  # closed meanwhile


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()


def _ask(states: int, inode: int, flags: int) -> list[Bound]:
    body = _REQUESTED.pack(socket.AF_UNIX, 0, 0, states, inode, _SHOW, _ANY, _ANY)
    found: list[Bound] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _SOCK_DIAG) as channel:
        channel.send(_HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, flags, 1, 0) + body)
        while True:
            data = memoryview(channel.recv(_ROOM))
            while data:
                length, kind, _, _, _ = _HEADER.unpack_from(data)
                if kind == _ERROR:
                    number = -struct.unpack_from("<i", data, _HEADER.size)[0]
                    raise OSError(number, os.strerror(number))
                if kind == _DONE:
                    return found
                found.append(_read(data[_HEADER.size : length]))
                data = data[length + 3 & ~3 :]
            if not flags & _DUMP:
                return found


def _read(data: memoryview) -> Bound:
    _, kind, _, _, inode, _, _ = _MESSAGE.unpack_from(data)
    rest, name, file = data[_MESSAGE.size :], b"", None
    while len(rest) >= 4:
        length, attribute = struct.unpack_from("<HH", rest)
        value = bytes(rest[4:length])
        if attribute == _NAME:
            name = value if value.startswith(b"\0") else value.rstrip(b"\0")
        elif attribute == _FILE:
            low, device = struct.unpack("<II", value)
            file = device, low
        rest = rest[length + 3 & ~3 :]
    return Bound(inode, kind, name, file)
