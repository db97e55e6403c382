"""A notebook's cells as saved, beside what ran."""

from __future__ import annotations

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.story import Change, Execution, Recorded, SavedCell, Step, cell_stories, changed, gone_executions, steps

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


def test_a_cell_that_read_what_changed_is_stale_and_so_are_those_below_it() -> None:
    executions = [ran(A, 1), Execution(B.code, B.id, 2, reads=("data/b.csv",)), ran(C, 3)]
    stories = cell_stories([A, B, C], executions, {"data/b.csv"})
    assert [(cell.state, cell.why) for cell in stories] == [("ran", ()), ("stale", ("data/b.csv changed",)), ("stale", ("b above is stale",))]


def test_the_order_names_cells_by_id_or_by_source_and_code_that_is_gone_by_nothing() -> None:
    executions = [ran(B, 1, with_id=False), Execution("deleted", "d", 2), ran(A, 3)]
    assert steps([A, B], executions) == (Step("b", 1, False), Step(None, 2, False), Step("a", 3, False))


def test_an_input_that_the_run_overwrote_is_looked_at_as_its_output() -> None:
    first, second, other = (Digest("sha256", digit * 64) for digit in "123")
    recorded = [Recorded("data/a.csv", "input", first), Recorded("data/a.csv", "output", second)]
    assert changed(recorded, {"data/a.csv": second}) == ()
    assert changed(recorded, {"data/a.csv": other}) == (Change("data/a.csv", "output", second, other),)
    assert changed(recorded, {}) == ()
