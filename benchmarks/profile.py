"""Profiles of data sets beside reading the same file with polars, in MB of the file for each second.

    python -m benchmarks.profile [--size 100MB] [--turns 3]

A profile is made as `mlsc sign` makes it: by a process of its own, whose start counts. polars reads the whole file into a frame
(``polars.read_csv``, ``polars.read_parquet``), in a process of its own too. 'by processor time' counts that of all cores, which other work on the
machine does not stretch. The most memory that the profiling process took is beside it. 'diff' is the
same pass with a comparison of all rows with the signed digests.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.loads import MB, write_csv, write_parquet
from benchmarks.report import Row, in_turn, seconds, table
from jupyter_mlsc.scan.datasets import process
from jupyter_mlsc.scan.datasets.looking import Asked, Looked, Reading, look

KEY = b"benchmark"
READERS = {"csv": "read_csv", "parquet": "read_parquet"}


def profile(path: Path, family: str, signed: Looked | None = None) -> Looked:
    """A profile of a file, or its comparison with one."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return look(Reading(family), descriptor, Asked(KEY, "word"), None if signed is None else (signed.facts, signed.rows))
    finally:
        os.close(descriptor)
        # It would wait for the next one, so that its start would not count, nor its time before it ends.
        process._kept.end()


def polars(path: Path, family: str) -> None:
    """Read a file whole with polars."""
    subprocess.run([sys.executable, "-c", f"import sys, polars; polars.{READERS[family]}(sys.argv[1])", str(path)], check=True)


def _processor(call: Callable[[], object]) -> float:
    """Processor seconds of the processes that a call starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(path: Path, family: str, turns: int) -> list[Row]:
    """The rows of one file."""
    size = path.stat().st_size / MB
    signed = profile(path, family)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    ways: dict[str, Callable[[], object]] = {
        "profile": lambda: profile(path, family),
        "diff": lambda: profile(path, family, signed),
        "polars": lambda: polars(path, family),
    }
    taken = in_turn({name: functools.partial(seconds, call) for name, call in ways.items()}, turns)
    spent = {name: _processor(call) for name, call in ways.items()}
    best = {name: size / min(each) for name, each in taken.items()}
    case = f"{family} {size:.0f} MB, {signed.facts.rows:,} rows"
    return [
        *(Row(case, f"{name}, by processor time", size / spent[name], "MB/s", size / spent["polars"]) for name in ("profile", "diff")),
        Row(case, "profile", best["profile"], "MB/s", best["polars"]),
        Row(case, "diff", best["diff"], "MB/s", best["polars"]),
        Row(case, "most memory", most, "MB"),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="100MB", help="of each file")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(arguments)
    size = int(options.size.removesuffix("MB")) * MB
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for family, write in (("csv", write_csv), ("parquet", write_parquet)):
            path = Path(folder) / f"data.{family}"
            write(path, size)
            rows += measured(path, family, options.turns)
            path.unlink()
    print(table(rows))


if __name__ == "__main__":
    main()
