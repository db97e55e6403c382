"""Ways round the filter: other doors into the kernel, and calls on processes outside the tree."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import signal
import struct
import subprocess
import sys
from pathlib import Path

from tests.attacks.supervised.inside import Stage, Table, content, libc, syscall

ATTACKS = Table()
attack = ATTACKS.attack
NEW_USER, NEW_MOUNTS = 0x1000_0000, 0x0002_0000


def compiled(s: Stage, source: str, *arguments: str | Path) -> bytes:
    """The output of a program in C. Its exit status, where it is not 0, is an errno."""
    (s.free / "a.c").write_text("#define _GNU_SOURCE\n#include <stdio.h>\n#include <unistd.h>\n#include <errno.h>\n#include <fcntl.h>\n" + source)
    subprocess.run(["gcc", "-w", "-o", s.free / "a", s.free / "a.c"], check=True, timeout=60)
    done = subprocess.run([s.free / "a", *arguments], capture_output=True, check=False, timeout=20)
    if done.returncode:
        raise OSError(done.returncode if done.returncode > 0 else errno.EFAULT, done.stderr)
    return done.stdout


def in_child(does: object) -> int:
    """The errno that a child ended with; 0 where it succeeded. What it changes of itself ends with it."""
    pid = os.fork()
    if pid == 0:
        try:
            does()  # type: ignore[operator]
        except OSError as err:
            os._exit(err.errno or 255)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def raising(number: int) -> str:
    """ "reached" for 0, else the error."""
    if number:
        raise OSError(number, os.strerror(number))
    return "reached"


@attack("ENOSYS", control=False)
def int_0x80(s: Stage) -> bytes:
    """The 32-bit door: the path lies in the low half of the address space, as it must."""
    return compiled(
        s,
        """#include <sys/mman.h>
