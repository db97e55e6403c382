"""`mlsc replay` with real kernels: a notebook that trained a model is run again, supervised and guarded, and what comes out is said and stated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import notebook

TRAIN = [
    "import joblib\nimport os\nimport pandas as pd\nfrom sklearn.linear_model import LogisticRegression",
    "frame = pd.read_csv('data/train.csv')",
    "model = LogisticRegression().fit(frame[['x']], frame['y'])",
    "os.makedirs('models', exist_ok=True)\njoblib.dump(model, 'models/churn.joblib')",
]
RANDOM = [
    "import json, os, random",
    "rows = open('data/train.csv').read().splitlines()",
    "os.makedirs('models', exist_ok=True)",
    "json.dump({'rows': len(rows), 'auc': 0.5 + random.random() / 1e6}, open('models/metrics.json', 'w'))",
]


def replayed(person: Person, *arguments: str, name: str = "work.ipynb") -> tuple[int, dict[str, Any]]:
    done = person.mlsc("replay", name, "--json", *arguments)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("how", ["supervised", "guarded"])
def test_a_training_that_was_run_supervised_makes_the_same_model_again(supervised: Person, how: str) -> None:
    notebook(supervised, *TRAIN)
    assert supervised.mlsc("run", "work.ipynb").returncode == 0
    code, told = replayed(supervised, *(["--guarded"] if how == "guarded" else []))
    assert (code, told["ok"], told["result"], told["facts"]["tier"], told["signer"]) == (0, True, "equal", how, "ada-runs")
    assert [(each["name"], each["result"]) for each in told["outputs"]] == [("models/churn.joblib", "equal")]
    shown = supervised.mlsc("verify", "models/churn.joblib")
    assert shown.returncode == 0


@pytest.mark.slow
def test_what_differs_is_named_with_its_difference_and_a_tolerance_lets_it_pass(supervised: Person) -> None:
    notebook(supervised, *RANDOM)
    assert supervised.mlsc("run", "work.ipynb").returncode == 0
    code, told = replayed(supervised)
    (output,) = told["outputs"]
    assert (code, told["result"], output["result"], output["difference"]["where"]) == (1, "differs", "differs", "['auc']")
    assert 0 < output["difference"]["largest"] < 1e-6
    near = supervised.mlsc("replay", "work.ipynb", "--tolerance", "1e-5")
    assert near.returncode == 0, near.stdout + near.stderr
    assert near.stdout.startswith("✓ work.ipynb: the same within 1e-05\n")
    assert "models/metrics.json: the same within 1e-05 · sha256:" in near.stdout


@pytest.mark.slow
def test_a_cell_that_failed_fails_again_and_one_that_had_not_is_told(supervised: Person) -> None:
    cells = [*RANDOM[:3], "open('models/flag.json', 'w').write('{}')", "1 / 0"]
    place = notebook(supervised, *cells)
    assert supervised.mlsc("run", "work.ipynb").returncode == 1
    assert replayed(supervised)[0] == 0
    book = nbformat.read(place, 4)
    book.cells[2].source = "assert not os.environ.get('REPLAYED')\n" + RANDOM[2]
    nbformat.write(book, place)
    assert supervised.mlsc("run", "work.ipynb").returncode == 1
    supervised.more["REPLAYED"] = "yes"
    done = supervised.mlsc("replay", "work.ipynb")
    assert done.returncode == 1
    assert "models/flag.json: was not written" in done.stdout
    assert "failed: " in done.stdout
    assert "AssertionError" in done.stdout


@pytest.mark.slow
def test_a_notebook_that_names_the_project_by_its_absolute_path_cannot_write_to_it_supervised(supervised: Person) -> None:
    absolute = supervised.root / "models" / "absolute.json"
    notebook(supervised, *RANDOM[:3], f"open({str(absolute)!r}, 'w').write('{{}}')")
    assert supervised.mlsc("run", "work.ipynb").returncode == 0
    before = absolute.stat()
    code, told = replayed(supervised)
    assert (code, told["outputs"][0]["result"]) == (1, "missing")
    assert "PermissionError" in told["error"]
    assert (absolute.stat().st_mtime_ns, absolute.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.slow
def test_a_guarded_replay_that_wrote_to_the_project_itself_is_not_stated(supervised: Person) -> None:
    absolute = supervised.root / "models" / "absolute.json"
    notebook(supervised, *RANDOM[:3], f"open({str(absolute)!r}, 'w').write('{{}}')")
    assert supervised.mlsc("run", "work.ipynb").returncode == 0
    done = supervised.mlsc("replay", "work.ipynb", "--guarded")
    assert done.returncode == 3
    assert "files of the project changed while work.ipynb was replayed" in done.stderr
    assert "models/absolute.json" in done.stderr
    assert [entry for entry in json.loads(supervised.mlsc("log", "show", "--json").stdout) if entry["kind"] == "replay"] == []


def test_nobody_replays_from_inside_a_supervised_kernel(supervised: Person) -> None:
    notebook(supervised, *RANDOM)
    assert supervised.mlsc("run", "work.ipynb").returncode == 0
    place = supervised.root / "inside.ipynb"
    asking = "[sys.executable, '-m', 'jupyter_mlsc.cli', 'replay', 'work.ipynb']"
    source = f"import subprocess, sys\nd = subprocess.run({asking}, capture_output=True, text=True)\nprint(d.returncode, d.stderr)"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), place)
    assert supervised.mlsc("run", "inside.ipynb").returncode == 0
    printed = "".join(output.get("text", "") for output in nbformat.read(place, 4).cells[0].outputs)
    assert printed.startswith("3 ")
    assert "mlsc replay is not done inside a supervised tree" in printed
    assert "replay it from a terminal outside" in printed


@pytest.mark.slow
def test_a_replay_that_fails_before_anything_is_on_record_says_why(supervised: Person) -> None:
    notebook(supervised, "import os\nassert not os.environ.get('REPLAYED')", *RANDOM)
    assert supervised.mlsc("run", "work.ipynb").returncode == 0
    supervised.more["REPLAYED"] = "yes"
    done = supervised.mlsc("replay", "work.ipynb")
    assert done.returncode == 3
    assert "nothing is on record of the replay of work.ipynb, which failed: AssertionError" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["work.ipynb"], 3, "no run of work.ipynb is on record"),
        (["missing.ipynb"], 3, "missing.ipynb does not exist"),
        (["data/train.csv"], 3, "is no notebook"),
        (["work.ipynb", "--tolerance", "2"], 2, "2.0 is no tolerance"),
        (["work.ipynb", "--order", "random"], 2, "Invalid value for '--order'"),
    ],
)
def test_what_cannot_be_replayed_is_a_sentence(supervised: Person, arguments: list[str], code: int, why: str) -> None:
    notebook(supervised, "1")
    done = supervised.mlsc("replay", *arguments)
    assert (done.returncode, why in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert Path(supervised.root / "work.ipynb").exists()
