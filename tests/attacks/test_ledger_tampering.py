"""The record is edited, rolled back, deleted, made anew or exchanged: `log verify` says which entry, and no gate goes by such a ledger."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from jupyter_mlsc.errors import BlockedArtifactError, LedgerTamperedError
from jupyter_mlsc.ledger.audit import audit
from tests.attacks.forgery import assert_fine, codes
from tests.conftest import Person


@contextmanager
def database(person: Person) -> Iterator[sqlite3.Connection]:
    """The ledger's database, as an attacker opens it."""
    gc.collect()  # this process's own connections, so that the database is at rest
    with closing(sqlite3.connect(person.root / ".mlsc/ledger.db")) as connection, connection:
        yield connection


def copy_of_ledger(person: Person, to: Path) -> None:
    """A backup that SQLite itself makes: whole, in one file."""
    gc.collect()
    with closing(sqlite3.connect(person.root / ".mlsc/ledger.db")) as connection, closing(sqlite3.connect(to)) as copy:
        connection.backup(copy)


def put_ledger(person: Person, source: Path | None) -> None:
    """Another database in the place of the ledger, or none."""
    gc.collect()
    for file in (person.root / ".mlsc").glob("ledger.db*"):
        file.unlink()
    if source is not None:
        shutil.copy(source, person.root / ".mlsc/ledger.db")


def log_verify(person: Person) -> tuple[int, list[int | None], list[str]]:
    """Exit code, entries and codes that `mlsc log verify` names, in a process of its own."""
    done = person.mlsc("--json", "log", "verify")
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    return done.returncode, [f["entry"] for f in document.get("faults", [])], [f["code"] for f in document.get("faults", [])]


@pytest.fixture
def busy(signed_dataset: Person) -> Person:
    """A ledger with a signature, its twin, a run, a read and a write in it."""
    run = signed_dataset.new_run()
    signed_dataset.save(signed_dataset.load("data/train.csv", run), "models/m.parquet", run)
    return signed_dataset


