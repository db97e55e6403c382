"""Tripwires: how far a data set may be from its yardstick before somebody is told. Pure: two profiles in, sentences out.

Rules kept: a wire is about the whole and finds no one poisoned row: it is no detector, and says so; what was estimated is used as the estimate that
it is; a column that one side does not have is drift of the schema and trips nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jupyter_mlsc.policy.rules import Tripwires
from jupyter_mlsc.profiles import HISTOGRAM_BARS, Column, DatasetFacts

_SHOWN = 3


def tripped(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> Iterator[tuple[str, str]]:
    """Codes of the reasons table with what is said of each."""
    for code, look in _WIRES.items():
        what = look(wires, signed, present)
        if what:
            yield code, what


def label_shift(signed: DatasetFacts, present: DatasetFacts) -> float | None:
    """Half the sum of how much the share of each class changed, from 0 to 1; None where classes were not counted."""
    before, after = signed.label, present.label
    if before is None or after is None or not before.classes or not after.classes or not signed.rows or not present.rows:
        return None
    was, now = ({each.value: each.rows / facts.rows for each in label.classes} for label, facts in ((before, signed), (after, present)))
    return sum(abs(was.get(each, 0.0) - now.get(each, 0.0)) for each in was.keys() | now.keys()) / 2


def _labels(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> str:
    if wires.label_shift is None or signed.label is None:
        return ""
    shift = label_shift(signed, present)
    if shift is None or shift <= wires.label_shift:
        return ""
    return f"{_share(shift)} of the labels `{signed.label.column}` stand elsewhere than before (more than {_share(wires.label_shift)})"


def _duplicates(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> str:
    if wires.duplicates is None or not signed.rows or not present.rows:
        return ""
    was, now = signed.duplicates / signed.rows, present.duplicates / present.rows
    return "" if now - was <= wires.duplicates else f"{_share(now)} of the rows are equal to an earlier one, {_share(was)} were"


def _schema(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> str:
    if not wires.schema:
        return ""
    was, now = {each.name: each for each in signed.columns}, {each.name: each for each in present.columns}
    said = [f"column `{name}` is gone" for name in was if name not in now] + [f"column `{name}` is new" for name in now if name not in was]
    said += [f"column `{name}` was {was[name].type} and is {now[name].type}" for name in was if name in now and _is_drift(was[name], now[name])]
    if not said and signed.columns_in_all != present.columns_in_all:
        said = [f"{present.columns_in_all:,} columns, there were {signed.columns_in_all:,}"]
    return _listed(said)


def _is_drift(was: Column, now: Column) -> bool:
    """True for another type; a column of text that happens to be empty, or to hold only whole numbers, is of the same one."""
    return was.type != now.type and now.type != "empty" and (was.type, now.type) != ("decimal", "integer")


def _range(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> str:
    if wires.out_of_range is None:
        return ""
    said = []
    for was, now in _pairs(signed, present):
        if was.least is None or was.greatest is None or now.least is None or now.greatest is None:
            continue
        low, high = now.least < was.least, now.greatest > was.greatest
        if (low or high) and (wires.out_of_range == 0 or outside(was, now) > wires.out_of_range):
            said.append(f"column `{was.name}` reaches from {now.least:.6g} to {now.greatest:.6g}, it was {was.least:.6g} to {was.greatest:.6g}")
    return _listed(said)


def outside(was: Column, now: Column) -> float:
    """About which share of the present values lies outside of the signed range: bars of the histogram whose middle does."""
    if was.least is None or was.greatest is None or now.least is None or now.greatest is None or not sum(now.histogram):
        return 0.0
    width = (now.greatest - now.least) / HISTOGRAM_BARS
    middles = [now.least + (i + 0.5) * width for i in range(len(now.histogram))]
    return sum(n for n, middle in zip(now.histogram, middles, strict=True) if not was.least <= middle <= was.greatest) / sum(now.histogram)


def _constant(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> str:
    if wires.near_constant is None:
        return ""
    said = []
    for was, now in _pairs(signed, present):
        before, after = commonest_share(was, signed.rows), commonest_share(now, present.rows)
        if after is not None and after >= wires.near_constant and (before is None or before < wires.near_constant) and present.rows > 1:
            said.append(f"{_share(after)} of column `{now.name}` are one value")
    return _listed(said)


def commonest_share(column: Column, rows: int) -> float | None:
    """The share of the commonest value, with missing ones for a value; None where values were not counted."""
    if not rows or (not column.commonest and not column.nulls):
        return None
    return max(column.commonest, column.nulls) / rows


def _categories(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> str:
    if wires.unseen_categories is None:
        return ""
    said = []
    label = signed.label.column if signed.label is not None else None
    for was, now in _pairs(signed, present):
        if not was.categories or (was.least is not None and was.name != label):
            continue
        known = {each.value for each in was.categories}
        strange = [each for each in now.categories if each.value not in known]
        share = sum(each.rows for each in strange) / max(present.rows, 1)
        if strange and share > wires.unseen_categories:
            said.append(f"column `{was.name}` has values that it never had: {', '.join(f'`{each.value}`' for each in strange[:_SHOWN])}")
        elif not now.categories and now.distinct > len(known):
            said.append(f"column `{was.name}` has {now.distinct:,} different values, it had {len(known):,}")
    return _listed(said)


def _nulls(wires: Tripwires, signed: DatasetFacts, present: DatasetFacts) -> str:
    if wires.nulls is None or not signed.rows or not present.rows:
        return ""
    pairs = [(was.name, was.nulls / signed.rows, now.nulls / present.rows) for was, now in _pairs(signed, present)]
    return _listed([f"{_share(now)} of column `{name}` are missing, {_share(was)} were" for name, was, now in pairs if now - was > (wires.nulls or 0.0)])


_WIRES: dict[str, Callable[[Tripwires, DatasetFacts, DatasetFacts], str]] = {
    "label-shift": _labels,
    "duplicate-rows": _duplicates,
    "schema-drift": _schema,
    "out-of-range": _range,
    "near-constant": _constant,
    "unseen-categories": _categories,
    "missing-values": _nulls,
}
"""The wires by the codes of their reasons, in the order in which they are told."""
CODES = frozenset(_WIRES)


def _pairs(signed: DatasetFacts, present: DatasetFacts) -> Iterator[tuple[Column, Column]]:
    now = {each.name: each for each in present.columns}
    for column in signed.columns:
        if column.name in now:
            yield column, now[column.name]


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"


def _listed(said: list[str]) -> str:
    more = len(said) - _SHOWN
    return "; ".join(said[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
