"""Indexes follow the entries: dropped, emptied, stale or forged, they are made anew, and they never make evidence appear."""

from __future__ import annotations

import pytest
from ledger_entries import Intruder, digest_of, new_entry

from jupyter_mlsc.ledger import CheckpointMemory, Ledger
from jupyter_mlsc.ledger.audit import audit
from jupyter_mlsc.ledger.index import key_of

STATE = {
    "subject_index": "SELECT entry, position, name_key, digest_key FROM subject_index ORDER BY entry, position",
    "kind_index": "SELECT entry, kind FROM kind_index ORDER BY entry",
    "follower": "SELECT name, position FROM follower ORDER BY name",
}


def state(intruder: Intruder) -> dict[str, list[tuple[object, ...]]]:
    return {table: intruder.run(question) for table, question in STATE.items()}


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    ledger.append([new_entry(number, kind="review" if number == 3 else "signature") for number in range(7)])
    return ledger


def answers(ledger: Ledger) -> list[list[int]]:
    found = (ledger.find(name="data/3.csv"), ledger.find(digest=digest_of(6)), ledger.find(kind="review"), ledger.entries(kind="signature"))
    by_name, by_digest = ledger.find_each(["data/3.csv", "data/none.csv"], [digest_of(6), digest_of(99)])
    assert by_name == {"data/3.csv": ledger.find(name="data/3.csv"), "data/none.csv": []}
    assert by_digest == {digest_of(6): ledger.find(digest=digest_of(6)), digest_of(99): []}
    return [[entry.index for entry in each] for each in found]


ANSWERS = [[3], [6], [3], [0, 1, 2, 4, 5, 6]]


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP TABLE subject_index", "DROP TABLE kind_index", "DROP TABLE follower"),
        ("DROP TABLE subject_index",),
        ("DROP TABLE follower",),
        ("DROP TABLE kind_index", "CREATE TABLE kind_index (another TEXT)"),
        ("UPDATE follower SET position = 2",),
        ("UPDATE follower SET position = 99",),
        ("DELETE FROM follower",),
        ("DELETE FROM subject_index", "DELETE FROM kind_index", "UPDATE follower SET position = 0"),
    ],
)
def test_a_dropped_or_stale_index_is_made_anew_when_asked(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder, statements: tuple[str, ...]) -> None:
    genuine = state(intruder)
    for statement in statements:
        intruder.run(statement)
    assert answers(ledger) == ANSWERS
    assert state(intruder) == genuine
    report = audit(ledger, memory)
    assert report.ok
    assert report.repaired == ()


def test_an_append_to_a_ledger_without_indexes_makes_them(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder) -> None:
    intruder.run("DROP TABLE subject_index")
    assert ledger.append([new_entry(7)]) == [7]
    assert [entry.index for entry in ledger.find(name="data/2.csv")] == [2, 7]
    assert audit(ledger, memory).repaired == ()


FORGED = {
    "a row is deleted": "DELETE FROM subject_index WHERE entry = 3",
    "a kind is deleted": "DELETE FROM kind_index WHERE entry = 3",
    "a kind is edited": "UPDATE kind_index SET kind = 'review' WHERE entry = 4",
    "a key is edited": "UPDATE subject_index SET digest_key = name_key WHERE entry = 3",
    "all rows are deleted": "DELETE FROM subject_index",
    "a row is added past the end": "INSERT INTO kind_index VALUES (77, 'review')",
    "a follower is edited": "UPDATE follower SET position = 3 WHERE name = 'kinds'",
}


@pytest.mark.parametrize("forgery", FORGED)
def test_the_audit_notices_a_forged_index_and_makes_it_anew(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder, forgery: str) -> None:
    genuine = state(intruder)
    intruder.run(FORGED[forgery])
    report = audit(ledger, memory)
    assert report.ok
    assert {fault.code for fault in report.repaired} == {"index-wrong"}
    assert state(intruder) == genuine
    assert answers(ledger) == ANSWERS
    assert audit(ledger, memory).repaired == ()


def test_a_forged_index_row_never_makes_evidence_appear(ledger: Ledger, intruder: Intruder) -> None:
    intruder.run("INSERT INTO subject_index VALUES (1, 9, ?, ?)", key_of("models/evil.pkl"), key_of(digest_of(666)))
    intruder.run("INSERT INTO subject_index VALUES (55, 0, ?, ?)", key_of("models/evil.pkl"), key_of(digest_of(666)))
    intruder.run("UPDATE kind_index SET kind = 'override' WHERE entry = 1")
    assert ledger.find(name="models/evil.pkl") == ledger.find(digest=digest_of(666)) == ledger.find(kind="override") == []
    assert list(ledger.entries(kind="override")) == []


def test_rebuilding_gives_what_following_gave(ledger: Ledger, intruder: Intruder) -> None:
    ledger.append([new_entry(7)])
    genuine = state(intruder)
    ledger.rebuild_indexes()
    assert state(intruder) == genuine


def test_indexes_are_not_made_from_entries_that_are_not_sound(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder) -> None:
    intruder.run("DELETE FROM entry WHERE number = 2")
    intruder.run("DELETE FROM kind_index")
    report = audit(ledger, memory)
    assert not report.ok
    assert report.repaired
    assert intruder.run("SELECT * FROM kind_index") == []
