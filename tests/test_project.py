"""The way of an artifact through the waist: sign, load, save, verify, lineage."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from jupyter_mlsc.errors import ArtifactError, BlockedArtifactError, UsageError
from jupyter_mlsc.recording import Run
from tests.conftest import CSV, Person


def test_a_signed_data_set_loads_as_pandas_gives_it(signed_dataset: Person) -> None:
    frame = signed_dataset.load("data/train.csv")
    pd.testing.assert_frame_equal(frame, pd.read_csv(signed_dataset.root / "data/train.csv"))


def test_an_unsigned_data_set_is_blocked_with_the_next_step(ada: Person) -> None:
    ada.write("data/new.csv")
    with pytest.raises(BlockedArtifactError) as caught:
        ada.load("data/new.csv")
    assert [r.code for r in caught.value.verdict.reasons if r.fails] == ["unsigned"]
    assert "mlsc sign data/new.csv" in str(caught.value)
    assert isinstance(caught.value, PermissionError)


def test_a_model_of_verified_inputs_is_verified_and_names_them(signed_dataset: Person) -> None:
    run = signed_dataset.new_run()
    frame = signed_dataset.load("data/train.csv", run)
    model = LogisticRegression().fit(frame[["x"]], frame["y"])
    saved = signed_dataset.save(model, "models/m.joblib", run)
    assert saved.inputs == ("data/train.csv",)
    verdict = signed_dataset.verify("models/m.joblib")
    assert verdict.verified
    again = signed_dataset.load("models/m.joblib")
    assert (again.predict(frame[["x"]]) == model.predict(frame[["x"]])).all()
    node = signed_dataset.project.lineage(str(signed_dataset.root / "models/m.joblib"), depth=3)
    assert [edge.path for edge, _ in node.inputs] == ["data/train.csv"]
    assert not node.precise


def test_a_model_of_an_unverified_input_is_blocked_for_others(ada: Person) -> None:
    ada.write("notes.csv")
    run = ada.new_run()
    frame = ada.load("notes.csv", run)
    ada.save(LogisticRegression().fit(frame[["x"]], frame["y"]), "models/m.joblib", run)
    with pytest.raises(BlockedArtifactError) as caught:
        ada.load("models/m.joblib")
    assert "inputs-unverified" in [r.code for r in caught.value.verdict.reasons]


def test_a_run_may_read_back_what_it_wrote_and_nobody_else_may(ada: Person) -> None:
    run = Run(ada.project.project_id)
    frame = pd.DataFrame({"x": [1, 2]})
    ada.save(frame, "data/made.csv", run)
    assert ada.load("data/made.csv", run).equals(frame)
    with pytest.raises(BlockedArtifactError):
        ada.load("data/made.csv")


def test_every_load_and_save_stands_in_the_ledger_once(signed_dataset: Person) -> None:
    run = signed_dataset.new_run()
    project = signed_dataset.project
    for _ in range(3):
        project.load(signed_dataset.root / "data/train.csv", run)
    assert [e.kind for e in project.books.ledger.entries()] == ["signature", "oms-signature", "profile", "run", "read"]  # type: ignore[union-attr]


def test_verify_without_paths_judges_all_that_is_governed(signed_dataset: Person) -> None:
    signed_dataset.write("data/other.csv", CSV + "7,7\n")
    signed_dataset.write("README.txt", "hello\n")
    verdicts = signed_dataset.project.verify([])
    assert {v.path: v.allowed for v in verdicts} == {"data/other.csv": False, "data/train.csv": True}


def test_verify_without_paths_leaves_out_only_the_projects_own_folders(signed_dataset: Person) -> None:
    for folder in (".git", ".mlsc"):
        signed_dataset.write(f"data/{folder}/x.csv")
    signed_dataset.write(".git/x.csv")
    found = {verdict.path: str(verdict.decision) for verdict in signed_dataset.project.verify([])}
    assert found == {"data/train.csv": "allow", "data/.git/x.csv": "block", "data/.mlsc/x.csv": "block"}


@pytest.mark.parametrize("path", ["mlsc.toml", ".mlsc/ledger.db", ".mlsc/claims/x.jsonl", ".git/config", "data/../mlsc.toml", "alias"])
def test_nothing_is_saved_over_the_policy_or_the_record(signed_dataset: Person, path: str) -> None:
    (signed_dataset.root / "alias").symlink_to("mlsc.toml")
    project = signed_dataset.project
    ledger = project.books.ledger
    assert ledger is not None
    # Not the ledger's file by its bytes: SQLite writes its log into it whenever the last who had it open lets it go.
    before = (signed_dataset.root / "mlsc.toml").read_bytes(), ledger.checkpoint().note
    with pytest.raises(UsageError, match="no artifact of this project"):
        project.save("x", signed_dataset.root / path, signed_dataset.new_run(), format_name="text")
    assert ((signed_dataset.root / "mlsc.toml").read_bytes(), ledger.checkpoint().note) == before


def test_a_path_that_no_file_can_have_is_said_to_be_none(signed_dataset: Person) -> None:
    with pytest.raises(ArtifactError, match="NUL"):
        signed_dataset.load("data/a\0b.csv")
    with pytest.raises(ArtifactError, match="NUL"):
        signed_dataset.save("x", "data/a\0b.txt")
