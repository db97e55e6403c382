"""Watches what a project's record lies in: ledger, claim files, policy, what this user accepted. By the operating system's word, never by polling."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_mlsc.server.projects import OpenProject

DEBOUNCE = 60
"""Milliseconds in which changes are gathered: an append to the ledger touches several files."""

STEP = 20
"""Milliseconds that nothing must happen for them to be told."""

_LEDGER = ("ledger.db", "ledger.db-wal")


async def watch(project: OpenProject, environ: Mapping[str, str], changed: Callable[[frozenset[str]], None], log: Logger) -> None:
    """Call ``changed`` with what changed, ``ledger``, ``claims`` or ``policy``, until the task is cancelled. Folders that are made later are watched then."""
    from watchfiles import awatch

    from jupyter_mlsc.home import Home

    accepted = Home.find(environ, project=project.root).accepted

    def kind_of(path: str) -> str | None:
        place = Path(path)
        if place.parent == project.root:
            return "policy" if place.name == "mlsc.toml" else "folder" if place.name == ".mlsc" else None
        if place.parent == accepted:
            return "policy"
        if place.parent.name == "claims" or place.name == "claims":
            return "claims"
        return "ledger" if place.name in _LEDGER else None

    try:
        while True:
            folders = [each for each in _folders(project.root, accepted) if os.path.isdir(each)]
            async for found in awatch(
                *folders, watch_filter=lambda change, path: kind_of(path) is not None, debounce=DEBOUNCE, step=STEP, recursive=False, force_polling=False
            ):
                changed(frozenset(kind for _, path in found if (kind := kind_of(path)) is not None and kind != "folder"))
                if [each for each in _folders(project.root, accepted) if os.path.isdir(each)] != folders:
                    break
            else:
                return
    except asyncio.CancelledError:
        raise
    except OSError as err:
        log.warning("mlsc: changes of %s are not shown live, since it cannot be watched: %s; raise the limit of inotify watches", project.root, err)


def _folders(root: Path, accepted: Path) -> tuple[Path, ...]:
    return (root, root / ".mlsc", root / ".mlsc" / "claims", accepted)
