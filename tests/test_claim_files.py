"""Claim files: found by subject as if every file were read, seen when they change, looked at once within a command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Signature, Statement, Subject
from jupyter_mlsc.claim_files import ClaimFolder, FoundEnvelope
from tests.conftest import Person


def digest_of(number: int) -> Digest:
    return Digest("sha256", f"{number:064x}")


def envelope_about(*subjects: tuple[str, Digest]) -> bytes:
    statement = Statement(tuple(Subject(name, digest.in_toto()) for name, digest in subjects), "https://example.org/said", {})
    return Envelope("application/vnd.in-toto+json", statement.to_payload(), (Signature("", b"unsigned"),)).to_json()


@pytest.fixture
def folder(tmp_path: Path) -> ClaimFolder:
    made = ClaimFolder(tmp_path / "claims")
    made.add({digest_of(n): [envelope_about((f"data/{n}.csv", digest_of(n)))] for n in range(20)})
    return made


def names(found: object) -> list[str]:
    return [s.name for item in found if isinstance(item, FoundEnvelope) for s in item.statement.subjects]  # type: ignore[attr-defined]  # an iterator of claims


def test_statements_are_found_by_each_name_and_by_each_digest(folder: ClaimFolder) -> None:
    folder.add({digest_of(99): [envelope_about(("models/a", digest_of(98)), ("models/b", digest_of(97)))]})
    assert names(folder.about(["data/7.csv"], None)) == ["data/7.csv"]
    assert names(folder.about([], digest_of(7))) == ["data/7.csv"]
    assert names(folder.about(["data/7.csv", "data/3.csv"], digest_of(5))) == ["data/3.csv", "data/5.csv", "data/7.csv"]
    for term in (folder.about(["models/b"], None), folder.about([], digest_of(98)), folder.about([], digest_of(99))):
        assert names(term) == ["models/a", "models/b"]
    assert names(folder.about(["data"], digest_of(50))) == []


def test_a_line_that_another_process_appends_in_place_is_found(folder: ClaimFolder) -> None:
    assert names(folder.about(["data/new.csv"], None)) == []
    ClaimFolder(folder.folder).add({digest_of(3): [envelope_about(("data/new.csv", digest_of(3)))]})
    assert "data/new.csv" in names(folder.about(["data/new.csv"], None))


def test_a_file_that_is_gone_says_nothing_more(folder: ClaimFolder) -> None:
    assert names(folder.about(["data/3.csv"], None))
    (folder.folder / f"{digest_of(3).hex}.jsonl").unlink()
    assert names(folder.about(["data/3.csv"], None)) == []
    assert len(list(folder.read())) == 19


def test_within_a_command_the_folder_is_seen_in_one_state_and_after_it_as_it_is(folder: ClaimFolder) -> None:
    with folder.held():
        assert names(folder.about(["data/new.csv"], None)) == []
        ClaimFolder(folder.folder).add({digest_of(40): [envelope_about(("data/new.csv", digest_of(40)))]})
        assert names(folder.about(["data/new.csv"], None)) == []
    assert names(folder.about(["data/new.csv"], None)) == ["data/new.csv"]


def test_a_line_is_written_once_however_often_it_is_added(folder: ClaimFolder) -> None:
    line = envelope_about(("data/3.csv", digest_of(3)))
    folder.add({digest_of(3): [line, line]})
    folder.add({digest_of(3): [line], digest_of(4): []})
    assert (folder.folder / f"{digest_of(3).hex}.jsonl").read_bytes() == line + b"\n"


def test_a_running_project_sees_what_others_sign_meanwhile(ada: Person) -> None:
    ada.write("data/train.csv")
    running = ada.project
    path = ada.root / "data/train.csv"
    (before,) = running.verify([path])
    ada.sign("data/train.csv")
    (after,) = running.verify([path])
    assert (before.verified, after.verified) == (False, True)
    ada.sign("data/train.csv", note="once more")
    (again,) = running.verify([path])
    assert again.signers != after.signers


def test_what_is_added_to_a_file_that_was_there_shows_on_the_folder(signed_dataset: Person) -> None:
    """The supervisor looks at the folder alone."""
    folder = ClaimFolder(signed_dataset.root / ".mlsc" / "claims")
    (file,) = folder.folder.iterdir()
    os.utime(folder.folder, ns=(1, 1))
    folder.add({Digest("sha256", file.stem): [b'{"one more": "line"}']})
    assert folder.folder.stat().st_mtime_ns != 1
