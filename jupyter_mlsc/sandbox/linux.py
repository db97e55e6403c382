"""The kernel's interface as this package uses it: calls that Python does not have, their numbers and the layouts of their structures.

Sources: include/uapi/linux/seccomp.h, landlock.h, openat2.h; the man pages seccomp_unotify(2), landlock(7), openat2(2). A failed call raises
OSError with its errno.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_SYMLINK_FOLLOW = 0x400
AT_SYMLINK_NOFOLLOW = 0x100
AT_REMOVEDIR = 0x200

RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH, RESOLVE_IN_ROOT = 0x08, 0x10
_OPENAT2 = 437
_OPEN_HOW = struct.Struct("<QQQ")

F_SETLEASE, F_GETLEASE = 1024, 1025
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36
_CLONE_FS = 0x200
_CAPABILITY_HEADER = struct.pack("<Ii", 0x20080522, 0)
PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 23, 24, 47, 4

libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
libc.syscall.restype = ctypes.c_long
libc.process_vm_readv.restype = ctypes.c_ssize_t


def checked(result: int, what: str) -> int:
    """The result of a C call, or OSError with its errno."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, *arguments: int) -> int:
    """prctl(2)."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return checked(libc.prctl(option, *(ctypes.c_ulong(each) for each in padded)), "prctl")


def check_flags(flags: int, mode: int, resolve: int) -> None:
    """Raise what the kernel says of an open's flags, whatever the path is: it looks at them first, and no path is empty."""
    try:
        os.close(openat2(AT_FDCWD, b"", flags, resolve, mode))
    except FileNotFoundError:
        return


def openat2(folder: int, path: bytes, flags: int, resolve: int, mode: int = 0) -> int:
    """openat2(2): a descriptor that the caller closes."""
    descriptor = try_openat2(folder, path, flags, resolve, mode)
    if descriptor < 0:
        raise OSError(-descriptor, os.strerror(-descriptor))
    return descriptor


def try_openat2(folder: int, path: bytes, flags: int, resolve: int, mode: int = 0) -> int:
    """openat2(2): a descriptor that the caller closes, or the errno below zero: an exception costs more than the call does."""
    descriptor = libc.syscall(_OPENAT2, folder, path, _OPEN_HOW.pack(flags, mode, resolve), 24)
    return int(descriptor) if descriptor >= 0 else -ctypes.get_errno()


def open_once(path: bytes, flags: int) -> int:
    """open(2) that a signal to this thread ends with EINTR, where Python's own would begin again."""
    return checked(libc.open(path, flags, 0), "open")


def renameat2(source_folder: int, source: bytes, target_folder: int, target: bytes, flags: int) -> None:
    """renameat2(2)."""
    if libc.renameat2(source_folder, source, target_folder, target, flags) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def linkat(source_folder: int, source: bytes, target_folder: int, target: bytes, flags: int) -> None:
    """linkat(2)."""
    if libc.linkat(source_folder, source, target_folder, target, flags) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def utimensat(path: bytes, times: bytes | None) -> None:
    """utimensat(2) on a path, following links; ``times`` are two ``struct timespec``, None for now."""
    checked(libc.utimensat(AT_FDCWD, path, times, 0), "utimensat")


def own_folder() -> None:
    """Give the calling thread a working directory of its own (unshare(2), CLONE_FS). Raises OSError where a profile forbids it."""
    checked(libc.unshare(_CLONE_FS), "unshare")


def connect(descriptor: int, address: bytes) -> None:
    """connect(2). A signal ends it with InterruptedError, and it is not tried again here, as Python's own does."""
    checked(libc.connect(descriptor, address, len(address)), "connect")


def bind(descriptor: int, address: bytes) -> None:
    """bind(2)."""
    checked(libc.bind(descriptor, address, len(address)), "bind")


def _is_capability(number: int) -> bool:
    return int(libc.prctl(PR_CAPBSET_READ, ctypes.c_ulong(number), *(ctypes.c_ulong(0),) * 3)) >= 0


def capabilities() -> bytes:
    """The effective, permitted and inheritable sets of this thread, as `set_capabilities` takes them."""
    found = ctypes.create_string_buffer(24)
    checked(libc.capget(_CAPABILITY_HEADER, found), "capget")
    return found.raw


def set_capabilities(sets: bytes) -> None:
    """capset(2). Raises OSError for a capability that there was none of."""
    checked(libc.capset(_CAPABILITY_HEADER, sets), "capset")


def keep_capabilities() -> None:
    """Make a capset(2) that changes nothing, where there is any capability. Raises OSError where a profile forbids it."""
    held = capabilities()
    if any(held):
        set_capabilities(held)


def drop_capabilities() -> None:
    """Give up every capability of this process, the bounding and ambient sets too. Raises OSError where a capability cannot be dropped."""
    held = capabilities()
    if int.from_bytes(held[:4], "little") & 1 << 8:  # CAP_SETPCAP: without it there is nothing in the bounding set that could be used
        # The kernel's own count: /proc/sys, where a file says the last one, need not be there (systemd's ProcSubset=pid).
        for capability in itertools.takewhile(_is_capability, itertools.count()):
            prctl(PR_CAPBSET_DROP, capability)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    if any(held):  # a service's profile may forbid capset(2), and who has none needs none of it
        set_capabilities(bytes(len(held)))
