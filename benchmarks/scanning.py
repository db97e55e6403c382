"""Scanning beside other scanners: a large torch checkpoint, many small pickles, a large joblib file. Each is started as a person starts it.

    python -m benchmarks.scanning [--size 1GiB] [--pickles 500] [--distributions 300] [--peers ENVIRONMENT]

ENVIRONMENT is one with requirements/scanners.txt; without it the others are left out. Everything is timed in turn, in one run, on a warm page cache, with
compiled byte code as an installer leaves it; the others have no network. Last comes a look at an environment, beside the bare hash of its files.
"""

from __future__ import annotations

import argparse
import base64
import compileall
import hashlib
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.report import Row, table
from benchmarks.scratch import CHECKOUT

TURNS = 15
LONGEST = 300
"""Seconds after which a tool is not waited for."""
MLSC = [str(Path(sys.executable).with_name("mlsc")), "scan"]
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


def _environment(folder: Path, distributions: int) -> Path:
    """An environment with so many scratch distributions of 20 files each, every file in its RECORD."""
    venv.create(folder / "environment", with_pip=False, symlinks=True)
    (packages,) = (folder / "environment" / "lib").glob("python*/site-packages")
    content = b"x = 1\n" * 800
    line = f"sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
    for number in range(distributions):
        name, info = f"scratch_{number}", f"scratch_{number}-1.0.dist-info"
        (packages / name).mkdir()
        (packages / info).mkdir()
        for module in range(20):
            (packages / name / f"m{module}.py").write_bytes(content)
        (packages / info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: scratch-{number}\nVersion: 1.0\nLicense: MIT\n")
        lines = [f"{name}/m{module}.py,{line}" for module in range(20)]
        (packages / info / "RECORD").write_text("\n".join([*lines, f"{info}/METADATA,,", f"{info}/RECORD,,"]) + "\n")
    return folder / "environment"


def _offline(command: list[str]) -> list[str]:
    """The command without a network, where this machine can take it away: what a tool tells its makers, or asks them, is no part of its scan."""
    cut = ["unshare", "--map-root-user", "--net"]
    able = shutil.which("unshare") is not None and subprocess.run([*cut, "true"], capture_output=True, check=False).returncode == 0
    return [*cut, *command] if able else command


def _timed(command: list[str]) -> Callable[[], tuple[float, float] | None]:
    """Runs a command: wall seconds, and processor seconds of all its processes; None where it takes longer than `LONGEST`."""
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1"}

    def once() -> tuple[float, float] | None:
        with tempfile.TemporaryDirectory() as place:  # fickling leaves its findings in the folder where it runs
            return within(place)

    def within(place: str) -> tuple[float, float] | None:
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        # A session of its own, so that what is ended is ended with all that it started.
        with subprocess.Popen(command, cwd=place, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0) as process:
            # `wait` with a time limit looks every 50 ms only.
            limit = threading.Timer(LONGEST, os.killpg, (process.pid, signal.SIGKILL))
            limit.start()
            process.wait()
            limit.cancel()
        if process.returncode == -signal.SIGKILL:
            return None
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.perf_counter() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return once


def _rows(case: str, tools: dict[str, list[str]], peer: str, budget: float | None) -> list[Row]:
    """What each tool took, at best of some turns; a slow one has one turn."""
    ways = {tool: _timed(command) for tool, command in tools.items()}
    best: dict[str, tuple[float, float] | None] = {}
    for turn in range(TURNS):
        for tool, once in ways.items():
            before = best.get(tool)
            if turn and (before is None or before[0] > 3):
                continue
            taken = once()
            best[tool] = taken if before is None or taken is None else (min(before[0], taken[0]), min(before[1], taken[1]))
    ours, theirs = best["mlsc scan"], best.get(peer)
    assert ours is not None
    wall, processor = theirs if theirs is not None else (None, None)
    rows = [Row(case, f"mlsc scan, beside {peer}", ours[0], "s", wall, budget), Row(case, "the same, processor time", ours[1], "s", processor)]
    for tool, taken in best.items():
        if tool in ("mlsc scan", peer):
            continue
        if taken is None:
            rows.append(Row(case, f"{tool}: not done after", LONGEST, "s"))
        else:
            rows += [Row(case, tool, taken[0], "s"), Row(case, f"{tool}, processor time", taken[1], "s")]
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="1GiB")
    parser.add_argument("--pickles", type=int, default=500)
    parser.add_argument("--distributions", type=int, default=300)
    parser.add_argument("--peers", type=Path, default=Path(os.environ["MLSC_SCANNERS"]) if "MLSC_SCANNERS" in os.environ else None)
    given = parser.parse_args(arguments)
    # The process that scans can write nothing, its byte code either.
    compileall.compile_dir(CHECKOUT / "jupyter_mlsc", quiet=1)
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
            tools = {"mlsc scan": [*MLSC, str(path)]}
            if given.peers is not None:
                for tool, command in COMMANDS.items():
                    program = given.peers / "bin" / command[0]
                    if program.exists() and (tool not in ONE_FILE or path.is_file()):
                        tools[tool] = _offline([str(program), *command[1:], str(path)])
            rows += _rows(case, tools, "picklescan", None if case.startswith("joblib") else 1.0)
            if path.is_file():
                path.unlink()
        environment = _environment(folder, given.distributions)
        files = sorted(str(each) for each in environment.rglob("m*.py"))
        hashes = {"mlsc scan": [*MLSC, "--environment", "--prefix", str(environment)], "sha256sum": ["sha256sum", *files]}
        rows += _rows(f"environment, {given.distributions} packages, {len(files):,} files", hashes, "sha256sum", None)
    print(table(rows))


if __name__ == "__main__":
    main()
