"""Whatever starts kernels through jupyter_client starts supervised ones, with no line in the notebook: four runners, the same record and the same refusal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import KERNEL, notebook, operations, phases

RUNNERS = {
    "jupyter execute": ["-m", "jupyter", "execute", "--inplace", "work.ipynb"],
    "nbconvert": ["-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", "work.ipynb"],
    "papermill": ["-m", "papermill", "work.ipynb", "work.ipynb", "--kernel", KERNEL],
    "mlsc run": ["-m", "jupyter_mlsc.cli", "run", "work.ipynb"],
}
READS_AND_WRITES = (
    "import pandas as pd, pathlib\n"
    "try:\n    pd.read_csv('data/unsigned.csv')\nexcept PermissionError as err:\n    print('refused:', err)\n"
    "pathlib.Path('models').mkdir(exist_ok=True)\n"
    "pathlib.Path('models/rows.json').write_text(str(len(pd.read_csv('data/train.csv'))))"
)


def run(person: Person, runner: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *RUNNERS[runner]]
    return subprocess.run(command, cwd=person.root, env=person.environ, capture_output=True, text=True, check=False, timeout=300)


def printed(place: Path) -> str:
    return "".join(output.get("text", "") for cell in nbformat.read(place, 4).cells for output in cell.get("outputs", []))


@pytest.mark.parametrize("runner", [pytest.param(each, marks=pytest.mark.slow if each in ("jupyter execute", "papermill") else ()) for each in RUNNERS])
def test_a_supervised_notebook_is_refused_what_nobody_signed_and_its_work_is_on_record(supervised: Person, runner: str) -> None:
    place = notebook(supervised, READS_AND_WRITES)
    done = run(supervised, runner)
    assert done.returncode == 0, done.stderr
    assert operations(supervised) == [
        ("read", "data/unsigned.csv", "block", "supervised"),
        ("read", "data/train.csv", "allow", "supervised"),
        ("write", "models/rows.json", "allow", "supervised"),
    ]
    assert phases(supervised) == ["start", "end"]
    shown = printed(place)
    assert "refused: [Errno 13] Permission denied: 'data/unsigned.csv'" in shown
    # And why, at the end of the cell and on the runner's own stderr.
    assert "ask a data-steward to run: mlsc sign data/unsigned.csv" in shown
    assert "[unsigned]" in done.stderr


@pytest.mark.parametrize("runner", [pytest.param(each, marks=pytest.mark.slow if each != "mlsc run" else ()) for each in RUNNERS])
def test_a_runner_fails_where_a_cell_reads_what_nobody_signed(supervised: Person, runner: str) -> None:
    notebook(supervised, "open('data/unsigned.csv').read()")
    done = run(supervised, runner)
    assert done.returncode == 1
    assert "Permission denied: 'data/unsigned.csv'" in done.stderr + done.stdout
