"""The seccomp profile that is shipped for containers: the format of the OCI runtime specification, and what it lets pass and holds back."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from jupyter_mlsc.sandbox.filter import CLONE_NEWUSER
from jupyter_mlsc.sandbox.syscalls import calls

PROFILE = Path(__file__).resolve().parents[2] / "docs" / "seccomp-docker.json"
CLONE_FS, CLONE_NEWNS, CLONE_THREAD = 0x200, 0x20000, 0x10000
AF_ALG, AF_VSOCK = 38, 40


class Argument(msgspec.Struct, forbid_unknown_fields=True):
    """config-linux.md, ``syscalls[].args``."""

    index: int
    value: int
    op: Literal["SCMP_CMP_EQ", "SCMP_CMP_LT", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"]
    valueTwo: int = 0  # the specification's spelling

    def fits(self, arguments: tuple[int, ...]) -> bool:
        given = arguments[self.index]
        found = {"EQ": given == self.value, "LT": given < self.value, "GT": given > self.value, "MASKED_EQ": given & self.value == self.valueTwo}
        return found[self.op.removeprefix("SCMP_CMP_")]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """config-linux.md, ``syscalls``. Docker's own additions (``includes``, ``archMap``) are unknown to it: containerd passes them over in silence."""

    names: list[str]
    action: Literal["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]
    errnoRet: int | None = None
    args: list[Argument] = msgspec.field(default_factory=list)


class Profile(msgspec.Struct, forbid_unknown_fields=True):
    """config-linux.md, ``seccomp``."""

    defaultAction: Literal["SCMP_ACT_ERRNO"]
    defaultErrnoRet: int
    syscalls: list[Rule]

    def allows(self, name: str, *arguments: int) -> bool:
        given = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
        fitting = {rule.action for rule in self.syscalls if name in rule.names and all(each.fits(given) for each in rule.args)}
        assert len(fitting) < 2, name  # runtimes differ in which of two contrary rules holds
        return fitting == {"SCMP_ACT_ALLOW"}


@pytest.fixture(scope="module")
def profile() -> Profile:
    return msgspec.json.decode(PROFILE.read_bytes(), type=Profile)


def test_what_the_supervisor_calls_passes(profile: Profile) -> None:
    tables = calls("x86_64")
    needed = [*tables.own, *tables.opens, *tables.names, *tables.umasks, *tables.sockets, *tables.processes, *tables.whose, "seccomp", "ioctl", "prctl", "kill"]
    assert [name for name in needed if not profile.allows(name)] == []
    assert profile.allows("clone", CLONE_THREAD)
    assert profile.allows("unshare", CLONE_FS)
    assert all(profile.allows("socket", family) for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK))


def test_what_a_container_is_there_to_hold_back_is_held_back(profile: Profile) -> None:
    """Capabilities or not: what is refused inside the tree, and what reaches the machine."""
    refused = ["mount", "umount2", "pivot_root", "setns", "chroot", "open_tree", "move_mount", "fsopen", "fsmount", "mount_setattr", "open_by_handle_at"]
    refused += ["io_uring_setup", "io_uring_enter", "userfaultfd", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "init_module", "finit_module"]
    refused += ["kexec_load", "reboot", "swapon", "acct", "settimeofday", "clock_settime", "iopl", "ioperm", "syslog", "clone3", "quotactl"]
    assert [name for name in refused if profile.allows(name)] == []
    assert not profile.allows("clone", CLONE_NEWUSER)
    assert not profile.allows("unshare", CLONE_NEWNS)
    assert not any(profile.allows("socket", family) for family in (AF_ALG, AF_VSOCK))


def test_no_name_is_listed_twice(profile: Profile) -> None:
    unconditional = [name for rule in profile.syscalls if not rule.args for name in rule.names]
    assert len(unconditional) == len(set(unconditional))
