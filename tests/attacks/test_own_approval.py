"""A notebook approves its own bytes, or launders what it downloaded: a run's word never vouches for data, and says what it was made from."""

from __future__ import annotations

import json
import shutil

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_mlsc import predicates
from jupyter_mlsc.errors import BlockedArtifactError
from tests.attacks.forgery import accept, assert_fine, assert_refused, codes, digest_at, plant, provenance, rebound, run_key
from tests.conftest import CSV, Person


def _run_cells(person: Person, *cells: str) -> list[str]:
    """Run cells in a real kernel that this person started in the project; the text that they printed."""
    sources = ["%load_ext jupyter_mlsc", *cells]
    code: list[dict[str, object]] = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None, "source": s} for i, s in enumerate(sources)
    ]
    notebook = nbformat.reads(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(person.root)}})
    client.execute(env=person.environ)
    return ["".join(o.get("text", "") for o in cell.outputs) for cell in notebook.cells[1:]]


def test_a_notebook_that_rewrites_a_data_set_does_not_approve_it(signed_dataset: Person) -> None:
    """Read honestly, poisoned, saved with the run key: the run itself may read it back, nobody else may."""
    printed = _run_cells(
        signed_dataset,
        "df = %mlsc_load data/train.csv",
        "df['y'] = 0\n%mlsc_save df data/train.csv",
        "again = %mlsc_load data/train.csv\nprint(again.y.sum())",
    )
    assert printed[-1] == "0\n"
    assert_refused(signed_dataset, "data/train.csv", "digest-mismatch")
    with pytest.raises(CellExecutionError) as caught:
        _run_cells(signed_dataset, "df = %mlsc_load data/train.csv")
    assert caught.value.ename == "BlockedArtifactError"
    assert "digest-mismatch" in caught.value.evalue
    signed_dataset.write("data/train.csv")
    assert_fine(signed_dataset, "data/train.csv")


def test_a_notebook_cannot_sign_while_the_vouching_key_is_locked(signed_dataset: Person) -> None:
    locked = Person("ada", signed_dataset.home, signed_dataset.root, {"MLSC_KEY_PASSPHRASE": ""})
    signed_dataset.write("data/new.csv", "x\n1\n")
    with pytest.raises(CellExecutionError) as caught:
        _run_cells(locked, "import os\nassert 'MLSC_KEY_PASSPHRASE' not in os.environ", "%mlsc_sign data/new.csv")
    assert caught.value.ename == "KeyUnavailableError"
    assert_refused(signed_dataset, "data/new.csv", "unsigned")


def test_own_output_makes_no_model_verified(ada: Person) -> None:
    """What a run wrote itself it may read back, but what it makes of that is as unverified as what that was made of."""
    ada.write("download.csv")
    run = ada.new_run()
    ada.save(ada.load("download.csv", run), "data/train.csv", run)
    loaded = ada.project.load(ada.root / "data/train.csv", run)
    assert [r.code for r in loaded.verdict.reasons] == ["own-output"]
    assert (loaded.verdict.allowed, loaded.verdict.verified, loaded.verdict.person_signed) == (True, False, False)
    ada.save(loaded.value, "models/m.parquet", run)
    assert codes(ada.verify("models/m.parquet")) == ["inputs-unverified"]
    with pytest.raises(BlockedArtifactError):
        ada.load("models/m.parquet")


def test_a_download_is_not_laundered_through_derived_data(ada: Person) -> None:
    """Two runs: one makes `data/derived` of a download, another one makes a model of that."""
    accept(ada, change=lambda text: text.replace('mode = "enforce"', 'mode = "warn"'))
    ada.write("download.csv")
    first, second = ada.new_run(), ada.new_run()
    ada.save(ada.load("download.csv", first), "data/derived/clean.csv", first)
    assert codes(ada.verify("data/derived/clean.csv")) == ["inputs-unverified"]
    ada.save(ada.load("data/derived/clean.csv", second), "models/m.parquet", second)
    verdict = ada.verify("models/m.parquet")
    assert codes(verdict) == ["inputs-unverified"]
    assert "data/derived/clean.csv" in verdict.reasons[0].message


def test_bytes_keep_their_origin_when_they_are_moved(ada: Person) -> None:
    """A model of unverified inputs copied to a name about which another run of the same bytes said nothing."""
    ada.write("download.csv")
    run = ada.new_run()
    ada.save(ada.load("download.csv", run), "models/m.parquet", run)
    shutil.copy(ada.root / "models/m.parquet", ada.root / "models/other.parquet")
    assert_refused(ada, "models/other.parquet", "other-name", "inputs-unverified")


def test_honest_derived_data_are_verified(signed_dataset: Person) -> None:
    run = signed_dataset.new_run()
    signed_dataset.save(signed_dataset.load("data/train.csv", run), "data/derived/clean.csv", run)
    assert_fine(signed_dataset, "data/derived/clean.csv")


def test_a_run_cannot_vouch_for_what_takes_a_person_whatever_it_says(signed_dataset: Person) -> None:
    """Provenance that lies: made from the signed data, verified, by a key that the policy names for runs."""
    signed_dataset.write("data/poisoned.csv", CSV.replace("1\n", "0\n"))
    honest = ("data/train.csv", digest_at(signed_dataset, "data/train.csv"), predicates.InputBody("allow", verified=True))
    plant(signed_dataset, provenance(signed_dataset, "data/poisoned.csv", run_key(signed_dataset), inputs=[honest]))
    assert_refused(signed_dataset, "data/poisoned.csv", "untrusted-signer")


def test_inputs_that_say_unverified_in_one_place_and_allowed_in_another_are_unverified(signed_dataset: Person) -> None:
    signed_dataset.write("models/m.csv")
    told = ("data/train.csv", digest_at(signed_dataset, "data/train.csv"), predicates.InputBody("allow", verified=False))
    plant(signed_dataset, provenance(signed_dataset, "models/m.csv", run_key(signed_dataset), inputs=[told]))
    assert_refused(signed_dataset, "models/m.csv", "inputs-unverified")


def test_provenance_of_two_projects_at_once_is_not_counted(signed_dataset: Person) -> None:
    signed_dataset.write("models/m.csv", "x\n1\n")
    plant(signed_dataset, provenance(signed_dataset, "models/m.csv", run_key(signed_dataset), project="another-project"))
    verdict = signed_dataset.verify("models/m.csv")
    assert not verdict.allowed
    assert "statement-invalid" in [r.code for r in verdict.reasons]


def test_a_lie_of_one_run_does_not_pass_for_another_runs_own_output(ada: Person) -> None:
    """A statement of the run key that binds the digest which a run wrote to the content tree of other bytes: the run must not read these."""
    run = ada.new_run()
    ada.save(pd.DataFrame({"x": [1, 2, 3]}), "data/made.csv", run)
    assert list(ada.load("data/made.csv", run).x) == [1, 2, 3]
    written = digest_at(ada, "data/made.csv")
    ada.write("data/made.csv", "x\n6\n6\n6\n")
    lie = provenance(ada, "data/made.csv", run_key(ada))
    plant(ada, rebound(lie, written, run_key(ada)))
    with pytest.raises(BlockedArtifactError):
        ada.load("data/made.csv", run)
