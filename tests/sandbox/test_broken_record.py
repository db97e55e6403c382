"""A run whose record cannot be kept writes nothing that belongs on it in `enforce`, and is told in every mode."""

from __future__ import annotations

import pytest

from tests.conftest import Person

WRITES = {
    "made": "echo 1 > data/new.csv",
    "cut": "echo 1 > data/old.csv",
    "moved": "mv plain.csv data/new.csv",
    "linked": "ln plain.csv data/new.csv",
}


@pytest.fixture
def without_record(person: object, request: pytest.FixtureRequest) -> Person:
    """A project in the mode that the test names, whose ledger is no database."""
    ada: Person = person("ada")  # type: ignore[operator]  # the fixture that makes people
    ada.init(request.param)
    ada.write("data/old.csv", "old\n")
    ada.write("plain.csv", "plain\n")
    for beside in ("-wal", "-shm"):
        (ada.root / f".mlsc/ledger.db{beside}").unlink(missing_ok=True)
    ada.write(".mlsc/ledger.db", "no database " * 100)
    return ada


@pytest.mark.parametrize("without_record", ["enforce"], indirect=True)
@pytest.mark.parametrize("way", WRITES)
def test_nothing_governed_is_written_in_enforce(without_record: Person, way: str) -> None:
    done = without_record.mlsc("exec", "--", "sh", "-c", WRITES[way])
    assert done.returncode != 0
    assert "what this run writes cannot be recorded: cannot use the ledger" in done.stderr
    assert sorted(p.name for p in (without_record.root / "data").iterdir()) == ["old.csv"]
    assert (without_record.root / "data/old.csv").read_text() == "old\n"


@pytest.mark.parametrize("without_record", ["enforce"], indirect=True)
def test_what_no_rule_governs_is_written_all_the_same(without_record: Person) -> None:
    done = without_record.mlsc("exec", "--", "sh", "-c", "echo 1 > notes.txt && cat notes.txt")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("without_record", ["warn"], indirect=True)
def test_in_warn_it_is_told_once_and_written(without_record: Person) -> None:
    done = without_record.mlsc("exec", "--", "sh", "-c", "echo 1 > data/new.csv; echo 2 > data/newer.csv")
    assert done.returncode == 0
    assert done.stderr.count("what this run writes cannot be recorded") == 1
    assert (without_record.root / "data/newer.csv").read_text() == "2\n"
