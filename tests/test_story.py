"""A notebook's cells as saved, beside what ran."""

from __future__ import annotations

from jupyter_mlsc.story import Execution, SavedCell, cell_stories, gone_executions

A, B, C = (SavedCell(name, f"code {name}") for name in "abc")


def ran(cell: SavedCell, count: int, code: str | None = None, *, with_id: bool = True) -> Execution:
    return Execution(code or cell.code, cell.id if with_id else None, count)


def states(*executions: Execution) -> list[str]:
    return [cell.state for cell in cell_stories([A, B, C], executions)]


def test_cells_that_ran_in_order_are_as_saved() -> None:
    assert states(ran(A, 1), ran(B, 2), ran(C, 3)) == ["ran", "ran", "ran"]
    assert states(*(ran(cell, n, with_id=False) for n, cell in enumerate((A, B, C)))) == ["ran", "ran", "ran"]


def test_an_edited_cell_and_those_below_it_are_named() -> None:
    assert states(ran(A, 1), ran(B, 2, "other code"), ran(C, 3)) == ["ran", "edited", "stale"]


def test_a_cell_that_ran_again_makes_those_below_it_stale() -> None:
    assert states(ran(A, 1), ran(B, 2), ran(C, 3), ran(A, 4)) == ["ran", "stale", "stale"]
    assert states(ran(A, 1), ran(B, 2), ran(C, 3), ran(A, 4), ran(B, 5), ran(C, 6)) == ["ran", "ran", "ran"]


def test_a_cell_that_never_ran_is_told_from_one_that_nobody_watched() -> None:
    assert states(ran(A, 1), ran(C, 2)) == ["ran", "never-run", "ran"]
    assert states(ran(B, 2), ran(C, 3)) == ["unseen", "ran", "ran"]
    assert states() == ["never-run", "never-run", "never-run"]


def test_the_last_execution_of_a_cell_counts() -> None:
    assert states(ran(A, 1, "draft"), ran(A, 2), ran(B, 3), ran(C, 4)) == ["ran", "ran", "ran"]
    assert states(ran(A, 1), ran(B, 2), ran(C, 3), ran(B, 4, "later draft")) == ["ran", "edited", "stale"]


def test_code_that_ran_and_is_gone_is_named_by_its_count() -> None:
    deleted = Execution("deleted code", "d", 2)
    assert gone_executions([A, B], [ran(A, 1), deleted, ran(B, 3)]) == (2,)
    assert gone_executions([A, B], [ran(A, 1), ran(B, 2, "edited")]) == ()