#include <string.h>
int main(int c,char**v){char*p=mmap((void*)0x10000000,8192,3,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0);strcpy(p,v[1]);
long r;__asm__ volatile("int $0x80":"=a"(r):"a"(5),"b"((long)p),"c"(0L),"d"(0L):"memory");
if(r<0)return -r;int n=read(r,p,4096);write(1,p,n);return 0;}""",
        s.secret,
    )


@attack("ENOSYS", control=False)
def x32_numbers(s: Stage) -> bytes:
    return content(syscall(0x4000_0000 + 2, os.fsencode(s.secret), os.O_RDONLY, 0))


@attack("ENOSYS", control=False)
def numbers_of_calls_to_come(s: Stage) -> str:
    for number in (463, 464, 467, 470, 500, 1000, 0x3FFF_FFFF):
        try:
            syscall(number, -100, os.fsencode(s.secret), 0, 0, 0, 0)
        except OSError as err:
            if err.errno != errno.ENOSYS:
                return f"{number}: {errno.errorcode[err.errno or 0]}"
    raise OSError(errno.ENOSYS, "")


@attack("ENOSYS", control=False)
def io_uring(s: Stage) -> str:
    syscall(425, 4, ctypes.create_string_buffer(120))
    return "reached"


@attack("ENOSYS", control=False)
def clone3(s: Stage) -> str:
    if syscall(435, ctypes.create_string_buffer(struct.pack("<8Q", NEW_USER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64), 64) == 0:
        os._exit(0)
    return "reached"


@attack("EPERM", control=False)
def clone_into_a_user_namespace(s: Stage) -> str:
    if syscall(56, NEW_USER | NEW_MOUNTS | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)
    return "reached"


@attack("EPERM", control=False)
def unshare_into_a_user_namespace(s: Stage) -> str:
    return raising(in_child(lambda: syscall(272, NEW_USER | NEW_MOUNTS)))


@attack("EPERM", control=False)
def unshare_the_mounts(s: Stage) -> str:
    return raising(in_child(lambda: syscall(272, NEW_MOUNTS)))


@attack("EPERM", control=False)
def unshare_by_its_program(s: Stage) -> bytes:
    done = subprocess.run(["unshare", "-Urm", "cat", s.secret], capture_output=True, check=False)
    if done.returncode:
        raise OSError(errno.EPERM if b"not permitted" in done.stderr else errno.EIO, done.stderr)
    return done.stdout


@attack("EPERM", control=False)
def enter_the_namespaces_of_the_first_process(s: Stage) -> str:
    syscall(308, os.pidfd_open(1), NEW_MOUNTS)
    return "reached"


for _name, _number, _arguments in (
    ("mount", 165, (b"/nowhere", b"/nowhere", b"", 4096, 0)),
    ("umount", 166, (b"/nowhere", 2)),
    ("open_tree", 428, (-100, b"/", 1)),
    ("move_mount", 429, (-100, b"/nowhere", -100, b"/nowhere", 0)),
    ("fsopen", 430, (b"tmpfs", 0)),
    ("fspick", 433, (-100, b"/", 0)),
    ("fsmount", 432, (0, 0, 0)),
    ("mount_setattr", 442, (-100, b"/", 0, 0, 0)),
    ("chroot", 161, (b"/nowhere",)),
    ("pivot_root", 155, (b"/nowhere", b"/nowhere")),
    ("acct", 163, (b"/nowhere",)),
    ("userfaultfd", 323, (0,)),
    ("keyctl", 250, (0, -3, 0)),
):

    def _register(number: int, arguments: tuple[object, ...], name: str) -> None:
        def call(s: Stage) -> str:
            return raising(in_child(lambda: syscall(number, *arguments)))

        call.__name__ = f"the_call_{name}"
        attack("EPERM", control=False)(call)

    _register(_number, _arguments, _name)


@attack("EPERM EACCES", control=False)
def another_processes_memory_by_ptrace(s: Stage) -> str:
    if libc.ptrace(16, s.supervisor, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return "reached"


@attack("EPERM", control=False)
def another_processes_memory_by_process_vm_readv(s: Stage) -> str:
    buffer = ctypes.create_string_buffer(8)
    here = struct.pack("<QQ", ctypes.addressof(buffer), 8)
    there = struct.pack("<QQ", 0x400000, 8)
    syscall(310, s.supervisor, here, 1, there, 1, 0)
    return "reached"


@attack("EPERM", control=False)
def another_processes_memory_by_process_vm_writev(s: Stage) -> str:
    buffer = ctypes.create_string_buffer(8)
    syscall(311, s.supervisor, struct.pack("<QQ", ctypes.addressof(buffer), 8), 1, struct.pack("<QQ", 0x400000, 8), 1, 0)
    return "reached"


@attack("EPERM")
def a_descriptor_of_the_supervisor(s: Stage) -> str:
    syscall(438, os.pidfd_open(s.supervisor), 0, 0)
    return "reached"


for _file in ("mem", "environ", "maps", "fd/3", "root/etc/passwd", "oom_score_adj", "cmdline", "stack", "syscall", "io", "task", "auxv", "map_files"):

    def _register_file(file: str) -> None:
        def read(s: Stage) -> str:
            place = Path(f"/proc/{s.supervisor}/{file}")
            if file in ("task", "map_files"):
                place = next(place.iterdir()) / "environ" if file == "task" else next(place.iterdir())
            os.close(os.open(place, os.O_WRONLY if file == "oom_score_adj" else os.O_RDONLY))
            return "reached"

        read.__name__ = f"of_the_supervisor_in_proc_{file.replace('/', '_')}"
        attack("EACCES EPERM", control=file in ("environ", "maps", "oom_score_adj", "cmdline", "io", "auxv"))(read)

    _register_file(_file)

for _signal in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGUSR1):

    def _register_signal(number: signal.Signals) -> None:
        def by_kill(s: Stage) -> str:
            os.kill(s.supervisor, number)
            return "reached"

        by_kill.__name__ = f"{number.name}_to_the_supervisor"
        attack("EPERM", control=False)(by_kill)

    _register_signal(_signal)


@attack("EPERM")
def a_signal_by_tgkill(s: Stage) -> str:
    syscall(234, s.supervisor, s.supervisor, 0)
    return "reached"


@attack("EPERM")
def a_signal_by_pidfd(s: Stage) -> str:
    syscall(424, os.pidfd_open(s.supervisor), 0, 0, 0)
    return "reached"


@attack("EPERM", control=False)
def a_queued_signal(s: Stage) -> str:
    syscall(129, s.supervisor, 19, ctypes.create_string_buffer(struct.pack("<iii", 19, 0, -1), 128))
    return "reached"


@attack("alive", control=False)
def a_signal_to_everybody(s: Stage) -> str:
    """kill(-1) in a session of its own: the supervisor answers afterwards."""
    number = in_child(lambda: (os.setsid(), signal.signal(signal.SIGCONT, signal.SIG_IGN), os.kill(-1, signal.SIGCONT)))
    Path("/etc/hostname").read_bytes()
    os.listdir(s.project)
    (s.project / f"{s.name}.txt").write_bytes(b"x")
    return "alive" if number in (0, errno.EPERM) else str(number)


@attack("alive", control=False)
def a_signal_to_the_process_group(s: Stage) -> str:
    """The supervisor is in the group that it was started in; signals from inside do not reach it."""
    os.kill(0, signal.SIGCONT)
    (s.project / f"{s.name}.txt").write_bytes(b"x")
    return "alive"


@attack("EPERM")
def limits_of_the_supervisor(s: Stage) -> str:
    """No room for another descriptor, and it could hand none over."""
    was = resource.prlimit(s.supervisor, resource.RLIMIT_NOFILE)
    resource.prlimit(s.supervisor, resource.RLIMIT_NOFILE, was)
    return "reached"


@attack("EPERM")
def processors_of_the_supervisor(s: Stage) -> str:
    os.sched_setaffinity(s.supervisor, {0})
    return "reached"


@attack("EPERM")
def schedule_of_the_supervisor(s: Stage) -> str:
    os.sched_setscheduler(s.supervisor, os.SCHED_IDLE, os.sched_param(0))
    return "reached"


@attack("EPERM")
def priority_of_the_supervisor(s: Stage) -> str:
    os.setpriority(os.PRIO_PROCESS, s.supervisor, 19)
    return "reached"


@attack("EPERM", control=False)
def priority_of_all_of_the_account(s: Stage) -> str:
    """With 0 for the account, it means everybody's of the same: not tried with nobody watching, for it would work."""
    before = os.getpriority(os.PRIO_PROCESS, s.supervisor)
    number = in_child(lambda: os.setpriority(os.PRIO_USER, 0, before))
    return raising(number)


