"""What this machine can do for a supervised run, and why not where it cannot. Probed, never assumed."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_mlsc.sandbox.syscalls import AUDIT_ARCH


@dataclass(frozen=True, slots=True)
class Features:
    """Whether supervision works here; ``missing`` are sentences that say what does not, ``remedy`` what to do about it."""

    landlock_abi: int
    missing: tuple[str, ...]
    remedy: str | None

    @property
    def complete(self) -> bool:
        """True when nothing is missing."""
        return not self.missing


_GET_ACTION_AVAIL = 2
_RET_USER_NOTIF = 0x7FC0_0000
_REMEDY = (
    "use Linux 6.12 or newer with seccomp and Landlock switched on; in a container or a systemd unit, allow what docs/supervision.md says "
    "(a whole profile lies beside it, seccomp-docker.json)"
)
_NOT_TO_BE_HAD = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
"""What a container's profile answers; the kernel's own answer to the trials of `_forbidden` is none of them."""


def probe() -> Features:
    """Look at this machine."""
    if sys.platform != "linux":
        return Features(0, (f"supervision needs Linux, this is {platform.system()}",), "use a Linux machine, or run guarded: %load_ext jupyter_mlsc")
    from jupyter_mlsc.sandbox import landlock, linux

    missing = []
    if platform.machine() not in AUDIT_ARCH:
        missing.append(f"supervision knows {' and '.join(AUDIT_ARCH)}, this is {platform.machine()}")
        return Features(0, tuple(missing), "use a machine of one of these kinds")
    from jupyter_mlsc.sandbox.syscalls import calls

    abi, why = landlock.abi(), ctypes.get_errno()
    forbidden = _forbidden() if abi else ["landlock_create_ruleset"] if why == errno.EPERM else []
    if forbidden:
        missing.append(f"system calls of the supervisor are forbidden here, as by the seccomp profile of a container or unit: {', '.join(forbidden)}")
    elif abi < landlock.NEEDED_ABI:
        missing.append("this kernel has no Landlock" if abi == 0 else f"this kernel's Landlock has ABI {abi}; {landlock.NEEDED_ABI} is needed")
    action = ctypes.c_uint32(_RET_USER_NOTIF)
    if linux.libc.syscall(calls().inspected["seccomp"], _GET_ACTION_AVAIL, 0, ctypes.byref(action)) != 0:
        missing.append(f"seccomp user notification is not available here ({os.strerror(ctypes.get_errno())})")
    scope = _ptrace_scope()
    if scope >= 2:
        missing.append(f"kernel.yama.ptrace_scope is {scope}, so the memory of child processes cannot be read")
    return Features(abi, tuple(missing), _REMEDY if missing else None)


def _forbidden() -> list[str]:
    """Names of calls that the supervisor makes once the command runs, and that somebody answers before the kernel does."""
    from jupyter_mlsc.sandbox import linux
    from jupyter_mlsc.sandbox.syscalls import calls

    numbers, process = calls().own, os.getpid()
    # Each is made in a way that changes nothing: of no bytes, or on a descriptor that is none, which the kernel permits to everybody or calls EBADF.
    trials: dict[str, Callable[[], object]] = {
        "capset": linux.keep_capabilities,
        "landlock_add_rule": lambda: linux.checked(linux.libc.syscall(numbers["landlock_add_rule"], -1, 1, None, 0), "landlock_add_rule"),
        "memfd_create": lambda: os.close(os.memfd_create("mlsc-trial")),
        "openat2": lambda: linux.check_flags(os.O_PATH, 0, 0),
        "pidfd_getfd": lambda: linux.checked(linux.libc.syscall(numbers["pidfd_getfd"], -1, 0, 0), "pidfd_getfd"),
        "pidfd_open": lambda: os.close(os.pidfd_open(process)),
        "process_vm_readv": lambda: linux.checked(linux.libc.process_vm_readv(process, None, 0, None, 0, 0), "process_vm_readv"),
        "process_vm_writev": lambda: linux.checked(linux.libc.process_vm_writev(process, None, 0, None, 0, 0), "process_vm_writev"),
    }
    return [name for name, trial in trials.items() if _is_forbidden(trial)]


def _is_forbidden(trial: Callable[[], object]) -> bool:
    try:
        trial()
    except OSError as err:
        return err.errno in _NOT_TO_BE_HAD
    return False


def _ptrace_scope() -> int:
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0  # no Yama: as if it were off
