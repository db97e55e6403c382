"""Every library of the table, driven for real in `enforce`: what nobody signed does not load, what somebody signed loads as ever, writes are seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from cases import Case
from library_cases import CASES
from library_driving import Prepared, entries_below, folder_of, installed, needed, ours, reads_of
from watched_cells import WatchedCells

UNSEEN = ("unobserved-writes", "changed-in-use", "guard-errors")

every_case = pytest.mark.parametrize("case", CASES, ids=[each.id for each in CASES])


@pytest.fixture(scope="module")
def cells(project_of_cells: Any) -> Iterator[WatchedCells]:
    with project_of_cells("enforce") as made:
        yield made


@pytest.fixture(scope="module")
def prepared(cells: WatchedCells) -> Prepared:
    return Prepared(cells)


@every_case
def test_what_nobody_signed_does_not_load(cells: WatchedCells, prepared: Prepared, case: Case) -> None:
    path, told = prepared.unsigned(needed(case)), len(cells.told)
    error = cells.run(case.read, p=path)
    assert ours(error) is not None, f"it was read: {error!r}"
    assert {(entry["cell_id"], entry["verdict"]) for entry in reads_of(cells, path)} == {(cells.cell_id, "block")}
    assert cells.told[told:] == [], "the error is enough"


@every_case
def test_what_somebody_signed_loads_as_without_a_guard(cells: WatchedCells, prepared: Prepared, case: Case, request: pytest.FixtureRequest) -> None:
    path = prepared.unsigned(needed(case))
    prepared.sign(each for each in CASES if any(f"[{each.id}]" in item.name for item in request.session.items) and installed(each))
    told = len(cells.told)
    assert cells.value(case.read, p=path) == prepared.plain[case.id]
    assert {(entry["cell_id"], entry["verdict"]) for entry in reads_of(cells, path)} == {(cells.cell_id, "allow")}
    assert cells.told[told:] == []


@every_case
def test_what_a_cell_writes_is_its_own(cells: WatchedCells, case: Case) -> None:
    path = f"data/derived/{folder_of(needed(case))}/{case.name}"
    os.makedirs(os.path.dirname(path))
    before = {code: cells.coverage.get(code, 0) for code in UNSEEN}
    cells.value(case.make, p=path)
    (written,) = [entry for entry in entries_below(cells, path) if entry["op"] == "write"]
    assert (written["path"], written["cell_id"], written["verdict"]) == (path, cells.cell_id, "allow"), "one record, by this cell, with no unknown writer"
    assert {code: cells.coverage.get(code, 0) for code in UNSEEN} == before
    assert cells.value(case.read, p=path) is not None, "a run reads back what it wrote"
