"""Results of a benchmark: one row for each thing that was timed, beside what it is compared with and the budget that it has to keep.

A budget is a ratio to a peer that was timed in the same run, in turn with it; `Row.allowance` is what a budget adds in absolute terms.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One result. ``value`` is in ``unit``; ``peer`` is the peer's value in the same unit; ``allowance`` is added to the peer's share."""

    case: str
    what: str
    value: float
    unit: str
    peer: float | None = None
    budget: float | None = None
    allowance: float = 0.0
    limit: float | None = None
    """A budget in absolute terms, where there is no peer."""

    @property
    def kept(self) -> bool | None:
        """Whether the budget was kept; None where there is none."""
        if self.limit is not None:
            return self.value <= self.limit
        if self.budget is None or self.peer is None:
            return None
        return self.value <= self.budget * self.peer + self.allowance

    @property
    def budget_text(self) -> str:
        """The budget as a person writes it."""
        if self.limit is not None:
            return f"{self.limit:g} {self.unit}"
        if self.budget is None:
            return ""
        return f"{self.budget:g} x" + (f" + {self.allowance:g} {self.unit}" if self.allowance else "")


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| case | what | value | compared with | ratio | budget | kept |", "| --- | --- | ---: | ---: | ---: | --- | --- |"]
    for row in rows:
        peer, ratio = ("", "") if row.peer is None else (f"{_number(row.peer)} {row.unit}", f"{row.value / row.peer:.3f}")
        kept = "" if row.kept is None else "yes" if row.kept else "NO"
        lines.append(f"| {row.case} | {row.what} | {_number(row.value)} {row.unit} | {peer} | {ratio} | {row.budget_text} | {kept} |")
    return "\n".join(lines)


def rows_of_tables(text: str) -> list[dict[str, str]]:
    """The rows of every Markdown table in a text, each as a mapping of its headings: what is kept of a benchmark's output."""
    found: list[dict[str, str]] = []
    heading: list[str] | None = None
    for line in text.splitlines():
        if not (line.startswith("|") and line.endswith("|")):
            heading = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if heading is None:
            heading = cells
        elif not all(set(cell) <= set("-: ") for cell in cells):
            found.append(dict(zip(heading, cells, strict=False)))
    return found


def in_turn(ways: Mapping[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """Run the ways one after the other, ``turns`` times over, and give what each returned."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            taken[name].append(way())
    return taken


def seconds(call: Callable[[], object]) -> float:
    """Wall seconds of a call; what it returns is let go outside of the measurement."""
    gc.collect()
    start = time.perf_counter()
    result = call()
    taken = time.perf_counter() - start
    del result
    return taken


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
