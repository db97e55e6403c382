"""Cells under a guard in this very process: what a kernel's cells do, without the price of a kernel for each library."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mlsc import session
from jupyter_mlsc.kernel.guard import Guard
from jupyter_mlsc.recording import Place
from jupyter_mlsc.session import Session
from jupyter_mlsc.verbs.telling import log_document
from tests.conftest import Person


@dataclass
class WatchedCells:
    """One session's cells. `run` is one cell; its names stay for the cells that follow, as in a notebook."""

    person: Person
    session: Session
    guard: Guard
    told: list[str]
    names: dict[str, Any] = field(default_factory=dict)
    _count: int = 0
    _start: int = 0

    def run(self, code: str, **names: Any) -> Any:
        """Run one cell; the value of ``result`` in it, or the error that it raised."""
        self._count += 1
        with self.guard.quiet():
            ledger = self.session.project.books.ledger
            self._start = ledger.size if ledger is not None else 0
        self.names.update(names)
        self.names.pop("result", None)
        self.guard.cell_begins()
        self.session.place(Place(notebook="work.ipynb", cell_id=self.cell_id, execution_count=self._count, code="sha256:" + "0" * 64))
        error: BaseException | None = None
        try:
            exec(compile(code, self.cell_id, "exec"), self.names)
        except BaseException as err:  # noqa: BLE001  # a cell may raise anything; the tests look at it
            error = err
        self.guard.cell_ends(error)
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        return error if error is not None else self.names.get("result")

    def value(self, code: str, **names: Any) -> Any:
        """Run one cell that must not fail."""
        result = self.run(code, **names)
        assert not isinstance(result, BaseException), f"the cell failed: {code}\n{_story(result)}"
        return result

    @property
    def cell_id(self) -> str:
        """The id of the newest cell."""
        return f"cell-{self._count}"

    @contextmanager
    def between_cells(self, *changed: str) -> Iterator[None]:
        """What somebody else does, unseen by the guard; ``changed`` are the paths that the sweep shall not wonder about."""
        with self.guard.quiet():
            yield
            for path in changed:
                self.guard.settled(self.person.root / path)

    def sign(self, *paths: str) -> None:
        with self.guard.quiet():
            self.person.sign(*paths)

    def entries(self) -> list[dict[str, Any]]:
        """What the ledger says of the newest cell, as `mlsc log show --json` tells it."""
        with self.guard.quiet():
            project = self.session.project
            ledger = project.books.ledger
            return [log_document(project, entry) for entry in ledger.entries(start=self._start)] if ledger is not None else []

    @property
    def coverage(self) -> dict[str, int]:
        return self.guard.coverage.counts()


@contextmanager
def watched(person: Person) -> Iterator[WatchedCells]:
    """A guard over this process, in the person's project; taken away at the end."""
    before = Path.cwd()
    environment = dict(os.environ)
    os.environ.update(person.environ)
    os.chdir(person.root)
    told: list[str] = []
    begun = session.begin(dict(person.environ), person.root, channel="notebook")
    begun.tell = told.append
    guard = Guard(begun)
    guard.begin()
    try:
        yield WatchedCells(person, begun, guard, told)
    finally:
        guard.end()
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)


def _story(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
