"""Hostile files where statements are looked for: none may hang, crash or exhaust a reader, none takes honest statements away, each is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlsc import claim_files
from jupyter_mlsc.errors import ArtifactError
from tests.attacks.forgery import assert_fine, digest_at, without_own_records
from tests.conftest import Person

DEEP = b"[" * 100_000 + b"]" * 100_000


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _content(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


HOSTILE: dict[str, Callable[[Path], None]] = {
    "fifo": _fifo,
    "endless": _endless,
    "folder": _folder,
    "dangling": _dangling,
    "loop": _loop,
    "not UTF-8": _content(b"\xff\xfe\x00\n"),
    "NUL": _content(b"\0" * 4096),
    "no JSON": _content(b"{\n"),
    "no envelope": _content(b"{}\n[]\n1\nnull\n"),
    "doubled name": _content(b'{"payload":"e30=","payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AAAA"}]}\n'),
    "deep": _content(DEEP + b"\n"),
    "a lone surrogate": _content(b'{"payloadType":"\\ud800"}\n'),
    "NaN": _content(b'{"payload":NaN}\n'),
    "huge number": _content(b'{"payload":' + b"9" * 5000 + b"}\n"),
    "many lines": _content(b"x\n" * 100_000),
    "many blank lines": _content(b"\n" * 5_000_000),
}


PLACES = {"the claims": ".mlsc/claims/" + "0" * 64 + ".jsonl", "lines beside": "data/train.csv.claims.jsonl", "a bundle beside": "data/train.csv.sig"}


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_file_of_claims_takes_nothing_away(signed_dataset: Person, place: str) -> None:
    without_own_records(signed_dataset)
    path = signed_dataset.root / PLACES[place]
    for word, make in HOSTILE.items():
        make(path)
        verdict = signed_dataset.verify("data/train.csv")
        assert verdict.verified, word
        if place != "the claims" and word not in ("dangling", "many blank lines"):
            assert [r.code for r in verdict.reasons][:1] == ["statement-invalid"], word
        signed_dataset.load("data/train.csv")
        _clear(path)
    # The next who signs is not stopped by it.
    HOSTILE["no JSON"](path)
    signed_dataset.sign("data/train.csv")
    assert_fine(signed_dataset, "data/train.csv")


def test_what_cannot_be_read_is_told_with_its_place(signed_dataset: Person) -> None:
    """The file that stands for this very digest cannot be read; the ledger still has the statement."""
    file = signed_dataset.root / ".mlsc/claims" / f"{digest_at(signed_dataset, 'data/train.csv').hex}.jsonl"
    file.unlink()
    for word, make in HOSTILE.items():
        if word == "many blank lines":
            continue
        make(file)
        verdict = signed_dataset.verify("data/train.csv")
        assert verdict.verified, word
        told = [r for r in verdict.reasons if r.code == "statement-invalid"]
        assert told, word
        assert file.name in told[0].message, word
        assert len(told) <= claim_files.MOST_UNREADABLE + 1, word
        _clear(file)


def test_a_huge_file_of_claims_is_told_and_not_read(signed_dataset: Person) -> None:
    file = signed_dataset.root / ".mlsc/claims" / f"{digest_at(signed_dataset, 'data/train.csv').hex}.jsonl"
    os.truncate(file, claim_files.MAX_FILE + 1)
    verdict = signed_dataset.verify("data/train.csv")
    assert verdict.verified
    assert any("larger than" in r.message for r in verdict.reasons)


@pytest.mark.parametrize("hostile", ["fifo", "endless", "dangling", "loop", "no JSON"])
def test_no_folder_of_claims_is_an_error_or_nothing_but_never_a_crash(signed_dataset: Person, hostile: str) -> None:
    folder = signed_dataset.root / ".mlsc/claims"
    folder.rename(signed_dataset.root.parent / "away")
    HOSTILE[hostile](folder)
    done = signed_dataset.mlsc("verify", "data/train.csv")
    assert done.returncode in (0, 3)
    assert "Traceback" not in done.stderr


def test_a_claims_file_that_is_a_link_is_not_written_through(signed_dataset: Person, tmp_path: Path) -> None:
    """Signing must not append to a file of the victim's elsewhere."""
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    signed_dataset.write("data/new.csv", "x\n1\n")
    (signed_dataset.root / ".mlsc/claims" / f"{digest_at(signed_dataset, 'data/new.csv').hex}.jsonl").symlink_to(precious)
    done = signed_dataset.mlsc("sign", "data/new.csv")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert precious.read_text() == "mine\n"


@pytest.mark.parametrize("hostile", ["fifo", "folder", "loop"])
def test_no_file_of_claims_keeps_a_person_who_signs_waiting(signed_dataset: Person, hostile: str) -> None:
    signed_dataset.write("data/new.csv", "x\n1\n")
    HOSTILE[hostile](signed_dataset.root / ".mlsc/claims" / f"{digest_at(signed_dataset, 'data/new.csv').hex}.jsonl")
    with pytest.raises(ArtifactError, match="could not be written"):
        signed_dataset.sign("data/new.csv")
