"""``%load_ext jupyter_mlsc``: takes the passphrase out of the environment, reads the policy once, follows the cells, adds the magics."""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  # what is recorded when the kernel ends needs it, and it cannot be imported any more then
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import session
from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.kernel.asking import passphrase_asker
from jupyter_mlsc.kernel.cells import CellFollower
from jupyter_mlsc.kernel.completion import ASSIGNED, COMPLETED, complete_paths
from jupyter_mlsc.kernel.magics import MlscMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_followers: dict[int, CellFollower] = {}


def load_extension(shell: InteractiveShell) -> None:
    """Begin a run in this kernel. Safe to call twice: ``%reload_ext`` begins a new run."""
    _stop(shell)
    begun = session.begin(os.environ, Path.cwd(), channel="notebook", take_passphrase=True, ask=passphrase_asker(shell))
    follower = CellFollower(shell, begun)
    shell.events.register("pre_run_cell", follower.before_cell)
    shell.events.register("post_run_cell", follower.after_cell)
    _followers[id(shell)] = follower
    atexit.register(follower.end)
    shell.register_magics(MlscMagics(shell, begun))
    for name in COMPLETED:
        shell.set_hook("complete_command", complete_paths, str_key=name)
    shell.set_hook("complete_command", complete_paths, re_key=ASSIGNED)
    if begun.is_supervised:
        from jupyter_mlsc.kernel.supervised import SupervisedCells

        follower.watch(SupervisedCells(begun))
        return
    try:
        begun.tell_notes()
    except UsageError:
        return  # no project here yet: the magics say so when they are used
    from jupyter_mlsc.kernel.guard import Guard  # not needed where a supervisor decides

    follower.watch(Guard(begun))


STAYS = (
    "mlsc: unloaded; files are no longer checked or recorded. What stays until the kernel is restarted: Python's audit hooks, which cannot be taken "
    "back and do nothing now; hooks that wait for imports, likewise; and the %mlsc magics, which go on working."
)


def unload_extension(shell: InteractiveShell) -> None:
    """Take the guard away, stop following cells, and say what stays: IPython has no way to take magics back, nor Python audit hooks."""
    if _stop(shell):
        print(STAYS, file=sys.stderr)


def _stop(shell: InteractiveShell) -> bool:
    follower = _followers.pop(id(shell), None)
    if follower is not None:
        follower.end()
        shell.events.unregister("pre_run_cell", follower.before_cell)
        shell.events.unregister("post_run_cell", follower.after_cell)
    return follower is not None
