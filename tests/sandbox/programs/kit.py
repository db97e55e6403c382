"""What programs of system calls are written with: raw calls, and a record of everything that they gave back. It imports nothing of the package."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

NUMBERS = {
    "open": 2,
    "openat": 257,
    "creat": 85,
    "openat2": 437,
    "mkdir": 83,
    "mkdirat": 258,
    "mknod": 133,
    "mknodat": 259,
    "symlink": 88,
    "symlinkat": 266,
    "link": 86,
    "linkat": 265,
    "rename": 82,
    "renameat": 264,
    "renameat2": 316,
    "unlink": 87,
    "unlinkat": 263,
    "rmdir": 84,
    "truncate": 76,
    "chmod": 90,
    "fchmod": 91,
    "fchmodat": 268,
    "fchmodat2": 452,
    "chown": 92,
    "fchown": 93,
    "lchown": 94,
    "fchownat": 260,
    "utime": 132,
    "utimes": 235,
    "futimesat": 261,
    "utimensat": 280,
    "setxattr": 188,
    "lsetxattr": 189,
    "fsetxattr": 190,
    "removexattr": 197,
    "lremovexattr": 198,
    "fremovexattr": 199,
}

AT_FDCWD = -100
BAD_POINTER = 0xDEAD000
O_TMPFILE = os.O_TMPFILE
Case = Callable[["Record"], None]


class Record:
    """What one case saw, step by step. ``root`` is the folder that it works in; its path is left out of what is noted."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.steps: list[list[Any]] = []

    def note(self, label: str, value: object) -> None:
        """Keep something."""
        self.steps.append([label, _plain(value, self.root)])

    def call(self, label: str, name: str, *arguments: object) -> int:
        """Make a system call and keep its result or the errno's name; -1 where it failed."""
        given = [a if isinstance(a, (bytes, ctypes.Array)) or a is None else ctypes.c_long(a) for a in arguments]  # type: ignore[arg-type]
        ctypes.set_errno(0)
        result = int(libc.syscall(NUMBERS[name], *given))
        self.note(label, result if result >= 0 else errno.errorcode[ctypes.get_errno()])
        return result

    def open(self, label: str, name: str, *arguments: object, keep: bool = False, look: bool = True) -> int:
        """As `call`, for what opens: the descriptor's flags, place and file are kept too, and it is closed unless ``keep``."""
        descriptor = self.call(label, name, *arguments)
        if descriptor >= 0:
            if look:
                self.look(label, descriptor)
            if not keep:
                os.close(descriptor)
        return descriptor

    def look(self, label: str, descriptor: int) -> None:
        """Everything that a descriptor says of itself."""
        status = os.fstat(descriptor)
        seen: dict[str, object] = {
            "flags": fcntl.fcntl(descriptor, fcntl.F_GETFL),
            "cloexec": fcntl.fcntl(descriptor, fcntl.F_GETFD),
            "mode": oct(status.st_mode),
            "size": status.st_size if stat.S_ISREG(status.st_mode) else None,
            "links": status.st_nlink,
            "name": os.readlink(f"/proc/self/fd/{descriptor}").replace(f"/proc/{os.getpid()}/", "/proc/SELF/"),
        }
        if "(deleted)" in str(seen["name"]) or "/#" in str(seen["name"]):
            seen["name"] = "nameless"
        if stat.S_ISREG(status.st_mode):
            for what, act in (
                ("offset", lambda: os.lseek(descriptor, 0, 1)),
                ("bytes", lambda: os.read(descriptor, 20).hex()),
                ("write", lambda: os.write(descriptor, b"w")),
            ):
                try:
                    seen[what] = act()
                except OSError as err:
                    seen[what] = errno.errorcode[err.errno or 0]
            if "/proc/" in str(seen["name"]):
                seen["bytes"] = "of /proc"
        self.note(f"{label}: descriptor", seen)

    def python(self, label: str, act: Callable[[], object]) -> object:
        """Keep what a piece of Python gives, or its errno."""
        try:
            value = act()
        except OSError as err:
            value = errno.errorcode.get(err.errno or 0, str(err))
        self.note(label, value)
        return value


def _plain(value: object, root: str) -> object:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return value.replace(root, "ROOT").encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _plain(each, root) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, root) for each in value]
    return value


def write(path: str, content: bytes = b"content\n", mode: int = 0o644) -> None:
    """Make a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    os.write(descriptor, content)
    os.close(descriptor)


def tree(top: str) -> list[list[Any]]:
    """Every name below a folder, with what `lstat` says that does not depend on when or by whom it was made, and contents."""
    found = []
    for folder, folders, files in os.walk(os.fsencode(top)):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            if len(path) >= 4096:
                continue
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            content: object = None
            if kind == stat.S_IFREG:
                content = Path(os.fsdecode(path)).read_bytes()[:200].hex()
            elif kind == stat.S_IFLNK:
                content = _plain(os.readlink(path), top)
            times = [t for t in (status.st_mtime_ns,) if t < 1_500_000_000 * 10**9]
            size = status.st_size if kind == stat.S_IFREG else None
            found.append([_plain(path, top), oct(status.st_mode), size, status.st_nlink if kind == stat.S_IFREG else None, content, times])
    return found


def main(cases: dict[str, Case]) -> None:
    """Run the cases, each in a process and a folder of its own below the first argument; write what they saw to the second."""
    top = os.path.realpath(sys.argv[1])
    wanted: Iterable[str] = sys.argv[3:] or cases
    os.umask(0o022)
    seen = {}
    for index, name in enumerate(wanted):
        print(name, file=sys.stderr, flush=True)  # the last one is where it stands still
        seen[name] = _in_child(cases[name], os.path.join(top, f"case{index:04}"))
    Path(sys.argv[2]).write_text(json.dumps(seen))


def _in_child(case: Case, root: str) -> list[list[Any]]:
    os.mkdir(root)
    near, far = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(near)
        record = Record(root)
        signal.alarm(60)
        os.chdir(root)
        try:
            case(record)
        except BaseException as err:  # noqa: BLE001  # a child tells everything
            record.steps.append(["ended by", f"{type(err).__name__}: {err}".replace(root, "ROOT")])
        os.set_blocking(far, True)
        with os.fdopen(far, "wb") as out:
            out.write(json.dumps(record.steps).encode())
        os._exit(0)
    os.close(far)
    with os.fdopen(near, "rb") as into:
        text = into.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return json.loads(text) if status == 0 else [["ended by", status]]