@attack("EPERM")
def priority_of_the_process_group(s: Stage) -> str:
    return raising(in_child(lambda: os.setpriority(os.PRIO_PGRP, 0, os.getpriority(os.PRIO_PROCESS, 0))))


@attack("EPERM")
def input_and_output_priority_of_the_supervisor(s: Stage) -> str:
    syscall(251, 1, s.supervisor, 3 << 13)
    return "reached"


@attack("EBUSY", control=False)
def a_second_listener(s: Stage) -> str:
    """It would answer our own questions, with CONTINUE."""
    program = struct.pack("<HBBI", 0x06, 0, 0, 0x7FC0_0000)
    buffer = ctypes.create_string_buffer(program, 8)
    syscall(317, 1, 8, struct.pack("<HxxxxxxQ", 1, ctypes.addressof(buffer)))
    return "reached"


@attack("EACCES", control=False)
def after_a_landlock_of_its_own(s: Stage) -> bytes:
    """A domain more grants nothing that the first one does not."""
    ruleset = syscall(444, struct.pack("<QQQ", 4, 0, 0), 24, 0)
    syscall(445, ruleset, 1, struct.pack("<Qi", 4, os.open("/", os.O_PATH)), 0)
    syscall(446, ruleset, 0)
    return s.secret.read_bytes()


@attack("EPERM", control=False)
def words_typed_into_the_terminal(s: Stage) -> str:
    _, other = os.openpty()
    fcntl.ioctl(other, 0x5412, b"x")
    return "reached"


@attack("EPERM", control=False)
def words_pasted_into_the_console(s: Stage) -> str:
    _, other = os.openpty()
    fcntl.ioctl(other, 0x541C, b"\x03")
    return "reached"


@attack("EPERM EACCES", control=False)
def performance_counters_of_the_supervisor(s: Stage) -> str:
    syscall(298, ctypes.create_string_buffer(struct.pack("<IIQ", 1, 128, 0), 128), s.supervisor, -1, -1, 0)
    return "reached"


@attack("EPERM", control=False)
def memory_of_the_supervisor_moved(s: Stage) -> str:
    syscall(256, s.supervisor, 8, ctypes.create_string_buffer(8), ctypes.create_string_buffer(8))
    return "reached"


@attack("EACCES")
def a_governed_file_run_as_a_program(s: Stage) -> bytes:
    """execve gives contents away to whoever is named in the first line."""
    (s.data / "run").write_bytes(b"#!/bin/cat\n" + b"the-marker-of-an-unsigned-file")
    os.chmod(s.data / "run", 0o700)
    return subprocess.run([s.data / "run"], capture_output=True, check=True).stdout


@attack("EACCES", control=False)
def a_nested_supervision(s: Stage) -> bytes:
    """The one inside cannot give what the one outside does not."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", "cat", s.secret],
        capture_output=True,
        check=False,
        env={**os.environ, "MLSC_HOME": str(s.keys)},
    )
    if done.returncode:
        raise PermissionError(errno.EACCES, done.stderr)
    return done.stdout
