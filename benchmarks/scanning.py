"""Scanning beside other scanners: a large torch checkpoint, many small pickles, a large joblib file. Each is started as a person starts it.

    python -m benchmarks.scanning [--size 1GiB] [--pickles 500] [--peers ENVIRONMENT]

ENVIRONMENT is one with requirements/scanners.txt; without it the others are left out. Everything is timed in turn, in one run, on a warm page cache.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Row, table
from benchmarks.scratch import CHECKOUT

TURNS = 5
COMMANDS: dict[str, list[str]] = {
    "picklescan": ["picklescan", "--path"],
    "fickling": ["fickling", "--check-safety"],
    "modelscan": ["modelscan", "--path"],
    "modelaudit": ["modelaudit", "scan"],
}
ONE_FILE = frozenset({"fickling"})
"""Tools that take one file at a time: 500 of them are 500 starts, which nobody would wait for."""


def _checkpoint(folder: Path, size: int) -> Path:
    import torch

    torch.manual_seed(0)
    layers = max(1, size >> 26)
    path = folder / "checkpoint.pt"
    torch.save({f"layer.{number}": torch.rand(1 << 24) for number in range(layers)}, path)
    return path


def _pickles(folder: Path, count: int) -> Path:
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(np.random.default_rng(0).random((50, 3)), np.arange(50) % 2)
    place = folder / "pickles"
    place.mkdir()
    for number in range(count):
        (place / f"{number}.pkl").write_bytes(pickle.dumps({"model": model, "number": number, "values": list(range(200))}))
    return place


def _joblib(folder: Path, size: int) -> Path:
    import joblib
    import numpy as np

    path = folder / "arrays.joblib"
    joblib.dump({"features": np.random.default_rng(0).random(size // 8), "names": [f"n{number}" for number in range(1000)]}, path)
    return path


def _seconds(command: list[str]) -> Callable[[], float]:
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1"}

    def once() -> float:
        begun = time.perf_counter()
        subprocess.run(command, env=environ, capture_output=True, check=False, timeout=600)
        return time.perf_counter() - begun

    return once


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1GiB")
    parser.add_argument("--pickles", type=int, default=500)
    parser.add_argument("--peers", type=Path, default=Path(os.environ["MLSC_SCANNERS"]) if "MLSC_SCANNERS" in os.environ else None)
    given = parser.parse_args()
    size = int(given.size.removesuffix("GiB").removesuffix("MiB")) << (30 if given.size.endswith("GiB") else 20)
    rows = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        cases = {
            f"torch checkpoint, {given.size}": _checkpoint(folder, size),
            f"{given.pickles} small pickles": _pickles(folder, given.pickles),
            "joblib with an array, 200 MB": _joblib(folder, 200_000_000),
        }
        for case, path in cases.items():
            tools = {"mlsc scan": _seconds([sys.executable, "-m", "jupyter_mlsc.cli", "scan", str(path)])}
            if given.peers is not None:
                for tool, command in COMMANDS.items():
                    if tool not in ONE_FILE or path.is_file():
                        tools[tool] = _seconds([str(given.peers / "bin" / command[0]), *command[1:], str(path)])
            best = {tool: float("inf") for tool in tools}
            for turn in range(TURNS):
                for tool, once in tools.items():
                    if turn == 0 or best[tool] < 3:
                        best[tool] = min(best[tool], once())
            fastest = best.get("picklescan")
            budget = 1.0 if not case.startswith("joblib") else None
            rows.append(Row(case, "mlsc scan, beside picklescan", best["mlsc scan"], "s", fastest, budget))
            rows += [Row(case, tool, seconds, "s") for tool, seconds in best.items() if tool not in ("mlsc scan", "picklescan")]
    print(table(rows))


if __name__ == "__main__":
    main()
