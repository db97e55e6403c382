"""Where a project is: the nearest folder with a policy, found by names alone. Nothing is read, so that whoever starts something in a project is quick."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_mlsc.errors import UsageError

POLICY_FILE = "mlsc.toml"


def find_root(near: Path) -> Path:
    """The nearest folder with ``mlsc.toml`` at or above a path. Raises UsageError where there is none, and as `enclosing_project` does."""
    root = enclosing_project(near)
    if root is None:
        raise UsageError(f"there is no {POLICY_FILE} at or above {near}, so this is no project", next_step="make one: mlsc init")
    return root


def enclosing_project(near: Path) -> Path | None:
    """The nearest folder with ``mlsc.toml`` at or above a path as it is written, or None. Raises UsageError where a link leads from one project into another.

    A symbolic link belongs to the project that it lies in and not to the one that it leads to: else a link to another project's signed file would
    be judged by that project's policy.
    """
    start = Path(os.path.abspath(near))
    found = [folder for folder in (start, *start.parents) if (folder / POLICY_FILE).is_file()]
    if not found:
        return None
    root = Path(os.path.realpath(found[0]))
    for around in found[1:]:
        if Path(os.path.realpath(around)) / found[0].relative_to(around) != root:
            raise UsageError(
                f"{near} leads out of the project {around} into the project {root}", next_step="name it by its own path, in the project that is meant"
            )
    return root
