"""Which system calls are asked about, which are refused, and their numbers: tables, read by the filter and by the loop.

The numbers are those of the kernel's own tables (arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h). A call that has no
number on an architecture does not exist there. What is newer than `REVIEWED` answers ENOSYS, so that programs fall back to what was reviewed.
"""

from __future__ import annotations

import errno
import os
import platform

import msgspec

REVIEWED = 462
"""The last system call that was read for these tables (mseal); the numbers above 424 are the same everywhere."""

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x4000_0000

_OPENS = """
open 2 -
openat 257 56
creat 85 -
openat2 437 437
"""

# Calls that make, move, link, remove, cut or re-label a name, or change a file's metadata.
_NAMES = """
mkdir 83 -
mkdirat 258 34
mknod 133 -
mknodat 259 33
symlink 88 -
symlinkat 266 36
link 86 -
linkat 265 37
rename 82 -
renameat 264 38
renameat2 316 276
unlink 87 -
unlinkat 263 35
rmdir 84 -
truncate 76 45
chmod 90 -
fchmod 91 52
fchmodat 268 53
fchmodat2 452 452
chown 92 -
fchown 93 55
lchown 94 -
fchownat 260 54
utime 132 -
utimes 235 -
futimesat 261 -
utimensat 280 88
setxattr 188 5
lsetxattr 189 6
fsetxattr 190 7
removexattr 197 14
lremovexattr 198 15
fremovexattr 199 16
"""

# Asked about so that what is remembered of a caller's umask is forgotten.
_UMASKS = """
umask 95 166
"""

_SOCKETS = """
connect 42 203
bind 49 200
"""

# Calls on another process, which its own kernel would allow to the same account. Their first argument is a process; 0 is the caller.
_PROCESSES = """
prlimit64 302 261
sched_setaffinity 203 122
sched_setscheduler 144 119
sched_setparam 142 118
sched_setattr 314 274
"""

# Like those, but the process is the second argument, and the first says how to read it.
_WHOSE = """
setpriority 141 140
ioprio_set 251 30
"""

OF_A_PROCESS = {"setpriority": 0, "ioprio_set": 1}
"""What their first argument is when they name one process (PRIO_PROCESS, IOPRIO_WHO_PROCESS); whatever else it is, 0 names more than the caller."""
OF_A_GROUP = {"setpriority": 1, "ioprio_set": 2}

_REFUSED = """
io_uring_setup 425 425 ENOSYS
io_uring_enter 426 426 ENOSYS
io_uring_register 427 427 ENOSYS
clone3 435 435 ENOSYS
userfaultfd 323 282 EPERM
open_by_handle_at 304 265 EPERM
chroot 161 51 EPERM
pivot_root 155 41 EPERM
setns 308 268 EPERM
mount 165 40 EPERM
umount2 166 39 EPERM
open_tree 428 428 EPERM
move_mount 429 429 EPERM
fsopen 430 430 EPERM
fsconfig 431 431 EPERM
fsmount 432 432 EPERM
fspick 433 433 EPERM
mount_setattr 442 442 EPERM
statmount 457 457 ENOSYS
add_key 248 217 EPERM
request_key 249 218 EPERM
keyctl 250 219 EPERM
uselib 134 - ENOSYS
acct 163 89 EPERM
swapon 167 224 EPERM
swapoff 168 225 EPERM
quotactl_fd 443 443 EPERM
"""

_INSPECTED = """
clone 56 220
unshare 272 97
socket 41 198
socketpair 53 199
sendto 44 206
sendmsg 46 211
sendmmsg 307 269
ioctl 16 29
seccomp 317 277
"""

# What the supervisor and the launcher call themselves, and what a container's or a service's profile may forbid: docs/seccomp-docker.json allows them.
_OWN = """
landlock_create_ruleset 444 444
landlock_add_rule 445 445
landlock_restrict_self 446 446
pidfd_open 434 434
pidfd_getfd 438 438
process_vm_readv 310 270
process_vm_writev 311 271
memfd_create 319 279
capset 126 91
"""


class Calls(msgspec.Struct, frozen=True):
    """The tables of one architecture: numbers by name. ``refused`` has the error that a call answers with."""

    machine: str
    audit_arch: int
    opens: dict[str, int]
    names: dict[str, int]
    umasks: dict[str, int]
    sockets: dict[str, int]
    processes: dict[str, int]
    whose: dict[str, int]
    refused: dict[int, int]
    inspected: dict[str, int]
    own: dict[str, int]

    @property
    def asked(self) -> tuple[int, ...]:
        """Numbers of the calls that are always asked about, the frequent ones first."""
        return (*self.opens.values(), *self.names.values(), *self.umasks.values(), *self.sockets.values())


