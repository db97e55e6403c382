"""The process in which hostile bytes are parsed: it gives up everything that a parser does not need, then serves.

Rules kept: no environment, no descriptor but one channel; memory, processor time and descriptors are limited; where the kernel has Landlock it can
read the interpreter's own folders and nothing else, and write nowhere; where it has seccomp it can start no program and reach no address. Where a wall
is missing the others still stand: the process never had a key.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import signal
import struct
import sys
from _socket import socket  # what `socket` adds to it takes long to import, and is not used

_MOST_DESCRIPTORS = 64
_LAST_STREAM = 2
COLLECTED_FROM = 50_000
"""Objects made between two looks for garbage: nothing of what is imported is ever garbage."""
_FORBIDDEN = {
    # execve, execveat, ptrace, connect, bind, socket, process_vm_readv, process_vm_writev, kill, tkill, tgkill, fork, vfork
    "x86_64": (59, 322, 101, 42, 49, 41, 310, 311, 62, 200, 234, 57, 58),
    "aarch64": (221, 281, 117, 203, 200, 198, 270, 271, 129, 130, 131),
}
"""Numbers from the kernel's own tables, as in `syscalls`; written out here, since making those tables takes longer than all else in this file."""
_CLONE = {"x86_64": 56, "aarch64": 220}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x4000_0000
_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_CLONE_THREAD = 0x0001_0000
_ALLOW, _ERROR = 0x7FFF_0000, 0x0005_0000
_CLONE3 = 435
_FLAGS = 16
"""Offset of the low half of the first argument in ``struct seccomp_data``."""
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


def main() -> None:
    """Confine this process and answer on the channel. The arguments are its descriptor, the memory in bytes, and where libraries are installed."""
    gc.set_threshold(COLLECTED_FROM)
    held = int(sys.argv[1])
    sys.path += sys.argv[3:]
    let_go(held)
    confine(int(sys.argv[2]))
    from jupyter_mlsc.scan.worker import serve

    try:
        serve(socket(fileno=held))
    except OSError:
        os._exit(1)  # the other side is gone
    os._exit(0)


def let_go(held: int) -> None:
    """Leave the caller's terminal, folder and open files, but for its streams, which are nowhere, and one descriptor."""
    with contextlib.suppress(OSError):
        os.setsid()
    os.chdir(os.sep)
    try:
        opened = [int(each) for each in os.listdir("/dev/fd")]
    except OSError:
        os.closerange(3, held)
        os.closerange(held + 1, os.sysconf("SC_OPEN_MAX"))
        return
    for each in opened:
        if each > _LAST_STREAM and each != held:
            with contextlib.suppress(OSError):  # the folder that was listed
                os.close(each)


def confine(memory: int) -> None:
    """Limit this process for good. ``memory`` is in bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt ends the parent, and this with it
    _limit(memory)
    if sys.platform == "linux":
        _wall()


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:
        return  # no such limits on this system; the parent's clock remains
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_DATA, memory),  # py7zr asks for it, and where it is not set for what Landlock hides
        (resource.RLIMIT_NOFILE, _MOST_DESCRIPTORS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        lowered = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # not every system has every limit
            resource.setrlimit(what, (lowered, lowered))


def _wall() -> None:
    from jupyter_mlsc.sandbox import landlock, linux

    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        if landlock.abi() >= landlock.NEEDED_ABI:
            landlock.restrict([(place, landlock.READ_FILE | landlock.READ_DIR) for place in _own_folders()])
        _forbid()


def _own_folders() -> list[bytes]:
    """Where the interpreter and this package are imported from, and the system's libraries."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = [
        package,
        *sys.path,
        os.path.join(sys.base_prefix, "lib"),  # conda keeps there what the standard library's own extensions link to
        os.path.join(sys.prefix, "lib"),
        "/usr/lib",
        "/lib",
        "/lib64",
        "/usr/local/lib",
    ]
    return [os.fsencode(os.path.realpath(place)) for place in dict.fromkeys(found) if place and os.path.exists(place)]


def _forbid() -> None:
    """A seccomp filter under which no program is started, nobody is reached and no process is touched."""
    from jupyter_mlsc.sandbox import linux

    machine = os.uname().machine
    if machine not in _FORBIDDEN:
        return
    numbers, clone = _FORBIDDEN[machine], _CLONE[machine]
    rows = [(_LOAD, 0, 0, 4), (_JEQ, 1, 0, _AUDIT_ARCH[machine]), (_RET, 0, 0, _ERROR | errno.EPERM), (_LOAD, 0, 0, 0)]
    rows += [(_JGE, 0, 1, _X32_BIT), (_RET, 0, 0, _ERROR | errno.EPERM)]
    for number in numbers:
        rows += [(_JEQ, 0, 1, number), (_RET, 0, 0, _ERROR | errno.EPERM)]
    rows += [(_JEQ, 0, 1, _CLONE3), (_RET, 0, 0, _ERROR | errno.ENOSYS)]  # whose flags lie in memory; the C library then asks by clone
    # Threads are what libraries of numbers begin with; a process is nobody's need.
    rows += [(_JEQ, 0, 3, clone), (_LOAD, 0, 0, _FLAGS), (_JSET, 1, 0, _CLONE_THREAD), (_RET, 0, 0, _ERROR | errno.EPERM)]
    rows.append((_RET, 0, 0, _ALLOW))
    code = b"".join(struct.pack("<HBBI", *row) for row in rows)
    buffer = ctypes.create_string_buffer(code, len(code))
    description = struct.pack("<HxxxxxxQ", len(rows), ctypes.addressof(buffer))
    at = ctypes.create_string_buffer(description, len(description))
    linux.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(at))
