"""Which processes are the supervised tree: descendants of the supervisor that stand behind its filter.

Rules kept: a program that the supervisor runs for itself is a descendant too, and is not of the tree: nothing inside may look at it or change it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from jupyter_mlsc.sandbox import caller

_DEEPEST = 4096


class Tree:
    """The tree below the process ``supervisor``, which is the calling one."""

    def __init__(self, supervisor: int) -> None:
        self._supervisor = supervisor
        self._filters = _filters(supervisor)

    def contains(self, pid: int) -> bool:
        """Whether a process or a thread belongs to the tree. Orphans do: the supervisor adopts them (PR_SET_CHILD_SUBREAPER)."""
        return self._is_below(pid, caller.parent_of)

    def processes(self, near: int = 0) -> Iterator[int]:
        """The processes of the tree: that of the thread ``near`` and those above it first, since who is looked for is often among them."""
        pid = near
        while pid > 1 and self.contains(pid):
            yield pid
            pid = caller.parent_of(pid)
        parents = {int(name): caller.parent_of(int(name)) for name in os.listdir("/proc") if name.isdigit()}
        yield from (pid for pid in parents if self._is_below(pid, lambda each: parents.get(each, 0)))

    def _is_below(self, pid: int, parent_of: Callable[[int], int]) -> bool:
        for _ in range(_DEEPEST):
            parent = parent_of(pid)
            if parent == self._supervisor:
                # Filters are inherited and never taken off: what this process started for itself has none of the tree's.
                return _filters(pid) > self._filters
            if parent <= 1:
                return False
            pid = parent
        return False


def _filters(pid: int) -> int:
    try:
        return int(caller.status_field(pid, "Seccomp_filters"))
    except OSError:
        return 0  # it is gone