def calls(machine: str | None = None) -> Calls:
    """The tables of an architecture, this machine's unless named. Raises KeyError for one that was not reviewed."""
    machine = machine or platform.machine()
    column = ("x86_64", "aarch64").index(machine) if machine in AUDIT_ARCH else None
    if column is None:
        raise KeyError(machine)
    refused = {int(row[1 + column]): getattr(errno, row[3]) for row in _rows(_REFUSED) if row[1 + column] != "-"}
    tables = (_numbers(text, column) for text in (_OPENS, _NAMES, _UMASKS, _SOCKETS, _PROCESSES, _WHOSE))
    opens, names, umasks, sockets, processes, whose = tables
    return Calls(machine, AUDIT_ARCH[machine], opens, names, umasks, sockets, processes, whose, refused, _numbers(_INSPECTED, column), _numbers(_OWN, column))


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def _numbers(text: str, column: int) -> dict[str, int]:
    return {row[0]: int(row[1 + column]) for row in _rows(text) if row[1 + column] != "-"}


class PathCall(msgspec.Struct, frozen=True):
    """Where a call's arguments are, by index. ``paths`` are (folder descriptor's, path's) pairs; a folder descriptor of None is the working directory.

    ``descriptor`` is the argument that names an open file instead of a path; ``rest`` are the others, in the order that `names` takes them.
    """

    does: str
    paths: tuple[tuple[int | None, int], ...] = ()
    rest: tuple[int, ...] = ()
    descriptor: int | None = None
    flags: int | None = None
    """The argument that holds AT_ flags."""
    follow: bool = True
    """Whether a symbolic link at the end is followed where no flag says otherwise."""


NAME_CALLS: dict[str, PathCall] = {
    "mkdir": PathCall("mkdir", ((None, 0),), (1,), follow=False),
    "mkdirat": PathCall("mkdir", ((0, 1),), (2,), follow=False),
    "mknod": PathCall("mknod", ((None, 0),), (1, 2), follow=False),
    "mknodat": PathCall("mknod", ((0, 1),), (2, 3), follow=False),
    "symlink": PathCall("symlink", ((None, 1),), (0,), follow=False),
    "symlinkat": PathCall("symlink", ((1, 2),), (0,), follow=False),
    "link": PathCall("link", ((None, 0), (None, 1)), follow=False),
    "linkat": PathCall("link", ((0, 1), (2, 3)), flags=4, follow=False),
    "rename": PathCall("rename", ((None, 0), (None, 1)), follow=False),
    "renameat": PathCall("rename", ((0, 1), (2, 3)), follow=False),
    "renameat2": PathCall("rename", ((0, 1), (2, 3)), (4,), follow=False),
    "unlink": PathCall("unlink", ((None, 0),), follow=False),
    "unlinkat": PathCall("unlink", ((0, 1),), (2,), follow=False),
    "rmdir": PathCall("rmdir", ((None, 0),), follow=False),
    "truncate": PathCall("truncate", ((None, 0),), (1,)),
    "chmod": PathCall("chmod", ((None, 0),), (1,)),
    "fchmod": PathCall("chmod", (), (1,), descriptor=0),
    "fchmodat": PathCall("chmod", ((0, 1),), (2,)),
    "fchmodat2": PathCall("chmod", ((0, 1),), (2,), flags=3),
    "chown": PathCall("chown", ((None, 0),), (1, 2)),
    "fchown": PathCall("chown", (), (1, 2), descriptor=0),
    "lchown": PathCall("chown", ((None, 0),), (1, 2), follow=False),
    "fchownat": PathCall("chown", ((0, 1),), (2, 3), flags=4),
    "utime": PathCall("utime", ((None, 0),), (1,)),
    "utimes": PathCall("utimes", ((None, 0),), (1,)),
    "futimesat": PathCall("utimes", ((0, 1),), (2,)),
    "utimensat": PathCall("utimens", ((0, 1),), (2,), flags=3),
    "setxattr": PathCall("setxattr", ((None, 0),), (1, 2, 3, 4)),
    "lsetxattr": PathCall("setxattr", ((None, 0),), (1, 2, 3, 4), follow=False),
    "fsetxattr": PathCall("setxattr", (), (1, 2, 3, 4), descriptor=0),
    "removexattr": PathCall("removexattr", ((None, 0),), (1,)),
    "lremovexattr": PathCall("removexattr", ((None, 0),), (1,), follow=False),
    "fremovexattr": PathCall("removexattr", (), (1,), descriptor=0),
}


class OpenCall(msgspec.Struct, frozen=True):
    """Where the arguments of a call that opens are. ``how`` is the argument that points at a ``struct open_how``."""

    path: int
    folder: int | None = None
    flags: int | None = None
    mode: int | None = None
    how: int | None = None
    fixed_flags: int = 0


OPEN_CALLS: dict[str, OpenCall] = {
    "open": OpenCall(0, None, 1, 2),
    "openat": OpenCall(1, 0, 2, 3),
    "creat": OpenCall(0, None, None, 1, fixed_flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    "openat2": OpenCall(1, 0, how=2),
}
