"""Landlock, the wall: whatever an answer lets pass, the tree reaches only what is granted here. Granted rights never grow.

Source: landlock(7), include/uapi/linux/landlock.h. Rules kept: every right to read, write, execute, make, remove and move is handled; signals and
abstract sockets stay inside; listing folders is granted everywhere, since names are no contents.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from jupyter_mlsc.sandbox import linux

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
HANDLED = (1 << 16) - 1
"""All rights of ABI 5."""
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
SIGNALS = 2
SCOPED = 1 | SIGNALS
"""Abstract Unix sockets and signals (ABI 6)."""

NEEDED_ABI = 6
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1


def abi() -> int:
    """The version of Landlock that this kernel has; 0 where it has none or it is switched off."""
    found = linux.libc.syscall(_CREATE, None, 0, _VERSION_FLAG)
    return max(int(found), 0)


def hold_signals() -> None:
    """Restrict this thread, for good, to signal only what is in the same domain, or in one within it. Raises OSError."""
    # A domain that does not handle it denies every move and link between two folders (landlock(7)).
    ruleset = _ruleset(REFER, SIGNALS)
    _grant(ruleset, b"/", REFER)
    linux.checked(linux.libc.syscall(_RESTRICT, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def _ruleset(files: int, scoped: int) -> int:
    attributes = struct.pack("<QQQ", files, 0, scoped)
    return linux.checked(linux.libc.syscall(_CREATE, ctypes.c_char_p(attributes), len(attributes), 0), "landlock_create_ruleset")


def restrict(grants: Iterable[tuple[bytes, int]]) -> None:
    """Restrict this thread, for good, to the (path, rights) pairs; a path that is gone grants nothing. Raises OSError."""
    ruleset = _ruleset(HANDLED, SCOPED)
    for path, rights in ((b"/", READ_DIR), *grants):
        _grant(ruleset, path, rights)
    linux.checked(linux.libc.syscall(_RESTRICT, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def _grant(ruleset: int, path: bytes, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a grant for nothing
    try:
        allowed = rights if stat.S_ISDIR(os.fstat(place).st_mode) else rights & ON_FILES
        rule = struct.pack("<Qi", allowed, place)
        linux.checked(linux.libc.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0), f"landlock_add_rule {os.fsdecode(path)}")
    finally:
        os.close(place)
