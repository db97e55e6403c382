"""Small notebooks as cells of code, read from a table: what each cell reads and writes is what its literals name, unless it is said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jupyter_mlsc.dataflow import Edges, Execution, ReadAt, WriteAt, from_record, summarize, to_record, trace

SETUP = "import pandas as pd, numpy as np, joblib, json, os\nfrom pathlib import Path\nfrom sklearn.linear_model import LogisticRegression"
BOTH = "a = pd.read_csv('data/a.csv')\nb = pd.read_csv('data/b.csv')"
_READ = re.compile(r"data/(\w+)\.csv")
_WRITTEN = re.compile(r"out/\w+\.\w+")


@dataclass(frozen=True)
class Small:
    """A notebook: its cells after `SETUP`, what each output is made from (letters of data sets; ``?`` where all inputs stand for it)."""

    title: str
    cells: Sequence[str]
    expected: Mapping[str, str]
    reads: Mapping[int, str] = field(default_factory=dict)
    """Cells that read other data sets than their literals name."""
    writes: Mapping[int, Sequence[str]] = field(default_factory=dict)
    failed: frozenset[int] = frozenset()

    def read_in(self, place: int) -> str:
        """The data sets that a cell reads."""
        return self.reads.get(place, "".join(dict.fromkeys(_READ.findall((SETUP, *self.cells)[place]))))

    def read_before(self, place: int) -> set[str]:
        """The data sets that were read when the cell at this place had run."""
        return {letter for each in range(place + 1) for letter in self.read_in(each)}

    def edges(self) -> list[Edges]:
        executions, reads, writes = [], [], []
        for place, cell in enumerate((SETUP, *self.cells)):
            executions.append(Execution(from_record(to_record(summarize(cell))), place in self.failed))
            reads.extend(ReadAt(place, f"data/{letter}.csv") for letter in self.read_in(place))
            writes.extend(WriteAt(place, name) for name in self.writes.get(place, dict.fromkeys(_WRITTEN.findall(cell))))
        return trace(executions, reads, writes)

    def found(self) -> dict[str, str]:
        """The newest edges of each output, written as `expected` is."""
        return {
            edges.write.name.removeprefix("out/").partition(".")[0]: "".join(sorted({each.name[5] for each in edges.reads if each.name.startswith("data/")}))
            + ("" if edges.precise else "?")
            for edges in self.edges()
        }
