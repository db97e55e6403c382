"""Every library of the table, driven for real under a guard: what nobody signed does not load, what somebody signed loads as ever, writes are seen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from library_cases import CASES, Case
from watched_cells import WatchedCells

from jupyter_mlsc.errors import BlockedArtifactError

UNSEEN = ("unobserved-writes", "changed-in-use", "guard-errors")


@pytest.fixture(params=CASES, ids=[each.id for each in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    for module in found.needs:
        pytest.importorskip(module, reason=f"{module} is not installed: its row of the table is not driven")
    return found


def blocked(error: Any) -> BlockedArtifactError | None:
    """Our error, or the one that a library wrapped in its own."""
    while isinstance(error, BaseException):
        if isinstance(error, BlockedArtifactError):
            return error
        error = error.__cause__ or error.__context__
    return None


def unsigned(cells: WatchedCells, case: Case) -> tuple[str, Any]:
    """A file that nobody signed, put under a governed name by somebody else, and what a plain read of it gives."""
    folder = case.id.replace(" ", "_").replace("/", "_")
    governed = f"data/raw/{folder}/{case.name}"
    with cells.between_cells(f"data/raw/{folder}"):
        aside = Path(f"aside/{folder}/{case.name}")
        aside.parent.mkdir(parents=True)
        names: dict[str, Any] = {"p": str(aside)}
        exec(case.make, names)
        exec(case.read, names)
        Path(governed).parent.mkdir(parents=True)
        (shutil.copytree if aside.is_dir() else shutil.copy)(aside, governed)
    return governed, names["result"]


def test_what_nobody_signed(cells: WatchedCells, case: Case) -> None:
    path, plain = unsigned(cells, case)
    told = len(cells.told)
    result = cells.run(case.read, p=path)
    cell = cells.cell_id
    mode = cells.session.project.policy.mode
    reads = [entry for entry in entries_below(cells, path) if entry["op"] == "read"]
    assert {entry["cell_id"] for entry in reads} == {cell}, "the read stands in the ledger with its cell"
    if mode == "enforce":
        assert blocked(result) is not None, f"read in enforce: {result!r}"
        assert {entry["verdict"] for entry in reads} == {"block"}
        cells.sign(path)
        assert cells.value(case.read, p=path) == plain
        signed = [entry for entry in entries_below(cells, path) if entry["op"] == "read" and entry["cell_id"] == cells.cell_id]
        assert [entry["verdict"] for entry in signed] == ["allow"] * len(signed)
        assert signed
        return
    assert result == plain
    said = [text for text in cells.told[told:] if "unsigned" in text]
    again = cells.value(case.read, p=path)
    assert again == plain
    assert len([text for text in cells.told[told:] if "unsigned" in text]) == len(said)
    assert bool(said) == (mode == "warn")


def test_what_a_cell_writes(cells: WatchedCells, case: Case) -> None:
    if cells.session.project.policy.mode != "enforce":
        pytest.skip("writes are recorded alike in every mode")
    path = f"data/derived/{case.id.replace(' ', '_')}/{case.name}"
    os.makedirs(os.path.dirname(path))
    before = {code: cells.coverage.get(code, 0) for code in UNSEEN}
    cells.value(case.make, p=path)
    (written,) = [entry for entry in entries_below(cells, path) if entry["op"] == "write"]
    assert (written["path"], written["cell_id"], written["verdict"]) == (path, cells.cell_id, "allow"), "one record, by this cell, with no unknown writer"
    assert {code: cells.coverage.get(code, 0) for code in UNSEEN} == before
    assert cells.value(case.read, p=path) is not None, "a run reads back what it wrote"


def entries_below(cells: WatchedCells, path: str) -> list[dict[str, Any]]:
    """The newest cell's reads and writes of a path, or of files in it."""
    return [entry for entry in cells.entries() if entry.get("path") == path or str(entry.get("path", "")).startswith(path + "/")]
