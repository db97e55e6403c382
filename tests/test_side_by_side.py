"""A run of tests comes to its end, and tells every test once, when processes that run them die."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from tests.side_by_side import Survivable

def pytest_xdist_make_scheduler(config, log):
    return Survivable(config, log)
"""
PASSES = "def test_passes():\n    pass\n"
DIES = "import os\n\ndef test_dies():\n    os._exit(1)\n"
AFTER = "\ndef test_after():\n    pass\n"


def _run(folder: Path, files: list[str], workers: int) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    for number, source in enumerate(files):
        (folder / f"test_{number:02}.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder", "-p", "no:schemathesis", str(folder)],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1])},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize(
    ("files", "workers", "expected"),
    [
        pytest.param([*[PASSES] * 9, DIES, *[PASSES] * 3], 2, {"passed": 12, "failed": 1}, id="after files that were done"),
        pytest.param([*[PASSES] * 6, DIES + AFTER], 1, {"passed": 7, "failed": 1}, id="one test is left"),
        pytest.param([DIES, DIES + AFTER, DIES, PASSES], 2, {"passed": 2, "failed": 3}, id="again and again"),
        pytest.param([DIES], 1, {"failed": 1}, id="nothing is left"),
    ],
)
def test_a_run_outlives_its_workers(files: list[str], workers: int, expected: dict[str, int], tmp_path: Path) -> None:
    ran = _run(tmp_path, files, workers)
    closing = ran.stdout.splitlines()[-1]
    assert "=====" in closing, ran.stdout + ran.stderr
    assert {outcome: int(count) for count, outcome in re.findall(r"(\d+) (passed|failed|error)", closing)} == expected
    assert ran.returncode == 1


def test_a_run_ends_when_another_worker_finds_other_tests(tmp_path: Path) -> None:
    dies = "import os, pathlib, pytest\n\n@pytest.mark.parametrize('n', range(1 + pathlib.Path('died').exists()))\ndef test_dies(n):\n"
    ran = _run(tmp_path, [dies + "    pathlib.Path('died').touch()\n    os._exit(1)\n", PASSES], 1)
    assert "gw1 found other tests" in ran.stdout
    assert ran.returncode == 3
