"""Driving the cases under a guard: their files under governed names, and what the ledger says of them."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cases import Case
from watched_cells import WatchedCells

from jupyter_mlsc.errors import BlockedArtifactError


def needed(case: Case) -> Case:
    """The case, or a skip that says which library is missing."""
    for module in case.needs:
        pytest.importorskip(module, reason=f"{module} is not installed: its row of the table is not driven")
    return case


def installed(case: Case) -> bool:
    return all(importlib.util.find_spec(module) for module in case.needs)


def ours(error: Any) -> BlockedArtifactError | None:
    """Our error, or the one that a library wrapped in its own."""
    while isinstance(error, BaseException):
        if isinstance(error, BlockedArtifactError):
            return error
        error = error.__cause__ or error.__context__
    return None


@dataclass
class Prepared:
    """The files of all cases that are selected: put under governed names by somebody else, with what plain reads of them give."""

    cells: WatchedCells
    plain: dict[str, Any] = field(default_factory=dict)
    signed: bool = False

    def path(self, case: Case) -> str:
        return f"data/raw/{folder_of(case)}/{case.name}"

    def unsigned(self, case: Case) -> str:
        """The governed path of a case's file."""
        governed = self.path(case)
        if case.id not in self.plain:
            with self.cells.between_cells(f"data/raw/{folder_of(case)}"):
                aside = Path(f"aside/{folder_of(case)}/{case.name}")
                aside.parent.mkdir(parents=True)
                names: dict[str, Any] = {"p": str(aside)}
                exec(case.make, names)
                exec(case.read, names)
                Path(governed).parent.mkdir(parents=True)
                (shutil.copytree if aside.is_dir() else shutil.copy)(aside, governed)
                self.plain[case.id] = names["result"]
        return governed

    def sign(self, cases: Iterable[Case]) -> None:
        """Ada signs them all at once: her key is unlocked once."""
        if not self.signed:
            self.cells.sign(*sorted({self.unsigned(each) for each in cases}))
            self.signed = True


def folder_of(case: Case) -> str:
    return case.id.replace(" ", "_")


def entries_below(cells: WatchedCells, path: str) -> list[dict[str, Any]]:
    """The newest cell's reads and writes of a path, or of files in it."""
    return [entry for entry in cells.entries() if entry.get("path") == path or str(entry.get("path", "")).startswith(path + "/")]


def reads_of(cells: WatchedCells, path: str) -> list[dict[str, Any]]:
    return [entry for entry in entries_below(cells, path) if entry["op"] == "read"]
