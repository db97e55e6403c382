"""Every library of the table in the modes that let it go on: told once in `warn`, only recorded in `observe`, and the value is the plain one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cases import Case
from library_cases import CASES
from library_driving import Prepared, needed, reads_of
from watched_cells import WatchedCells


@pytest.fixture(scope="module", params=["warn", "observe"])
def cells(request: pytest.FixtureRequest, project_of_cells: Any) -> Iterator[WatchedCells]:
    with project_of_cells(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def prepared(cells: WatchedCells) -> Prepared:
    return Prepared(cells)


@pytest.mark.parametrize("case", CASES, ids=[each.id for each in CASES])
def test_what_nobody_signed_loads_and_is_on_record(cells: WatchedCells, prepared: Prepared, case: Case) -> None:
    mode = cells.session.project.policy.mode
    path, told = prepared.unsigned(needed(case)), len(cells.told)
    assert cells.value(case.read, p=path) == prepared.plain[case.id]
    verdict = {"warn": "warn", "observe": "allow"}[mode]
    assert {(entry["cell_id"], entry["verdict"]) for entry in reads_of(cells, path)} == {(cells.cell_id, verdict)}
    said = [text for text in cells.told[told:] if "[unsigned]" in text]
    assert bool(said) == (mode == "warn")
    assert cells.value(case.read, p=path) == prepared.plain[case.id]
    assert [text for text in cells.told[told:] if "[unsigned]" in text] == said, "warned once"