EDITS = {
    "a byte of a record": "UPDATE entry SET record = replace(record, 'train', 'trait') WHERE number = 0",
    "a leaf's hash": "UPDATE entry SET leaf_hash = zeroblob(32) WHERE number = 1",
    "a node": "UPDATE node SET hash = zeroblob(32) WHERE number = 0",
    "an envelope": "UPDATE envelope SET content = replace(content, 'e', 'f') WHERE entry = 0",
    "a deleted entry": "DELETE FROM entry WHERE number = 1",
    "a deleted envelope": "DELETE FROM envelope WHERE entry = 0",
    "the last entry cut off": "DELETE FROM entry WHERE number = (SELECT max(number) FROM entry)",
    "two entries exchanged": "UPDATE entry SET record = (SELECT record FROM entry e WHERE e.number = 1 - entry.number) WHERE number < 2",
    "a byte of the newest checkpoint": "UPDATE checkpoint SET note = replace(note, char(10) || char(8212), 'x' || char(10) || char(8212))",
    "the newest checkpoint deleted": "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)",
    "the ledger's name": "UPDATE meta SET value = 'mlsc.local/other' WHERE name = 'origin'",
    "a trigger": "CREATE TRIGGER sly AFTER INSERT ON entry BEGIN DELETE FROM envelope; END",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_ledger_is_found(busy: Person, edit: str) -> None:
    with database(busy) as connection:
        connection.execute(EDITS[edit])
    try:
        books = busy.project.books
        assert books.ledger is not None
        assert not audit(books.ledger, books.memory).ok
    except LedgerTamperedError:
        pass  # it does not even open: the command ends with 1 all the same


def test_the_entry_that_was_edited_is_named(busy: Person) -> None:
    assert log_verify(busy) == (0, [], [])
    with database(busy) as connection:
        connection.execute(EDITS["a byte of a record"])
    code, entries, _ = log_verify(busy)
    assert code == 1
    assert 0 in entries


def test_an_edited_statement_in_the_ledger_vouches_for_nothing(signed_dataset: Person) -> None:
    """Also when the attacker mends what is easy to mend: the digest of the envelope."""
    shutil.rmtree(signed_dataset.root / ".mlsc/claims")
    assert_fine(signed_dataset, "data/train.csv")
    with database(signed_dataset) as connection:
        connection.execute("UPDATE envelope SET content = replace(content, 'ada', 'eve'), digest = zeroblob(32) WHERE entry = 0")
    done = signed_dataset.mlsc("verify", "data/train.csv")
    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("edit", ["the last entry cut off", "a byte of the newest checkpoint", "the newest checkpoint deleted"])
def test_no_load_goes_by_a_ledger_that_contradicts_itself(busy: Person, edit: str) -> None:
    with database(busy) as connection:
        connection.execute(EDITS[edit])
    with pytest.raises((BlockedArtifactError, LedgerTamperedError)) as caught:
        busy.load("data/train.csv")
    if isinstance(caught.value, BlockedArtifactError):
        assert codes(caught.value.verdict) == ["ledger-inconsistent"]
    assert busy.mlsc("verify", "data/train.csv").returncode == 1


def _refused(person: Person, code: str) -> None:
    assert codes(person.verify("data/train.csv")) == [code]
    with pytest.raises(BlockedArtifactError) as caught:
        person.load("data/train.csv")
    assert codes(caught.value.verdict) == [code]
    returned, _, faults = log_verify(person)
    assert returned == 1
    assert code in faults


def test_a_ledger_that_was_rolled_back_is_refused(signed_dataset: Person, tmp_path: Path) -> None:
    copy_of_ledger(signed_dataset, tmp_path / "old.db")
    signed_dataset.load("data/train.csv")
    put_ledger(signed_dataset, tmp_path / "old.db")
    _refused(signed_dataset, "ledger-inconsistent")


def test_a_ledger_that_was_rolled_back_and_went_on_from_there_is_refused(signed_dataset: Person, tmp_path: Path) -> None:
    """A fork: longer than what was seen, with other entries. Made by somebody who has the log key but not this user's memory."""
    copy_of_ledger(signed_dataset, tmp_path / "old.db")
    signed_dataset.load("data/train.csv")
    memory = signed_dataset.home / "mlsc/checkpoints.db"
    gc.collect()
    for suffix in ("", "-wal", "-shm"):
        if memory.with_name(memory.name + suffix).exists():
            shutil.copy(memory.with_name(memory.name + suffix), tmp_path / f"memory{suffix}")
    put_ledger(signed_dataset, tmp_path / "old.db")
    for file in memory.parent.glob("checkpoints.db*"):
        file.unlink()
    signed_dataset.write("data/b.csv", "x\n1\n")
    for _ in range(4):
        signed_dataset.sign("data/b.csv")
    assert_fine(signed_dataset, "data/b.csv")
    gc.collect()
    for file in memory.parent.glob("checkpoints.db*"):
        file.unlink()
    for suffix in ("", "-wal", "-shm"):
        if (tmp_path / f"memory{suffix}").exists():
            shutil.copy(tmp_path / f"memory{suffix}", memory.with_name(memory.name + suffix))
    _refused(signed_dataset, "ledger-inconsistent")


def test_a_ledger_that_was_deleted_is_refused_and_not_made_anew_in_silence(signed_dataset: Person) -> None:
    put_ledger(signed_dataset, None)
    assert codes(signed_dataset.verify("data/train.csv")) == ["ledger-replaced"]
    with pytest.raises((BlockedArtifactError, LedgerTamperedError)):
        signed_dataset.load("data/train.csv")
    with pytest.raises(LedgerTamperedError):
        signed_dataset.sign("data/train.csv")
    assert signed_dataset.mlsc("init").returncode == 1
    assert log_verify(signed_dataset)[::2] == (1, ["ledger-replaced"])
    assert not (signed_dataset.root / ".mlsc/ledger.db").exists()


@pytest.fixture
def mallorys_ledger(person: Callable[..., Person], tmp_path: Path) -> Path:
    """A sound ledger of somebody else's."""
    mallory: Person = person("mallory", root=tmp_path / "theirs")
    mallory.init()
    mallory.write("data/train.csv")
    mallory.sign("data/train.csv")
    copy_of_ledger(mallory, tmp_path / "theirs.db")
    return tmp_path / "theirs.db"


def test_a_ledger_that_was_made_anew_is_refused(signed_dataset: Person, mallorys_ledger: Path) -> None:
    put_ledger(signed_dataset, mallorys_ledger)
    _refused(signed_dataset, "ledger-replaced")


def test_a_replacement_that_is_meant_is_accepted_by_hand(signed_dataset: Person) -> None:
    put_ledger(signed_dataset, None)
    assert signed_dataset.mlsc("policy", "trust").returncode == 2
    assert signed_dataset.mlsc("policy", "trust", "--yes").returncode == 0
    assert_fine(signed_dataset, "data/train.csv")


@pytest.mark.parametrize("what", ["ledger.db", "."])
def test_a_link_to_another_ledger_is_a_replacement_too(signed_dataset: Person, mallorys_ledger: Path, what: str) -> None:
    folder = signed_dataset.root / ".mlsc"
    elsewhere = signed_dataset.root.parent / "elsewhere"
    if what == ".":
        gc.collect()
        shutil.copytree(folder, elsewhere)
        shutil.rmtree(folder)
        for file in elsewhere.glob("ledger.db*"):
            file.unlink()
        shutil.copy(mallorys_ledger, elsewhere / "ledger.db")
        folder.symlink_to(elsewhere)
    else:
        put_ledger(signed_dataset, None)
        (folder / what).symlink_to(mallorys_ledger)
    _refused(signed_dataset, "ledger-replaced")


def test_a_ledger_that_is_no_database_or_no_file_does_not_hang_or_crash(signed_dataset: Person) -> None:
    place = signed_dataset.root / ".mlsc/ledger.db"
    for make in (
        lambda: place.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000),
        lambda: os.mkfifo(place),
        place.mkdir,
        lambda: place.symlink_to("/dev/zero"),
    ):
        put_ledger(signed_dataset, None)
        make()
        done = signed_dataset.mlsc("verify", "data/train.csv")
        assert done.returncode in (1, 3)
        assert "Traceback" not in done.stderr
        if place.is_dir():
            place.rmdir()
