"""``mlsc verify NOTEBOOK.ipynb``: its inputs, outputs and cells, from the ledger, and from the claim files in a clone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlsc.recording import Place, Run
from jupyter_mlsc.verbs.notebooks import _code
from tests.conftest import Person

CELLS = ["df = load('data/train.csv')", "save(df, 'data/derived/copy.csv')"]


def write_notebook(path: Path, cells: list[str]) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id=f"c{place}") for place, source in enumerate(cells)])
    nbformat.write(notebook, path)


@pytest.fixture
def ran(signed_dataset: Person) -> Person:
    """Ada's project after a run of ``work.ipynb``: its cells read the signed data set and wrote a derived one."""
    project = signed_dataset.project
    run = Run(project.project_id)
    write_notebook(signed_dataset.root / "work.ipynb", CELLS)
    for place, source in enumerate(CELLS):
        run.at(Place("work.ipynb", f"c{place}", place + 1, _code(source)))
        if place == 0:
            frame = project.load(signed_dataset.root / "data/train.csv", run).value
        else:
            project.save(frame, signed_dataset.root / "data/derived/copy.csv", run)
    project.end_run(run)
    return signed_dataset


def verified(person: Person, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = person.mlsc("verify", "--json", *arguments)
    return done.returncode, json.loads(done.stdout)


def test_a_notebook_is_judged_by_what_its_last_run_read_and_wrote(ran: Person) -> None:
    code, document = verified(ran, "work.ipynb")
    assert (code, document["ok"]) == (0, True)
    assert {a["path"]: a["verdict"] for a in document["artifacts"]} == {"data/train.csv": "allow", "data/derived/copy.csv": "allow"}
    (story,) = document["notebooks"]
    assert story["complete"]
    assert [cell["state"] for cell in story["cells"]] == ["ran", "ran"]


def test_a_changed_input_and_an_edited_cell_are_named(ran: Person) -> None:
    ran.write("data/train.csv", "x,y\n1,1\n")
    write_notebook(ran.root / "work.ipynb", [CELLS[0] + " # edited", CELLS[1]])
    code, document = verified(ran, "work.ipynb")
    assert (code, document["ok"]) == (1, False)
    assert [cell["state"] for cell in document["notebooks"][0]["cells"]] == ["edited", "stale"]


def test_a_clone_knows_the_notebook_from_the_claim_files(ran: Person, person: Callable[..., Person], tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(ran.root, clone, ignore=shutil.ignore_patterns("ledger.db*", ".git"))
    bob = person("bob", root=clone)
    code, document = verified(bob, "--policy", "mlsc.toml", "work.ipynb")
    assert code == 0
    assert {a["path"] for a in document["artifacts"]} == {"data/train.csv", "data/derived/copy.csv"}
    assert not document["notebooks"][0]["complete"]


def test_a_notebook_that_no_run_is_known_of_is_not_vouched_for(ran: Person) -> None:
    write_notebook(ran.root / "other.ipynb", ["print('another notebook')"])
    code, document = verified(ran, "other.ipynb")
    assert (code, document["ok"], document["notebooks"][0]["run"]) == (1, False, None)
    assert "knows no run" in ran.mlsc("verify", "other.ipynb").stdout


def test_what_is_no_notebook_is_told(ran: Person) -> None:
    ran.write("broken.ipynb", "{}")
    done = ran.mlsc("verify", "broken.ipynb")
    assert done.returncode == 3
    assert "no notebook" in done.stderr
