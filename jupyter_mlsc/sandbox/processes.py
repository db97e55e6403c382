"""Answers calls that change another process: its limits, where and when it runs.

Rules kept: all arguments are numbers, so what was asked is what the kernel carries out; whoever is outside the tree is out of reach, as a process,
as a member of a group, and as one of a user's.
"""

from __future__ import annotations

import errno
import os

from jupyter_mlsc.sandbox import caller
from jupyter_mlsc.sandbox.decide import Way, decide_whose
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.resolve import error
from jupyter_mlsc.sandbox.syscalls import OF_A_GROUP, OF_A_PROCESS, Calls
from jupyter_mlsc.sandbox.tree import Tree


class Processes:
    """The handler of prlimit64, sched_*, setpriority and ioprio_set. The filter asks only about those that name somebody else."""

    def __init__(self, calls: Calls, listener: Listener, tree: Tree) -> None:
        self._plain = frozenset(calls.processes.values())
        self._whose = {number: name for name, number in calls.whose.items()}
        self._listener, self._tree = listener, tree

    @property
    def numbers(self) -> tuple[int, ...]:
        """The system calls that are answered here."""
        return (*self._plain, *self._whose)

    def answer(self, question: Notification) -> None:
        """Answer one call. Raises OSError with what the caller gets."""
        answer = decide_whose(own=self._own(question))
        if answer.way is Way.CONTINUE:
            self._listener.proceed(question)
        else:
            self._listener.fail(question, answer.errno)

    def _own(self, question: Notification) -> bool:
        """Whether everybody that the call names belongs to the tree."""
        if question.number in self._plain:
            return self._is_own_process(question.signed(0))
        name, which, who = self._whose[question.number], question.signed(0), question.signed(1)
        if which == OF_A_PROCESS[name]:
            return self._is_own_process(who)
        if which == OF_A_GROUP[name]:
            return self._is_own_group(who or os.getpgid(caller.process_of(question.pid)))
        return False  # a user's processes: this one is among them

    def _is_own_process(self, pid: int) -> bool:
        if pid <= 0 or not os.path.exists(f"/proc/{pid}"):
            raise error(errno.ESRCH)
        return self._tree.contains(pid)

    def _is_own_group(self, group: int) -> bool:
        members = [pid for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()) if _group_of(pid) == group]
        if not members:
            raise error(errno.ESRCH)
        return all(self._tree.contains(pid) for pid in members)


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return -1  # it is gone
