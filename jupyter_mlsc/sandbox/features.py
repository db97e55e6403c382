"""What this machine can do for a supervised run, and why not where it cannot. Probed, never assumed."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
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
_REMEDY = "use Linux 6.12 or newer with seccomp and Landlock switched on; under Docker, run with the seccomp profile in docs/supervision.md"


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

    abi = landlock.abi()
    if abi < landlock.NEEDED_ABI:
        missing.append("this kernel has no Landlock" if abi == 0 else f"this kernel's Landlock has ABI {abi}; {landlock.NEEDED_ABI} is needed")
    action = ctypes.c_uint32(_RET_USER_NOTIF)
    if linux.libc.syscall(calls().inspected["seccomp"], _GET_ACTION_AVAIL, 0, ctypes.byref(action)) != 0:
        missing.append(f"seccomp user notification is not available here ({os.strerror(ctypes.get_errno())})")
    scope = _ptrace_scope()
    if scope >= 2:
        missing.append(f"kernel.yama.ptrace_scope is {scope}, so the memory of child processes cannot be read")
    return Features(abi, tuple(missing), _REMEDY if missing else None)


def _ptrace_scope() -> int:
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0  # no Yama: as if it were off
