"""`mlsc run`: where the result goes, what it says, and how it exits."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import notebook, operations, phases, recorded


def outputs(place: Path) -> list[str]:
    cells: list[Any] = nbformat.read(place, 4).cells
    return ["".join(output.get("text", output.get("ename", "")) for output in cell.outputs) for cell in cells]


@pytest.mark.parametrize("kernel", ["python3", pytest.param("python3-supervised", marks=pytest.mark.slow)])
def test_any_kernel_is_run_supervised_and_the_record_names_the_notebook(supervised: Person, kernel: str) -> None:
    place = notebook(supervised, "print(len(open('data/train.csv').read()) > 0)", kernel=kernel)
    source = place.read_text()
    done = supervised.mlsc("run", "work.ipynb", "-o", "out.ipynb")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "✓ ran: work.ipynb · 1 cells · written to out.ipynb\n"
    assert outputs(supervised.root / "out.ipynb") == ["True\n"]
    assert place.read_text() == source
    assert [(entry["notebook"], entry["execution_count"], entry["tier"]) for entry in recorded(supervised)] == [("work.ipynb", 1, "supervised")]


def test_a_failed_cell_ends_the_run_and_the_notebook_shows_it(supervised: Person) -> None:
    place = notebook(supervised, "print('first')", "open('data/unsigned.csv')", "print('never')")
    done = supervised.mlsc("run", "work.ipynb", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["cells"], told["output"]) == (1, False, 2, "work.ipynb")
    assert "Permission denied: 'data/unsigned.csv'" in told["error"]
    assert outputs(place)[:1] == ["first\n"]
    assert outputs(place)[2] == ""
    assert phases(supervised) == ["start", "end"]


def test_a_kernel_that_dies_is_a_failed_cell(supervised: Person) -> None:
    notebook(supervised, "open('data/train.csv').close()", "import os; os._exit(3)")
    done = supervised.mlsc("run", "work.ipynb")
    assert done.returncode == 1
    assert "the kernel died" in done.stderr
    assert phases(supervised) == ["start", "end"]


def test_a_notebook_runs_in_its_own_folder_with_the_nearest_project(supervised: Person) -> None:
    (supervised.root / "deep" / "er").mkdir(parents=True)
    notebook(supervised, "print(open('../../data/train.csv').readline())", name="deep/er/work.ipynb")
    done = supervised.mlsc("run", str(supervised.root / "deep/er/work.ipynb"), cwd=supervised.home)
    assert done.returncode == 0, done.stderr
    assert [entry["notebook"] for entry in recorded(supervised)] == ["deep/er/work.ipynb"]


def test_a_policy_that_is_named_rules_the_run(supervised: Person) -> None:
    lenient = supervised.home / "lenient.toml"
    lenient.write_text((supervised.root / "mlsc.toml").read_text().replace('mode = "enforce"', 'mode = "warn"'))
    assert 'mode = "warn"' in lenient.read_text()
    notebook(supervised, "print(len(open('data/unsigned.csv').read()) > 0)")
    assert supervised.mlsc("run", "work.ipynb", "--policy", str(lenient)).returncode == 0
    assert operations(supervised) == [("read", "data/unsigned.csv", "warn", "supervised")]
    assert supervised.mlsc("run", "work.ipynb").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["missing.ipynb"], 3, "missing.ipynb does not exist"),
        (["data/train.csv"], 3, "data/train.csv is no notebook"),
        (["mlsc.toml"], 3, "mlsc.toml is no notebook"),
        (["work.ipynb", "--kernel", "nonsense"], 2, "there is no kernel 'nonsense' here"),
        (["work.ipynb", "-o", "nowhere/out.ipynb"], 2, "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_run_is_a_sentence(supervised: Person, arguments: list[str], code: int, why: str) -> None:
    notebook(supervised, "1")
    done = supervised.mlsc("run", *arguments)
    assert (done.returncode, why in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_kernel_that_does_not_start_is_failed_supervision(supervised: Person) -> None:
    broken = supervised.home / ".local/share/jupyter/kernels/broken"
    broken.mkdir(parents=True)
    (broken / "kernel.json").write_text(json.dumps({"argv": ["/nowhere/kernel", "{connection_file}"], "display_name": "Broken", "language": "none"}))
    notebook(supervised, "1", kernel="broken")
    done = supervised.mlsc("run", "work.ipynb")
    assert done.returncode == 125
    assert "mlsc: /nowhere/kernel was not found" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kernel_that_dies_before_it_says_a_word_is_started_again(supervised: Person) -> None:
    """As one does whose port was taken between its choice and its start."""
    hasty = supervised.home / ".local/share/jupyter/kernels/hasty"
    hasty.mkdir(parents=True)
    line = f"[ -e died ] || {{ touch died; exit 1; }}; exec {sys.executable} -m ipykernel_launcher -f $0"
    (hasty / "kernel.json").write_text(json.dumps({"argv": ["sh", "-c", line, "{connection_file}"], "display_name": "Hasty", "language": "python"}))
    notebook(supervised, "print('ran')", kernel="hasty")
    done = supervised.mlsc("run", "work.ipynb")
    assert done.returncode == 0, done.stderr
    assert (supervised.root / "died").exists()
    assert outputs(supervised.root / "work.ipynb") == ["ran\n"]
