"""Which cell is running: its id, its execution count and the digest of its source, told to the run before the cell's code begins."""

from __future__ import annotations

import atexit
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from IPython import version_info

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.recording import Place

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_mlsc.session import Session


COUNTS_BEFORE = version_info[:2] >= (9, 8)


class Watch(Protocol):
    """Who is told when a cell begins and ends: the guard, or the supervisor."""

    def begin(self) -> None:
        """Switch on."""

    def end(self) -> None:
        """Switch off."""

    def cell_begins(self, place: Place) -> None:
        """A cell is about to run."""

    def cell_ends(self, error: BaseException | None) -> None:
        """A cell has run."""

    def run_ends(self) -> None:
        """No cell follows."""


class CellFollower:
    """Follows IPython's ``pre_run_cell`` event for one session."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._guard: Watch | None = None
        self._running: Any = None
        # Jupyter Server names the notebook here when it starts a kernel; read now, since a cell could change it.
        self._notebook = os.environ.get("JPY_SESSION_NAME")

    def before_cell(self, info: Any) -> None:
        """A cell begins: ``info`` is IPython's ExecutionInfo. What a cell runs in turn, as ``%%capture`` does, belongs to that cell."""
        if self._is_within(info):
            return
        self._running = info
        source = info.raw_cell or ""
        place = Place(
            notebook=self._name(),
            cell_id=getattr(info, "cell_id", None),
            execution_count=self._count(info),
            code="sha256:" + hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest(),
            flow=source,
        )
        if self._guard is not None:
            self._guard.cell_begins(place)
        self._session.place(place)

    def _is_within(self, info: Any) -> bool:
        """Whether a cell that is running runs this: a front end's own cells are numbered."""
        return self._running is not None and info is not self._running and not info.store_history

    def _count(self, info: Any) -> int:
        """The number that this cell shows in the notebook. Since IPython 9.8 the shell counts on before it tells of the cell."""
        counted = 1 if COUNTS_BEFORE and info.store_history else 0
        return int(self._shell.execution_count) - counted

    def after_cell(self, result: Any) -> None:
        """A cell has run: ``result`` is IPython's ExecutionResult."""
        if self._is_within(result.info):
            return
        self._running = None
        error = result.error_in_exec or result.error_before_exec
        if error is not None:
            self._session.cell_failed()
        if self._guard is not None:
            self._guard.cell_ends(error)
        self._session.settle()

    def watch(self, guard: Watch) -> None:
        """Put a guard over the cells that follow."""
        self._guard = guard
        guard.begin()

    def end(self) -> None:
        """The run that this follower told the cells of is over, and with it the guard's watch."""
        atexit.unregister(self.end)
        if self._guard is not None:
            self._guard.run_ends()
            self._guard.end()
            self._guard = None
        self._session.end()

    def _name(self) -> str | None:
        if not self._notebook:
            return None
        if self._session.is_supervised:
            return self._notebook  # the supervisor knows the project's folder
        try:
            root = self._session.project.root
        except MlscError:
            return self._notebook
        path = Path(self._notebook)
        if not path.is_absolute():
            return path.as_posix()
        return Path(os.path.relpath(path, root)).as_posix()
