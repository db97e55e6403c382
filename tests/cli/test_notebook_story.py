"""``mlsc verify NOTEBOOK.ipynb``: its inputs, outputs and cells, from the ledger, and from the claim files in a clone."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlsc.errors import BlockedArtifactError
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
    assert "no run of this notebook is on record" in ran.mlsc("verify", "other.ipynb").stdout


def test_what_is_no_notebook_is_told(ran: Person) -> None:
    ran.write("broken.ipynb", "{}")
    done = ran.mlsc("verify", "broken.ipynb")
    assert done.returncode == 3
    assert "no notebook" in done.stderr


def test_cells_below_a_changed_input_are_stale_and_say_why(ran: Person) -> None:
    before = digest_of(ran, "data/train.csv")
    ran.write("data/train.csv", "x,y\n1,1\n")
    _, document = verified(ran, "work.ipynb")
    (story,) = document["notebooks"]
    assert [(cell["state"], cell["why"]) for cell in story["cells"]] == [("stale", ["data/train.csv changed"]), ("stale", ["c0 above is stale"])]
    assert story["changed"] == [{"path": "data/train.csv", "role": "input", "was": before, "now": digest_of(ran, "data/train.csv")}]
    shown = ran.mlsc("verify", "work.ipynb").stdout
    assert f"read data/train.csv · changed since: {before[:19]}… → {digest_of(ran, 'data/train.csv')[:19]}…" in shown
    assert "stale: c0 (data/train.csv changed), c1 (c0 above is stale)" in shown


def test_an_output_that_is_gone_or_was_changed_is_named(ran: Person) -> None:
    (ran.root / "data/derived/copy.csv").unlink()
    code, document = verified(ran, "work.ipynb")
    assert code == 0
    assert document["notebooks"][0]["missing"] == ["data/derived/copy.csv"]
    assert "→ not there any more" in ran.mlsc("verify", "work.ipynb").stdout


def test_the_order_of_execution_is_told_where_it_is_not_the_notebooks_own(ran: Person) -> None:
    assert "order: from the top to the end" in ran.mlsc("verify", "work.ipynb").stdout
    project, run = ran.project, Run(ran.project.project_id)
    for count, place in enumerate((1, 0, 1), 1):
        run.at(Place("work.ipynb", f"c{place}", count, _code(CELLS[place])))
        project.load(ran.root / "data/train.csv", run)
    run.cell_failed()
    project.end_run(run)
    _, document = verified(ran, "work.ipynb")
    (story,) = document["notebooks"]
    assert not story["in_order"]
    assert [(step["cell"], step["execution_count"], step["failed"]) for step in story["order"]] == [("c1", 1, False), ("c0", 2, False), ("c1", 3, True)]
    shown = ran.mlsc("verify", "work.ipynb").stdout
    assert "order: not the notebook's own: [1] c1, [2] c0, [3] c1" in shown
    assert "failed: [3] c1" in shown


def test_what_a_run_was_refused_is_no_input_of_it(ran: Person) -> None:
    ran.write("data/stranger.csv", "x\n1\n")
    project, run = ran.project, Run(ran.project.project_id)
    run.at(Place("work.ipynb", "c0", 1, _code(CELLS[0])))
    with pytest.raises(BlockedArtifactError):
        project.load(ran.root / "data/stranger.csv", run)
    project.load(ran.root / "data/train.csv", run)
    project.end_run(run)
    code, document = verified(ran, "work.ipynb")
    assert code == 0
    assert document["notebooks"][0]["inputs"] == ["data/train.csv"]
    assert document["notebooks"][0]["refused"] == ["data/stranger.csv"]
    assert "was refused: data/stranger.csv" in ran.mlsc("verify", "work.ipynb").stdout


def test_what_was_not_seen_is_told_also_that_it_is_not_known(ran: Person) -> None:
    assert "not seen: nothing that the watch knows how to count" in ran.mlsc("verify", "work.ipynb").stdout
    project, run = ran.project, Run(ran.project.project_id)
    run.at(Place("work.ipynb", "c0", 1, _code(CELLS[0])))
    project.load(ran.root / "data/train.csv", run)
    shown = ran.mlsc("verify", "work.ipynb").stdout
    assert "not seen: not known, since the run's end is not on record" in shown
    run.coverage = {"subprocesses": 2}
    project.end_run(run)
    assert "not seen: 2 programs and workers started" in ran.mlsc("verify", "work.ipynb").stdout


def test_what_a_review_was_bound_to_and_has_changed_since_is_named(ran: Person) -> None:
    assert ran.mlsc("review", "work.ipynb", "--approve", "--note", "read every cell").returncode == 0
    shown = ran.mlsc("verify", "work.ipynb").stdout
    assert "approved by ada on " in shown
    assert "the notebook and the 2 inputs and outputs that were looked at are the same now" in shown
    was = {name: digest_of(ran, name) for name in ("work.ipynb", "data/train.csv", "data/derived/copy.csv")}
    ran.write("data/train.csv", "x,y\n1,1\n")
    write_notebook(ran.root / "work.ipynb", [*CELLS, "print('more')"])
    (ran.root / "data/derived/copy.csv").unlink()
    _, document = verified(ran, "work.ipynb")
    (review,) = document["notebooks"][0]["reviews"]
    assert (review["decision"], review["by"], review["note"]) == ("approved", "ada", "read every cell")
    now = {name: digest_of(ran, name) for name in ("work.ipynb", "data/train.csv")}
    assert review["changed"] == [
        {"path": "work.ipynb", "role": "notebook", "was": was["work.ipynb"], "now": now["work.ipynb"]},
        {"path": "data/train.csv", "role": "input", "was": was["data/train.csv"], "now": now["data/train.csv"]},
        {"path": "data/derived/copy.csv", "role": "output", "was": was["data/derived/copy.csv"], "now": None},
    ]
    assert "since then the input data/train.csv changed: sha256:" in ran.mlsc("verify", "work.ipynb").stdout


def test_a_review_by_a_key_that_was_revoked_is_not_shown(ran: Person) -> None:
    assert ran.mlsc("review", "work.ipynb", "--approve", "--note", "fine").returncode == 0
    (key,) = [entry.id for entry in ran.project.keys.list() if entry.role == "vouching"]
    assert ran.mlsc("revoke", key, "--why", "stolen").returncode == 0
    _, document = verified(ran, "work.ipynb")
    assert document["notebooks"][0]["reviews"] == []


def digest_of(person: Person, name: str) -> str:
    return "sha256:" + hashlib.sha256((person.root / name).read_bytes()).hexdigest()
