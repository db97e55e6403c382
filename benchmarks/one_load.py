"""One process that loads one artifact, plainly or through the gate, once and then twice more, and prints seconds of wall and of CPU of each as JSON.

    python -m benchmarks.one_load plain|mlsc csv|parquet|torch|joblib PATH

The libraries are imported before the clock starts, for both ways alike, and the project is found, as ``%load_ext jupyter_mlsc`` does it
in a notebook. The gate's first load then opens the ledger (SQLAlchemy is imported) and records that a run began: that is in its time.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import seconds

AGAIN = 2


def plain(kind: str, path: Path) -> Callable[[], object]:
    """The library's own call, as anybody would write it."""
    module: Any = importlib.import_module({"csv": "pandas", "parquet": "pandas"}.get(kind, kind))
    read = {"csv": "read_csv", "parquet": "read_parquet"}.get(kind, "load")
    if kind == "parquet":
        importlib.import_module("pyarrow.parquet")
    return lambda: getattr(module, read)(path)


def gated(kind: str, path: Path) -> Callable[[], object]:
    """The same through the gate, as a notebook does it."""
    plain(kind, path)
    from jupyter_mlsc import session

    begun = session.begin(os.environ, Path.cwd(), channel="notebook")
    begun.project.notes  # noqa: B018  # found, as %load_ext has found it
    return lambda: begun.load(path).value


def main() -> None:
    way, kind, path = sys.argv[1:]
    warnings.simplefilter("ignore")
    load = {"plain": plain, "mlsc": gated}[way](kind, Path(path))
    kept: list[object] = []  # as a cell that is run again: the old value is let go when the new one is there

    def timed() -> tuple[float, float]:
        used = time.process_time()
        wall = seconds(lambda: kept.append(load()))
        return wall, time.process_time() - used

    print(json.dumps([timed() for _ in range(1 + AGAIN)]))


if __name__ == "__main__":
    main()
