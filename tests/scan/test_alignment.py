"""Which rows changed, were added, removed or moved: random edits of random rows are described exactly."""

from __future__ import annotations

import random
from collections import Counter

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlsc.scan.datasets.alignment import align

EDITS = ("keep", "keep", "keep", "change", "remove", "insert")


def digests(rows: list[int]) -> numpy.ndarray:
    return numpy.array(rows, dtype=numpy.uint64)


@given(st.lists(st.sampled_from(EDITS), max_size=60))
@settings(max_examples=400, deadline=None)
def test_edits_with_an_untouched_row_between_them_are_found_exactly(edits: list[str]) -> None:
    signed: list[int] = []
    present: list[int] = []
    changed, added, removed = [], [], []
    fresh = iter(range(1_000_000, 2_000_000))
    for number, edit in enumerate(edits):
        signed.append(2 * number)
        if edit == "change":
            changed.append((len(signed) - 1, len(present)))
            present.append(next(fresh))
        elif edit == "remove":
            removed.append(len(signed) - 1)
        elif edit == "insert":
            present.append(2 * number)
            added.append(len(present))
            present.append(next(fresh))
        else:
            present.append(2 * number)
        # The row between the edits: without it, a removed and an inserted row are one that changed.
        signed.append(2 * number + 1)
        present.append(2 * number + 1)
    found = align(digests(signed), digests(present))
    assert (found.changed, found.added, found.removed, found.moved) == (changed, added, removed, [])


@given(st.lists(st.integers(0, 9), max_size=40), st.lists(st.integers(0, 9), max_size=40))
@settings(max_examples=400, deadline=None)
def test_whatever_two_sequences_are_every_row_is_accounted_for_once(signed: list[int], present: list[int]) -> None:
    found = align(digests(signed), digests(present))
    pairs = [*found.changed, *found.moved]
    kept_old = [i for i in range(len(signed)) if i not in {i for i, _ in pairs} | set(found.removed)]
    kept_new = [j for j in range(len(present)) if j not in {j for _, j in pairs} | set(found.added)]
    assert len(pairs) == len({i for i, _ in pairs}) == len({j for _, j in pairs})
    # What was matched without a word is equal, and in the same order.
    assert [signed[i] for i in kept_old] == [present[j] for j in kept_new]
    assert all(signed[i] == present[j] for i, j in found.moved)
    # A row is never said to be new while an equal one is said to be gone.
    assert not {signed[i] for i in found.removed} & {present[j] for j in found.added}
    gone, come = Counter(signed), Counter(present)
    assert len(found.changed) + len(found.removed) == sum((gone - come).values())
    assert len(found.changed) + len(found.added) == sum((come - gone).values())


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_rows_in_another_order_are_moved_and_nothing_else(rows: list[int], randomly: random.Random) -> None:
    shuffled = randomly.sample(rows, len(rows))
    found = align(digests(rows), digests(shuffled))
    assert (found.changed, found.added, found.removed) == ([], [], [])
    assert bool(found.moved) == (shuffled != rows)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_row_that_is_equal_but_for_the_label_is_a_label_that_changed(rows: list[tuple[int, bool, bool]]) -> None:
    features = digests([place * 10 + number for place, (number, _, _) in enumerate(rows)])
    signed, present = (digests([int(f) * 2 + row[k] for f, row in zip(features, rows, strict=True)]) for k in (1, 2))
    found = align(signed, present, features, features)
    flipped = [(i, i) for i, (_, was, now) in enumerate(rows) if was != now]
    assert found.label_only == flipped == found.changed


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_row_put_in_among_equal_rows_is_one_row_added(where: str) -> None:
    signed = [7] * 50
    at = {"first": 0, "middle": 25, "last": 50}[where]
    found = align(digests(signed), digests([*signed[:at], 9, *signed[at:]]))
    assert (len(found.added), found.removed) == (1, [])
    assert len(found.changed) == 0


def test_a_hundred_thousand_rows_with_edits_are_found_exactly() -> None:
    rows = numpy.random.default_rng(4).integers(0, 2**63, 100_000, dtype=numpy.uint64)
    present = numpy.delete(rows, [10, 50_000, 99_998])
    present = numpy.insert(present, [5, 70_000], numpy.array([1, 2], dtype=numpy.uint64))
    present[40_000] = 3
    found = align(rows, present)
    assert (found.removed, found.added, [j for _, j in found.changed]) == ([10, 50_000, 99_998], [5, 70_001], [40_000])
