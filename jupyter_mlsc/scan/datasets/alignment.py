"""Which rows changed, were added, removed or moved: two sequences of row digests against each other.

Rules kept: rows that are equal are matched in their order as far as they can be (unique rows first, as in patience diff), so that an inserted
row changes nothing after it; equal rows out of their order are moved; of what is left, rows that are equal but for the label are paired, then rows
that stand in the same gap, in their order; the rest was added or removed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

import numpy


@dataclass
class Alignment:
    """Pairs (signed row, present row) and single rows, all counted from 0."""

    changed: list[tuple[int, int]] = field(default_factory=list)
    label_only: list[tuple[int, int]] = field(default_factory=list)
    moved: list[tuple[int, int]] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    added: list[int] = field(default_factory=list)


def align(signed: Any, present: Any, signed_features: Any | None = None, present_features: Any | None = None) -> Alignment:
    """Align two sequences of row digests (numpy arrays). The features are digests of the same rows without the label."""
    found = Alignment()
    gaps = _gaps(signed, present)
    old_left = [i for a, b, _, _ in gaps for i in range(a, b)]
    new_left = [j for _, _, c, d in gaps for j in range(c, d)]
    found.moved = _same(signed, present, old_left, new_left)
    gone, come = {i for i, _ in found.moved}, {j for _, j in found.moved}
    left = [([i for i in range(a, b) if i not in gone], [j for j in range(c, d) if j not in come]) for a, b, c, d in gaps]
    left = [(old, new) for old, new in left if old or new]
    if signed_features is not None and present_features is not None:
        pairs = [pair for old, new in left for pair in _same(signed_features, present_features, old, new)]
        gone, come = {i for i, _ in pairs}, {j for _, j in pairs}
        old_rest, new_rest = [i for old, _ in left for i in old if i not in gone], [j for _, new in left for j in new if j not in come]
        pairs += _same(signed_features, present_features, old_rest, new_rest)
        found.label_only = sorted(pairs, key=lambda pair: pair[1])
        gone, come = {i for i, _ in pairs}, {j for _, j in pairs}
        left = [([i for i in old if i not in gone], [j for j in new if j not in come]) for old, new in left]
    for old, new in left:
        both = min(len(old), len(new))
        found.changed += zip(old[:both], new[:both], strict=True)
        found.removed += old[both:]
        found.added += new[both:]
    found.changed = sorted([*found.changed, *found.label_only], key=lambda pair: pair[1])
    return found


def _same(signed: Any, present: Any, old: list[int], new: list[int]) -> list[tuple[int, int]]:
    """Equal rows among the given ones, first with first."""
    if not old or not new:
        return []
    waiting: dict[int, deque[int]] = defaultdict(deque)
    for i, digest in zip(old, signed[old].tolist(), strict=True):
        waiting[digest].append(i)
    pairs = []
    for j, digest in zip(new, present[new].tolist(), strict=True):
        if waiting.get(digest):
            pairs.append((waiting[digest].popleft(), j))
    return pairs


def _gaps(signed: Any, present: Any) -> list[tuple[int, int, int, int]]:
    """The parts between equal rows: [a, b) of the signed and [c, d) of the present ones."""
    first, last = _ends(signed, present, 0, len(signed), 0, len(present))
    a, b, c, d = first, len(signed) - last, first, len(present) - last
    anchors = _anchors(signed[a:b], present[c:d])
    gaps, i, j = [], a, c
    for old, new in [*((a + x, c + y) for x, y in anchors), (b, d)]:
        if (i, j) != (old, new):
            gaps += _inner(signed, present, i, old, j, new)
        i, j = old + 1, new + 1
    return gaps


def _inner(signed: Any, present: Any, a: int, b: int, c: int, d: int) -> list[tuple[int, int, int, int]]:
    """A gap between unique rows without the equal rows in it that stand in order: rows that occur several times."""
    first, last = _ends(signed, present, a, b, c, d)
    a, b, c, d = a + first, b - last, c + first, d - last
    if a == b or c == d:
        return [(a, b, c, d)] if (a, c) != (b, d) else []
    places: dict[int, list[int]] = defaultdict(list)
    for j in range(c, d):
        places[int(present[j])].append(j)
    gaps, i, j = [], a, c
    # The nearest equal row that keeps the order; what it leaves over is found as moved.
    for old in range(a, b):
        known = places.get(int(signed[old]))
        if not known:
            continue
        at = bisect_left(known, j)
        if at == len(known) or known[at] - j > (old - i) + _REACH:
            continue
        new = known[at]
        if (i, j) != (old, new):
            gaps.append((i, old, j, new))
        i, j = old + 1, new + 1
    return [*gaps, (i, b, j, d)] if (i, j) != (b, d) else gaps


_REACH = 64
"""Rows that an equal row may be away to be matched in order."""


def _ends(signed: Any, present: Any, a: int, b: int, c: int, d: int) -> tuple[int, int]:
    """How many rows are equal at the beginning and at the end."""
    most = min(b - a, d - c)
    first = _run(signed[a : a + most] == present[c : c + most])
    most -= first
    last = _run((signed[b - most : b] == present[d - most : d])[::-1]) if most else 0
    return first, last


def _run(equal: Any) -> int:
    different = numpy.flatnonzero(~equal)
    return int(different[0]) if len(different) else len(equal)


def _anchors(signed: Any, present: Any) -> list[tuple[int, int]]:
    """Rows that occur once on each side, in the longest order that they have on both."""
    once_old, at_old = _once(signed)
    once_new, at_new = _once(present)
    _, i, j = numpy.intersect1d(once_old, once_new, assume_unique=True, return_indices=True)
    old, new = at_old[i], at_new[j]
    order = numpy.argsort(old)
    old, new = old[order], new[order]
    if len(new) and bool((numpy.diff(new) > 0).all()):
        return list(zip(old.tolist(), new.tolist(), strict=True))
    return _longest(old.tolist(), new.tolist())


def _once(digests: Any) -> tuple[Any, Any]:
    values, first, counts = numpy.unique(digests, return_index=True, return_counts=True)
    return values[counts == 1], first[counts == 1]


def _longest(old: list[int], new: list[int]) -> list[tuple[int, int]]:
    """The longest increasing subsequence of ``new``."""
    tails: list[int] = []
    tail_at: list[int] = []
    before = [-1] * len(new)
    for at, value in enumerate(new):
        place = bisect_left(tails, value)
        before[at] = tail_at[place - 1] if place else -1
        if place == len(tails):
            tails.append(value)
            tail_at.append(at)
        else:
            tails[place], tail_at[place] = value, at
    chosen = []
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        chosen.append((old[at], new[at]))
        at = before[at]
    return chosen[::-1]
