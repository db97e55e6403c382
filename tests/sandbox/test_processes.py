"""Calls that change another process: the tree's own may be changed, and whoever is outside keeps limits, priority and processors."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from jupyter_mlsc.sandbox.decide import CONTINUE, decide_whose, refuse
from jupyter_mlsc.sandbox.tree import Tree
from tests.conftest import Person
from tests.sandbox.inside import inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")

_PRELUDE = """
import ctypes, os, resource, subprocess
libc = ctypes.CDLL(None, use_errno=True)
IOPRIO_SET = {"x86_64": 251, "aarch64": 30}[os.uname().machine]
IDLE = 3 << 13
NICER = max(3, os.getpriority(os.PRIO_PROCESS, 0))  # an ordinary process may only get nicer

def ioprio(which, who):
    if libc.syscall(IOPRIO_SET, which, who, IDLE) < 0:
        raise OSError(ctypes.get_errno(), "ioprio_set")

def all_of(pid):
    return {
        "limits": outcome(lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))),
        "affinity": outcome(lambda: os.sched_setaffinity(pid, os.sched_getaffinity(0))),
        "scheduler": outcome(lambda: os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))),
        "parameters": outcome(lambda: os.sched_setparam(pid, os.sched_param(0))),
        "priority": outcome(lambda: os.setpriority(os.PRIO_PROCESS, pid, NICER)),
        "disk": outcome(lambda: ioprio(1, pid)),
    }
"""
_CALLS = ("limits", "affinity", "scheduler", "parameters", "priority", "disk")


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process outside the tree, of the same user, in a group of its own, without the capabilities that would protect it."""
    code = "import signal; from jupyter_mlsc.sandbox import linux; linux.drop_capabilities(); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_a_process_outside_the_tree_cannot_be_changed(ada: Person, bystander: int) -> None:
    before = os.sched_getscheduler(bystander), os.getpriority(os.PRIO_PROCESS, bystander)
    assert inside(ada, _PRELUDE + "say(all_of(int(where[0])))", str(bystander)) == dict.fromkeys(_CALLS, "EPERM")
    assert (os.sched_getscheduler(bystander), os.getpriority(os.PRIO_PROCESS, bystander)) == before


def test_the_supervisor_cannot_be_changed_by_the_command_that_it_runs(ada: Person) -> None:
    assert inside(ada, _PRELUDE + "say(all_of(os.getppid()))") == dict.fromkeys(_CALLS, "EPERM")


def test_a_program_changes_itself_and_its_children(ada: Person) -> None:
    found = """
    child = subprocess.Popen(["sleep", "300"])
    say([all_of(0), all_of(os.getpid()), all_of(child.pid)])
    child.kill(); child.wait()
    """
    assert inside(ada, _PRELUDE + textwrap.dedent(found)) == [dict.fromkeys(_CALLS, "done")] * 3


def test_groups_that_hold_somebody_else_and_all_of_a_user_are_out_of_reach(ada: Person, bystander: int) -> None:
    found = """
    child = subprocess.Popen(["sleep", "300"], start_new_session=True)
    say({
        "shared with the supervisor": outcome(lambda: os.setpriority(os.PRIO_PGRP, 0, NICER)),
        "somebody else's": outcome(lambda: os.setpriority(os.PRIO_PGRP, int(where[0]), 3)),
        "its own": outcome(lambda: os.setpriority(os.PRIO_PGRP, child.pid, NICER)),
        "everything": outcome(lambda: os.setpriority(os.PRIO_USER, 0, NICER)),
        "everything by number": outcome(lambda: os.setpriority(os.PRIO_USER, os.getuid(), NICER)),
        "disk, shared": outcome(lambda: ioprio(2, 0)),
        "disk, its own": outcome(lambda: ioprio(2, child.pid)),
        "disk, everything": outcome(lambda: ioprio(3, 0)),
        "nobody": outcome(lambda: os.setpriority(os.PRIO_PROCESS, 2 ** 30, NICER)),
    })
    child.kill(); child.wait()
    """
    before = os.getpriority(os.PRIO_PROCESS, bystander)
    assert inside(ada, _PRELUDE + textwrap.dedent(found), str(bystander)) == {
        "shared with the supervisor": "EPERM",
        "somebody else's": "EPERM",
        "its own": "done",
        "everything": "EPERM",
        "everything by number": "EPERM",
        "disk, shared": "EPERM",
        "disk, its own": "done",
        "disk, everything": "EPERM",
        "nobody": "ESRCH",
    }
    assert os.getpriority(os.PRIO_PROCESS, bystander) == before


def test_a_program_that_the_supervisor_runs_for_itself_is_not_of_the_tree() -> None:
    tree = Tree(os.getpid())
    with subprocess.Popen(["sleep", "300"]) as own:
        try:
            assert not tree.contains(own.pid)
            assert own.pid not in set(tree.processes())
        finally:
            own.kill()
    assert not tree.contains(os.getpid())
    assert not tree.contains(1)


def test_what_runs_behind_a_filter_more_is_of_the_tree(ada: Person) -> None:
    found = """
    import subprocess
    child = subprocess.Popen([sys.executable, "-c", "import os, time; os.fork() or os.setsid(); print(flush=True); time.sleep(300)"], stdout=subprocess.PIPE)
    child.stdout.readline()
    own = [each for each in os.listdir("/proc") if each.isdigit() and outcome(lambda: open(f"/proc/{each}/environ").close()) == "done"]
    say([str(os.getpid()) in own, str(child.pid) in own, len(own), str(os.getppid()) in own])
    child.kill()
    """
    assert inside(ada, found) == [True, True, 3, False]


def test_a_call_on_processes_is_carried_out_only_on_the_trees_own() -> None:
    assert decide_whose(own=True) == CONTINUE
    assert decide_whose(own=False) == refuse("outside-process", 1)
