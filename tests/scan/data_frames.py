"""Real frames and edits of them, and what a profile and a comparison say."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas

from jupyter_mlsc import formats
from jupyter_mlsc.profiles import Differences, RowChanges
from jupyter_mlsc.scan.datasets import profiling
from jupyter_mlsc.scan.datasets.looking import Looked, reading_of
from jupyter_mlsc.scan.datasets.questions import Question, Signed

KEY = b"a key for digests of rows"


def looked_at(path: Path, *, label: str | None = None, rows: bool = True, against: Looked | None = None) -> Looked:
    """A profile of a file, or its comparison with one."""
    with path.open("rb") as file:
        reading = reading_of(formats.identify(path.name, file).format)
    assert reading is not None
    signed = None if against is None else Signed(against.facts, bool(against.rows))
    question = Question(reading.family, KEY.hex(), reading.separator, reading.packed, label=label, rows=rows, against=signed)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # In this process: the attacks are tried on the other one, which costs half a second each.
        answer, encoded = profiling.look(question, descriptor, None if against is None else against.rows or None)
    finally:
        os.close(descriptor)
    assert answer.facts is not None
    return Looked(answer.facts, answer.differences, encoded, answer.block)


def compared(signed: Path, present: Path, *, label: str | None = None) -> Differences:
    """How one file differs from another one."""
    found = looked_at(present, against=looked_at(signed, label=label)).differences
    assert found is not None
    return found


def rows_of(spans: Sequence[tuple[int, int]]) -> list[int]:
    """Row numbers, one by one."""
    return [row for first, last in spans for row in range(first, last + 1)]


def changes(found: Differences) -> RowChanges:
    """The changes of rows, which must have been compared."""
    assert found.rows is not None, found.why
    return found.rows


def three_real_data_sets() -> dict[str, pandas.DataFrame]:
    """scikit-learn's iris, wine and breast cancer, as they come, with the class in ``target``."""
    from sklearn import datasets

    loaders: dict[str, Any] = {"iris": datasets.load_iris, "wine": datasets.load_wine, "cancer": datasets.load_breast_cancer}
    return {name: loader(as_frame=True).frame for name, loader in loaders.items()}
