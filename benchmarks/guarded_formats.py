"""What a library's own load and save cost under the guard, for each format: the same cell with the guard off and on, in turn, in one process.

    python -m benchmarks.guarded_formats [--rows N] [--turns N] [--only csv,npy]

A load is of a file that a person signed, and a cell of its own. 'first' has no digest of the file in the cache, 'unchanged' has. A save has new
bytes each time; hashing, signing and recording them at the end of the cell is in its time, and so is flushing the ledger and a claim file to the disk.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Row, in_turn, seconds, table
from benchmarks.scratch import Scratch, scratch
from jupyter_mlsc import session
from jupyter_mlsc.kernel.guard import Guard
from jupyter_mlsc.recording import Place

COLUMNS = 10


@dataclass(frozen=True)
class Case:
    """How people write and read one format; both are code over ``p``, ``frame`` (pandas) and ``array`` (numpy)."""

    suffix: str
    save: str
    load: str


CASES = (
    Case("csv", "frame.to_csv(p, index=False)", "pd.read_csv(p)"),
    Case("parquet", "frame.to_parquet(p)", "pd.read_parquet(p)"),
    Case("feather", "frame.to_feather(p)", "pd.read_feather(p)"),
    Case("arrow", "pl.from_pandas(frame).write_ipc(p)", "pl.read_ipc(p).sum()"),
    Case("npy", "np.save(p, array)", "np.load(p)"),
    Case("npz", "np.savez(p, a=array)", "np.load(p)['a']"),
    Case("pkl", "frame.to_pickle(p)", "pd.read_pickle(p)"),
    Case("joblib", "joblib.dump(array, p)", "joblib.load(p)"),
    Case("pt", "torch.save(torch.from_numpy(array), p)", "torch.load(p)"),
    Case("safetensors", "st.save_file({'a': array}, p)", "st.load_file(p)"),
    Case("h5", "f = h5py.File(p, 'w'); f['a'] = array; f.close()", "f = h5py.File(p); f['a'][:]; f.close()"),
)
IMPORTS = "import joblib, h5py, numpy as np, pandas as pd, polars as pl, torch, safetensors.numpy as st"


def measure(place: Scratch, rows: int, turns: int, only: set[str]) -> list[Row]:
    """Three rows for each format: a first load, a load of the file unchanged, a save."""
    os.chdir(place.root)
    for folder in ("data/derived", "plain"):
        Path(folder).mkdir(parents=True)
    names: dict[str, Any] = {}
    exec(f"{IMPORTS}\narray = np.random.default_rng(1).normal(size=({rows}, {COLUMNS}))\nframe = pd.DataFrame(array, columns=list('abcdefghij'))", names)
    begun = session.begin(place.environ, place.root, channel="notebook")
    guard = Guard(begun)
    count = 0

    def cell(code: str, path: str) -> Callable[[], None]:
        compiled = compile(code, "cell", "exec")

        def run() -> None:
            names["p"] = path
            exec(compiled, names)

        return run

    def fresh() -> None:
        names["array"][0, 0] += 1.0
        names["frame"].iloc[0, 0] += 1.0

    def guarded(run: Callable[[], None]) -> float:
        nonlocal count
        count += 1
        guard.begin()
        try:
            started = time.perf_counter()
            guard.cell_begins()
            begun.place(Place(notebook="n.ipynb", cell_id="c", execution_count=count, code="sha256:" + "0" * 64))
            run()
            guard.cell_ends(None)
            return time.perf_counter() - started
        finally:
            guard.end()

    found = []
    for case in (each for each in CASES if not only or each.suffix in only):
        path, plain, made = f"data/signed.{case.suffix}", f"plain/made.{case.suffix}", f"data/derived/made.{case.suffix}"
        cell(case.save, path)()
        guard.settled(place.root / path)
        place.sign([place.root / path])
        load, save_plain, save_made = cell(case.load, path), cell(case.save, plain), cell(case.save, made)

        def first(load: Callable[[], None] = load, path: str = path) -> float:
            os.utime(path)  # a new time of change: the digest in the cache counts no more
            guard.settled(place.root / path)
            return guarded(load)

        def save(run: Callable[[], None], how: Callable[[Callable[[], None]], float]) -> float:
            fresh()
            return how(run)

        def unchanged(load: Callable[[], None] = load) -> float:
            return guarded(load)

        load()
        ways: dict[str, Callable[[], float]] = {
            "plain": lambda load=load: seconds(load),  # type: ignore[misc]  # bound now, not when it is called
            "first": first,
            "save plain": lambda run=save_plain: save(run, seconds),  # type: ignore[misc]
            "save": lambda run=save_made: save(run, guarded),  # type: ignore[misc]
        }
        taken = {name: min(values) for name, values in in_turn(ways, turns).items()}
        time.sleep(2.1)  # a digest is cached once the file has been left alone for two seconds
        unchanged()
        again = {name: min(values) for name, values in in_turn({"plain": ways["plain"], "unchanged": unchanged}, turns).items()}
        size = f"{case.suffix} {os.path.getsize(path) / 1e6:.0f} MB"
        found.append(Row(size, "load, first, guarded", taken["first"] * 1e3, "ms", taken["plain"] * 1e3))
        found.append(Row(size, "load, unchanged, guarded", again["unchanged"] * 1e3, "ms", again["plain"] * 1e3))
        found.append(Row(size, "save, guarded", taken["save"] * 1e3, "ms", taken["save plain"] * 1e3))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000, help=f"rows of {COLUMNS} numbers in each file (default 200000: 16 MB in binary formats)")
    parser.add_argument("--turns", type=int, default=5, help="how often everything is timed, in turn (default 5)")
    parser.add_argument("--only", default="", help="suffixes, with commas")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary files go (default: the system's folder for them)")
    options = parser.parse_args(argv)
    before = Path.cwd()
    with scratch(options.folder) as place:
        try:
            print(table(measure(place, options.rows, options.turns, set(filter(None, options.only.split(","))))))
        finally:
            os.chdir(before)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
