"""``make bench``: every benchmark in quick sizes, one table each; the rows are kept as JSON in ``benchmarks/results/``.

    python -m benchmarks [--full] [--only NAME[,NAME...]]

``--full`` takes the sizes of the budgets (some minutes, several GB of disk). A budget that is not kept is shown, not an error: what a
machine does besides is in every number. Ratios are of things that were timed in turn, in one run.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from benchmarks.report import rows_of_tables

RESULTS = Path(__file__).resolve().parent / "results"

BENCHMARKS: dict[str, tuple[list[str], list[str]]] = {
    "digests": (
        ["--size", "256MiB", "--shards", "4x64MiB", "--files", "2000", "--runs", "3"],
        ["--size", "4GiB", "--shards", "12x256MiB", "--files", "20000"],
    ),
    "startup": ([], ["--full"]),
    "loads": ([], ["--full", "--turns", "5"]),
    "guard": ([], []),
    "guarded_formats": (["--rows", "50000", "--turns", "3"], []),
    "many": ([], ["--full"]),
    "supervisor": ([], ["--full"]),
    "ledger": (["--quick"], []),
    "dataflow": ([], []),
    "panel": (["--counts", "10,1000"], []),
    "server": (["--requests", "400", "--turns", "1"], []),
    "graph": (["--edges", "1000,10000"], ["--edges", "1000,10000,100000,1000000"]),
    "scanning": (["--size", "256MiB", "--pickles", "100"], []),
    "profile": (["--size", "50MB"], ["--size", "500MB"]),
}
"""Each benchmark with its arguments in quick sizes and in those of the budgets."""


class _Both(io.TextIOBase):
    """Writes to the terminal and remembers."""

    def __init__(self, shown: TextIO) -> None:
        self._shown = shown
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return self._shown.write(text)

    def flush(self) -> None:
        self._shown.flush()


def run(name: str, *, full: bool) -> None:
    """Run one benchmark and keep its rows."""
    arguments = BENCHMARKS[name][full]
    print(f"\n## {name} {' '.join(arguments)}\n", flush=True)
    start, both = time.perf_counter(), _Both(sys.stdout)
    with contextlib.redirect_stdout(both):
        importlib.import_module(f"benchmarks.{name}").main(arguments)
    document = {
        "benchmark": name,
        "full": full,
        "seconds": round(time.perf_counter() - start, 1),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "rows": rows_of_tables(both.text),
        "output": both.text.splitlines(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}{'-full' if full else ''}.json").write_text(json.dumps(document, indent=2) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="the sizes of the budgets")
    parser.add_argument("--only", default=",".join(BENCHMARKS), help=f"some of {','.join(BENCHMARKS)}")
    options = parser.parse_args(argv)
    names = options.only.split(",")
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}")
    for name in names:
        run(name, full=options.full)
    return 0


if __name__ == "__main__":
    sys.exit(main())
