"""``%load_ext jupyter_mlsc``: takes the passphrase out of the environment, reads the policy once, follows the cells, adds the magics."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import session
from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.kernel.asking import passphrase_asker
from jupyter_mlsc.kernel.cells import CellFollower
from jupyter_mlsc.kernel.completion import ASSIGNED, COMPLETED, complete_paths
from jupyter_mlsc.kernel.guard import Guard
from jupyter_mlsc.kernel.magics import MlscMagics

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_followers: dict[int, CellFollower] = {}


def load_extension(shell: InteractiveShell) -> None:
    """Begin a run in this kernel. Safe to call twice: ``%reload_ext`` begins a new run."""
    unload_extension(shell)
    begun = session.begin(os.environ, Path.cwd(), channel="notebook", take_passphrase=True, ask=passphrase_asker(shell))
    follower = CellFollower(shell, begun)
    shell.events.register("pre_run_cell", follower.before_cell)
    shell.events.register("post_run_cell", follower.after_cell)
    _followers[id(shell)] = follower
    atexit.register(begun.end)
    shell.register_magics(MlscMagics(shell, begun))
    for name in COMPLETED:
        shell.set_hook("complete_command", complete_paths, str_key=name)
    shell.set_hook("complete_command", complete_paths, re_key=ASSIGNED)
    try:
        begun.tell_notes()
    except UsageError:
        return  # no project here yet: the magics say so when they are used
    follower.watch(Guard(begun))


def unload_extension(shell: InteractiveShell) -> None:
    """Stop following cells. The magics stay registered with IPython, which has no way to take them back; they go on working."""
    follower = _followers.pop(id(shell), None)
    if follower is not None:
        follower.stop_watching()
        follower.end_run()
        shell.events.unregister("pre_run_cell", follower.before_cell)
        shell.events.unregister("post_run_cell", follower.after_cell)
