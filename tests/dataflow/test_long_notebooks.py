"""Notebooks in the style that people write: no edge is missing, few are too many, and the page tells the numbers as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dataflow.counting import count, table
from tests.dataflow.long_notebooks import LONG
from tests.dataflow.small import Small

PAGE = Path(__file__).parents[2] / "docs" / "lineage.md"


@pytest.mark.parametrize("notebook", LONG, ids=lambda each: each.title)
def test_no_edge_that_was_found_by_hand_is_missing(notebook: Small) -> None:
    counted = count(notebook)
    assert counted.right == counted.true
    assert counted.precise == counted.outputs


def test_the_edges_are_far_fewer_than_all_inputs_so_far() -> None:
    counts = [count(each) for each in LONG]
    right, named = sum(each.right for each in counts), sum(each.named for each in counts)
    everything, everything_right = sum(each.everything for each in counts), sum(each.everything_right for each in counts)
    assert right / named > 0.9 > 0.7 > everything_right / everything


def test_the_page_tells_the_numbers_as_they_are() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
