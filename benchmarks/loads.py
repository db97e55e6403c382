"""Loads and saves through the gate beside the library's own calls, of files that a person signed, in a project that enforces its policy.

    python -m benchmarks.loads [--full] [--only csv,torch] [--turns N]

Every load is timed in a new process, plain and gated processes in turn, with the file in the page cache; the best time of each counts.
'first': the digest cache is empty, and opening the ledger and recording the run are in the time; the project was found by ``%load_ext``. 'unchanged': the
same file again in the same process while the first value is kept, beside the same of a plain process. The CPU of all threads says what a first
load costs where other work keeps the cores busy. The plain loads are ``pandas.read_csv(path)``,
``pandas.read_parquet(path)``, ``torch.load(path)`` (its default, ``weights_only=True``) and ``joblib.load(path)``.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Row, in_turn, seconds, table
from benchmarks.scratch import Scratch, scratch

MB = 1_000_000
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """One file: its name, how it is loaded, its size in bytes (of the budget, and quick), and the budget of its first load."""

    name: str
    kind: str
    path: str
    full: int
    quick: int
    budget: float
    write: Callable[[Path, int], None]


def write_csv(path: Path, size: int) -> None:
    """Twelve columns of numbers and a word: one block of rows, over and over."""
    import numpy

    numbers = numpy.random.default_rng(1)
    rows = [",".join([str(i), *(f"{x:.6f}" for x in numbers.normal(size=10)), f"name{i % 97}"]) for i in range(20_000)]
    block = ("\n".join(rows) + "\n").encode()
    with path.open("wb") as file:
        file.write((",".join(["id", *(f"x{i}" for i in range(10)), "word"]) + "\n").encode())
        while file.tell() < size:
            file.write(block)


def write_parquet(path: Path, size: int) -> None:
    """Eight columns of random doubles and two of integers, as pandas writes them."""
    import numpy
    import pandas

    numbers = numpy.random.default_rng(1)
    count = size // 76
    columns: dict[str, Any] = {f"x{i}": numbers.normal(size=count) for i in range(8)}
    columns |= {f"k{i}": numbers.integers(0, 1 << 40, size=count) for i in range(2)}
    pandas.DataFrame(columns).to_parquet(path)


def write_torch(path: Path, size: int) -> None:
    """A state dict of 64 matrices."""
    import torch

    torch.manual_seed(1)
    torch.save({f"layers.{i}.weight": torch.randn(size // 64 // 4 // 1024, 1024) for i in range(64)}, path)


def write_arrays(path: Path, size: int) -> None:
    """A dict of sixteen arrays."""
    import joblib
    import numpy

    numbers = numpy.random.default_rng(1)
    joblib.dump({f"layer{i}": numbers.normal(size=size // 16 // 8) for i in range(16)}, path)


def forest(size: int) -> Any:
    """A random forest of about this size: trees that were fitted once, over and over."""
    import pickle

    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier

    data, target = make_classification(20_000, 20, flip_y=0.2, random_state=1)
    model = RandomForestClassifier(8, random_state=1, n_jobs=1).fit(data, target)
    each = len(pickle.dumps(model)) // 8
    model.estimators_ = [copy.deepcopy(model.estimators_[i % 8]) for i in range(max(8, size // each))]
    return model


def write_forest(path: Path, size: int) -> None:
    import joblib

    joblib.dump(forest(size), path)


CASES = (
    Case("csv", "csv", "data/rows.csv", 500 * MB, 100 * MB, 1.05, write_csv),
    Case("parquet", "parquet", "data/columns.parquet", 500 * MB, 100 * MB, 1.5, write_parquet),
    Case("torch", "torch", "models/weights.pt", 1 << 30, 128 * MIB, 1.7, write_torch),
    Case("joblib arrays", "joblib", "models/arrays.joblib", 200 * MB, 100 * MB, 1.4, write_arrays),
    Case("joblib forest", "joblib", "models/forest.joblib", 200 * MB, 100 * MB, 1.4, write_forest),
)


def measure_case(place: Scratch, case: Case, size: int, turns: int) -> list[Row]:
    """Write and sign the file, then load it in turn by both ways."""
    path = place.root / case.path
    path.parent.mkdir(parents=True, exist_ok=True)
    case.write(path, size)
    place.sign([path])
    time.sleep(2.1)  # the digest cache keeps nothing of a file that changed within the last two seconds
    again: dict[str, list[float]] = {"plain": [], "mlsc": []}
    used: dict[str, list[float]] = {"plain": [], "mlsc": []}

    def run(way: str) -> float:
        if way == "mlsc":
            place.forget_digests()
        (first, cpu), *rest = place.python("-m", "benchmarks.one_load", way, case.kind, str(path))
        again[way].extend(wall for wall, _ in rest)
        used[way].append(cpu)
        return float(first)

    run("plain")  # the first process warms the page cache
    again["plain"].clear()
    first = in_turn({"plain": lambda: run("plain"), "mlsc": lambda: run("mlsc")}, turns)
    shown = f"{case.name} {path.stat().st_size / MB:,.0f} MB"
    path.unlink()
    milliseconds = 1000.0
    return [
        Row(shown, "load, first, CPU of all threads", min(used["mlsc"]) * milliseconds, "ms", min(used["plain"]) * milliseconds),
        Row(shown, "load, first", min(first["mlsc"]) * milliseconds, "ms", min(first["plain"]) * milliseconds, case.budget),
        Row(shown, "load, unchanged", min(again["mlsc"]) * milliseconds, "ms", min(again["plain"]) * milliseconds, 1.02, 2.0),
    ]


def measure_saves(place: Scratch, size: int, turns: int) -> list[Row]:
    """Save a model through the gate, beside joblib alone and joblib with the flush to the disk that a save ends with."""
    import joblib

    from jupyter_mlsc import session

    begun = session.begin(place.environ, place.root, channel="notebook")
    rows = []
    numpy_model = forest(size)
    tiny = forest(0)
    tiny.estimators_ = tiny.estimators_[:1]
    (place.root / "models").mkdir(exist_ok=True)
    for name, model in ((f"joblib forest {size / MB:,.0f} MB", numpy_model), ("joblib forest, one tree", tiny)):
        plain, ours = place.root / "plain.joblib", place.root / "models" / "saved.joblib"

        def dump(model: Any = model, plain: Path = plain) -> None:
            joblib.dump(model, plain)

        def dump_and_flush(model: Any = model, plain: Path = plain) -> None:
            with plain.open("wb") as file:
                joblib.dump(model, file)
                file.flush()
                os.fsync(file.fileno())

        def save(model: Any = model, ours: Path = ours) -> None:
            begun.save(model, ours)

        save()
        ways = {"dump": dump, "flush": dump_and_flush, "mlsc": save}
        taken = in_turn({key: (lambda way=way: seconds(way) * 1000) for key, way in ways.items()}, turns)  # type: ignore[misc]  # a lambda's default
        rows.append(Row(name, "save, beside joblib.dump", min(taken["mlsc"]), "ms", min(taken["dump"])))
        rows.append(Row(name, "save, beside joblib.dump and fsync", min(taken["mlsc"]), "ms", min(taken["flush"])))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table. Returns 0; a budget that is not kept is shown, not an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="the sizes of the budgets (about 4 GB of disk), not quick ones")
    parser.add_argument("--only", default="", help="cases by their first word, with commas between: csv,parquet,torch,joblib,save")
    parser.add_argument("--turns", type=int, default=3, help="processes of each way, in turn (default 3)")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary files go (default: the system's folder for them)")
    options = parser.parse_args(argv)
    only = set(filter(None, options.only.split(",")))
    rows: list[Row] = []
    with scratch(options.folder) as place:
        for case in CASES:
            if not only or case.kind in only:
                rows += measure_case(place, case, case.full if options.full else case.quick, options.turns)
        if not only or "save" in only:
            rows += measure_saves(place, 200 * MB if options.full else 50 * MB, options.turns)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
