"""Row numbers as runs: what is told of many rows in few numbers."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_mlsc.profiles import Spans


def row_spans(rows: Iterable[int]) -> Spans:
    """Rows that are counted from 0 as runs of rows that are counted from 1."""
    return merged((row + 1, row + 1) for row in sorted(rows))


def merged(runs: Iterable[tuple[int, int]]) -> Spans:
    """Runs that follow on each other, put together."""
    found: list[tuple[int, int]] = []
    for first, last in runs:
        if found and found[-1][1] + 1 == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return tuple(found)
