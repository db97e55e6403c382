"""Which terminals are the tree's own: those whose other end one of its processes holds, and those that it was started on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

_MASTER = b"tty-index:"


def is_own_terminal(name: bytes, in_tree: Callable[[int], bool]) -> bool:
    """Whether ``/dev/pts/N`` belongs to the tree. Reads /proc, and only for such a name."""
    number = name.removeprefix(b"/dev/pts/")
    if not number.isdigit():
        return False
    if any(os.ttyname(fd).encode() == name for fd in range(3) if os.isatty(fd)):
        return True
    return any(_holds(pid, number) for pid in _processes() if in_tree(pid))


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _holds(pid: int, number: bytes) -> bool:
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False  # it is gone
    for descriptor in descriptors:
        try:
            if not os.readlink(f"/proc/{pid}/fd/{descriptor}").endswith("ptmx"):
                continue
            with open(f"/proc/{pid}/fdinfo/{descriptor}", "rb") as file:
                if any(line.startswith(_MASTER) and line.split()[1] == number for line in file):
                    return True
        except OSError:
            continue  # closed meanwhile
    return False
