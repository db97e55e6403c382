"""Headless runs are covered when IPython's configuration loads the extension: jupyter execute, nbconvert and papermill, with no line in the notebook."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

from tests.conftest import CSV, Person

CONFIG = 'c.InteractiveShellApp.extensions = ["jupyter_mlsc"]\n'
RUNNERS = {
    "jupyter execute": ["-m", "jupyter", "execute", "work.ipynb"],
    "nbconvert": ["-m", "nbconvert", "--to", "notebook", "--execute", "work.ipynb", "--output", "out.ipynb"],
    "papermill": ["-m", "papermill", "work.ipynb", "out.ipynb", "--kernel", "python3"],
}


@pytest.fixture
def configured(signed_dataset: Person) -> Person:
    """Ada's project, and a profile of IPython that loads the extension for every kernel."""
    profile = signed_dataset.home / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(CONFIG, encoding="utf-8")
    signed_dataset.more["IPYTHONDIR"] = str(profile.parent)
    # A kernel that has not ended by itself within this time is killed, and what it was about to record is not: Jupyter's 5 s are few for a busy machine.
    settings = signed_dataset.home / "jupyter"
    settings.mkdir()
    (settings / "jupyter_config.py").write_text("c.KernelManager.shutdown_wait_time = 120.0\n", encoding="utf-8")
    signed_dataset.more["JUPYTER_CONFIG_DIR"] = str(settings)
    return signed_dataset


def run(person: Person, runner: str, source: str) -> subprocess.CompletedProcess[str]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, person.root / "work.ipynb")
    command = [sys.executable, *RUNNERS[runner]]
    return subprocess.run(command, cwd=person.root, env=person.environ, capture_output=True, text=True, check=False, timeout=300)


def recorded(person: Person) -> list[tuple[str, str]]:
    ledger = person.project.books.ledger
    assert ledger is not None
    return [(entry.kind, entry.subjects[0][0]) for entry in ledger.entries() if entry.kind in ("read", "write")]


@pytest.mark.parametrize("runner", [pytest.param(each, marks=pytest.mark.slow if each != "nbconvert" else ()) for each in RUNNERS])
def test_a_headless_run_is_on_record(configured: Person, runner: str) -> None:
    (configured.root / "models").mkdir()
    source = "import joblib, pandas as pd\njoblib.dump(len(pd.read_csv('data/train.csv')), 'models/count.joblib')"
    done = run(configured, runner, source)
    assert done.returncode == 0, done.stderr
    assert recorded(configured) == [("read", "data/train.csv"), ("write", "models/count.joblib")]


@pytest.mark.parametrize("runner", [pytest.param(each, marks=pytest.mark.slow if each != "papermill" else ()) for each in RUNNERS])
def test_a_headless_run_is_stopped_by_what_nobody_signed(configured: Person, runner: str) -> None:
    configured.write("data/train.csv", CSV + "7,7\n")
    done = run(configured, runner, "import pandas as pd\npd.read_csv('data/train.csv')")
    assert done.returncode != 0
    assert "digest-mismatch" in done.stderr + done.stdout


def test_what_is_written_after_the_last_cell_is_on_record_as_the_runs_own(configured: Person) -> None:
    """A thread that saves in the background, and a program's exit: the run ends when the kernel does, not with its last cell."""
    (configured.root / "models").mkdir()
    source = (
        "import atexit, threading, time, joblib\n"
        "def save(name):\n    joblib.dump([1], f'models/{name}.joblib')\n"
        "def later():\n    time.sleep(1)\n    save('thread')\n"
        "threading.Thread(target=later).start()\natexit.register(save, 'exit')"
    )
    done = run(configured, "nbconvert", source)
    assert done.returncode == 0, done.stderr
    assert sorted(recorded(configured)) == [("write", "models/exit.joblib"), ("write", "models/thread.joblib")]
    assert [configured.verify(f"models/{name}.joblib").allowed for name in ("thread", "exit")] == [True, True]
