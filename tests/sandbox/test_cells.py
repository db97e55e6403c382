"""Which kernel speaks: where several do, their cells are not one sequence of statements."""

from __future__ import annotations

import os

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.following import LARGEST_CLAIM, Following, claimed_inputs
from jupyter_mlsc.recording import Place
from jupyter_mlsc.sandbox.cells import Cells

DIGEST = Digest("sha256", "1" * 64)
FLOW = {"version": 1, "body": []}


def following() -> Following:
    made = Following()
    made.begin(predicates.CellBody("sha256:" + "0" * 64, "c0", 1), None)
    made.read("data/a.csv", DIGEST)
    made.wrote("models/m.json", None)
    return made


def test_one_kernel_is_alone_until_another_begins_a_cell_and_never_again() -> None:
    cells, place = Cells(), Place(execution_count=1)
    assert not cells.is_alone(1)
    cells.begins(os.getpid(), place)
    cells.begins(os.getpid(), place)
    assert cells.is_alone(os.getpid())
    assert not cells.is_alone(1), "who began no cell ends none"
    cells.begins(1, place)
    assert not cells.is_alone(os.getpid())
    assert not cells.is_alone(1)


def test_a_claim_is_kept_as_it_came_and_dropped_where_it_is_too_large() -> None:
    one = following()
    one.claim(FLOW, failed=True)
    assert [(cell.flow, cell.failed) for cell in one.cells()] == [(FLOW, True)]
    one.claim({"version": 1, "body": "x" * LARGEST_CLAIM}, failed=False)
    assert [(cell.flow, cell.failed) for cell in one.cells()] == [(None, False)]


def test_what_several_kernels_said_is_not_used() -> None:
    one = following()
    one.claim(FLOW, failed=False)
    one.drop_claims()
    assert [cell.flow for cell in one.cells()] == [None]


def test_a_claim_narrows_nothing_that_is_recorded() -> None:
    one = following()
    one.claim(FLOW, failed=False)
    assert one.inputs_of("models/m.json", None) is None


def test_without_any_summary_nothing_is_claimed() -> None:
    assert claimed_inputs(tuple(following().cells())) == {}
