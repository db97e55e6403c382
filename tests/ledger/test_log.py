"""One conformance suite for every store: append, read, find, prove; and what a ledger refuses."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_entries import START, Intruder, digest_of, envelope, new_entry

from jupyter_mlsc import merkle
from jupyter_mlsc.errors import LedgerError, LedgerTamperedError, UsageError
from jupyter_mlsc.ledger import CheckpointMemory, Ledger, LogKey, NewEntry
from jupyter_mlsc.ledger.audit import audit
from jupyter_mlsc.ledger.checkpoint import open_checkpoint, read_proof
from jupyter_mlsc.ledger.health import health
from jupyter_mlsc.ledger.record import envelope_digest


def test_what_was_appended_is_read_back_in_order(ledger: Ledger) -> None:
    assert ledger.append([new_entry(0)]) == [0]
    assert ledger.append([new_entry(1), new_entry(2)]) == [1, 2]
    entries = list(ledger.entries())
    assert [entry.index for entry in entries] == [0, 1, 2]
    assert entries[1].time == new_entry(1).time
    assert entries[1].subjects == (("data/1.csv", digest_of(1)),)
    assert entries[1].predicate_type == "https://example.org/artifact/v1"
    assert ledger.envelope(entries[2].envelope) == envelope(2)
    assert ledger.size == 3


def test_an_empty_append_changes_nothing(ledger: Ledger) -> None:
    before = ledger.checkpoint()
    assert ledger.append([]) == []
    assert ledger.checkpoint() == before


def test_entries_can_be_cut_filtered_and_turned_round(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlsc.ledger.log._PAGE", 3)
    ledger.append([new_entry(number, kind="review" if number % 4 == 0 else "signature") for number in range(20)])
    assert [entry.index for entry in ledger.entries(5, 12)] == list(range(5, 12))
    assert [entry.index for entry in ledger.entries(5, 12, newest_first=True)] == list(range(11, 4, -1))
    assert [entry.index for entry in ledger.entries(kind="review")] == [0, 4, 8, 12, 16]
    assert [entry.index for entry in ledger.entries(1, 13, kind="review", newest_first=True)] == [12, 8, 4]
    assert list(ledger.entries(20)) == list(ledger.entries(3, 3)) == list(ledger.entries(kind="scan")) == []


def test_entries_are_those_of_when_reading_began(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlsc.ledger.log._PAGE", 2)
    ledger.append([new_entry(number) for number in range(5)])
    reading = ledger.entries()
    first = next(reading)
    ledger.append([new_entry(5)])
    assert [first.index, *(entry.index for entry in reading)] == [0, 1, 2, 3, 4]


def test_entries_are_found_by_name_digest_and_kind(ledger: Ledger) -> None:
    ledger.append([new_entry(number, kind="review" if number == 6 else "signature") for number in range(12)])
    assert [entry.index for entry in ledger.find(name="data/1.csv")] == [1, 6, 11]
    assert [entry.index for entry in ledger.find(digest=digest_of(7))] == [7]
    assert [entry.index for entry in ledger.find(name="data/1.csv", kind="review")] == [6]
    assert [entry.index for entry in ledger.find(kind="review")] == [6]
    assert ledger.find(name="data/1.csv", digest=digest_of(7)) == []
    assert ledger.find(name="data/1") == ledger.find(name="DATA/1.csv") == []


def test_many_names_and_digests_are_found_at_once_as_each_by_itself(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlsc.ledger.log._ENVELOPES", 3)
    ledger.append([new_entry(number) for number in range(20)])
    names, digests = [f"data/{number}.csv" for number in range(7)], [digest_of(number) for number in range(5, 25)]
    by_name, by_digest = ledger.find_each(names, digests)
    assert by_name == {name: ledger.find(name=name) for name in names}
    assert by_digest == {digest: ledger.find(digest=digest) for digest in digests}
    assert ledger.find_each([], []) == ({}, {})
    assert [(entry.index, content) for entry, content in ledger.with_envelopes(ledger.entries())] == [(number, envelope(number)) for number in range(20)]


def test_name_and_digest_must_belong_to_one_subject(ledger: Ledger) -> None:
    two = NewEntry("signature", START, envelope(0), "https://example.org/artifact/v1", (("a.csv", digest_of(1)), ("b.csv", digest_of(2))))
    ledger.append([two])
    assert ledger.find(name="a.csv", digest=digest_of(1))
    assert ledger.find(name="a.csv", digest=digest_of(2)) == []


def test_any_unicode_name_of_any_length_is_found_again(ledger: Ledger) -> None:
    names = ["données/é.csv", "données/e\u0301.csv", "数据/训练.csv", "a\tb\n.csv", "x" * 9_000, "", "🙂"]
    ledger.append([new_entry(number, name=name) for number, name in enumerate(names) if name])
    for name in filter(None, names):
        assert [entry.subjects[0][0] for entry in ledger.find(name=name)] == [name]


def test_one_envelope_in_several_entries_is_kept_once(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder) -> None:
    ledger.append([new_entry(0, label="same"), new_entry(1, label="same")])
    ledger.append([new_entry(2, label="same"), new_entry(3)])
    assert intruder.run("SELECT count(*) FROM envelope")[0][0] == 2
    assert audit(ledger, memory).ok


@pytest.mark.parametrize("sizes", [(1,), (1, 1, 1, 1, 1), (7, 1, 12), (64, 1)])
def test_every_entry_and_every_older_tree_is_proven(ledger: Ledger, sizes: tuple[int, ...]) -> None:
    number, seen = 0, []
    for size in sizes:
        ledger.append([new_entry(number + each) for each in range(size)])
        number += size
        seen.append(ledger.checkpoint())
    newest = seen[-1]
    for entry in ledger.entries():
        proof = ledger.prove(entry.index)
        assert proof.leaf_hash == entry.leaf_hash
        assert proof.verify(newest.root)
        assert not proof.verify(merkle.EMPTY_ROOT)
    for old in seen:
        assert ledger.prove_consistency(old.size).verify(old.root, newest.root)
        assert ledger.prove(0, old.size).verify(old.root)
    assert ledger.prove_consistency(0, newest.size).verify(merkle.EMPTY_ROOT, newest.root)
    assert newest.root == merkle.root_of(entry.leaf_hash for entry in ledger.entries())


def test_a_proof_file_is_checked_with_nothing_but_the_verification_key(ledger: Ledger) -> None:
    ledger.append([new_entry(number) for number in range(6)])
    parsed = read_proof(ledger.proof_file(4))
    checkpoint = open_checkpoint(parsed.note, ledger.verifier)
    leaf = list(ledger.entries())[4].leaf_hash
    assert merkle.verify_inclusion(leaf, parsed.index, checkpoint.size, parsed.proof, checkpoint.root)


def test_what_a_ledger_never_had_is_not_proven(ledger: Ledger) -> None:
    ledger.append([new_entry(0)])
    for ask in (ledger.prove, ledger.proof_file):
        for index in (1, -1):
            with pytest.raises(UsageError):
                ask(index)
    with pytest.raises(UsageError):
        ledger.prove(0, 2)
    with pytest.raises(UsageError):
        ledger.prove_consistency(2)


def test_a_ledger_opened_again_goes_on_where_it_was(ledger: Ledger, place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    ledger.append([new_entry(number) for number in range(5)])
    again = Ledger.open(place, memory, key)
    assert (again.origin, again.size, again.writable, again.place) == (ledger.origin, 5, True, ledger.place)
    assert again.append([new_entry(5)]) == [5]
    assert ledger.append([new_entry(6)]) == [6]
    assert health(again, memory) == ()
    assert audit(again, memory).ok
    again.close()


def test_only_the_keeper_appends(ledger: Ledger, place: str, memory: CheckpointMemory) -> None:
    ledger.append([new_entry(0)])
    for other in (None, Ed25519PrivateKey.generate(), LogKey.from_private(ledger.origin, Ed25519PrivateKey.generate())):
        reader = Ledger.open(place, memory, other)
        assert not reader.writable
        with pytest.raises(LedgerError, match="only its keeper appends"):
            reader.append([new_entry(1)])
        assert [entry.index for entry in reader.find(name="data/0.csv")] == [0]
        reader.close()
    assert ledger.size == 1


def test_origins_are_random_and_places_hide_passwords(tmp_path: Path, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    from jupyter_mlsc.ledger.store import Located

    one, two = (Ledger.create(tmp_path / name, key, memory) for name in ("one.db", "two.db"))
    assert one.origin != two.origin
    assert one.place == str((tmp_path / "one.db").resolve())
    assert Located.at("postgresql://alice:secret@db.example:5433/ledger?password=x").name == "postgresql://db.example:5433/ledger"
    assert Located.at("postgresql://db.example/ledger?options=-csearch_path%3Dteam").name.endswith("/ledger?options=-csearch_path%3Dteam")
    assert Located.at(f"sqlite:///{tmp_path}/one.db").name == one.place


def test_a_ledger_is_not_made_twice(ledger: Ledger, place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    ledger.append([new_entry(0)])
    with pytest.raises(LedgerError, match="there is a ledger already"):
        Ledger.create(place, key, memory)
    assert ledger.size == 1
    assert Ledger.exists(place)


def test_opening_a_ledger_that_is_not_there_makes_nothing(tmp_path: Path, place: str, memory: CheckpointMemory) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        Ledger.open(place, memory)
    assert not Ledger.exists(place)
    assert not list(tmp_path.rglob("*.db*"))


def test_a_ledger_of_a_newer_version_is_refused_in_clear_words(ledger: Ledger, place: str, memory: CheckpointMemory, intruder: Intruder) -> None:
    intruder.run("UPDATE meta SET value = '2' WHERE name = 'schema'")
    with pytest.raises(LedgerError, match="from a newer version: it has schema 2, this version reads up to 1") as caught:
        Ledger.open(place, memory)
    assert not isinstance(caught.value, LedgerTamperedError)
    assert caught.value.next_step is not None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta WHERE name = 'origin'",
        "DELETE FROM meta WHERE name = 'vkey'",
        "DELETE FROM meta",
        "UPDATE meta SET value = 'mlsc.local/another' WHERE name = 'origin'",
        "UPDATE meta SET value = 'nonsense' WHERE name = 'vkey'",
        "UPDATE meta SET value = 'x' WHERE name = 'schema'",
        "INSERT INTO meta VALUES ('another', 'row')",
    ],
)
def test_a_ledger_that_does_not_say_who_it_is_is_not_opened(ledger: Ledger, place: str, memory: CheckpointMemory, intruder: Intruder, statement: str) -> None:
    intruder.run(statement)
    with pytest.raises(LedgerTamperedError):
        Ledger.open(place, memory)
    assert any(fault.code == "meta-edited" for fault in audit(ledger, memory).faults)
    assert any(fault.code == "meta-edited" for fault in health(ledger, memory))


def bad(**fields: object) -> NewEntry:
    given: dict[str, object] = {"kind": "signature", "time": START, "envelope": b"{}", "predicate_type": "t", "subjects": (("a", "sha256:0"),)}
    return NewEntry(**{**given, **fields})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (bad(time=datetime(2026, 1, 1)), "no time zone"),
        (bad(kind="Not A Kind"), "not a kind"),
        (bad(envelope=b""), "envelope of a ledger entry is empty"),
        (bad(subjects=(("caf\udce9.csv", "sha256:0"),)), "not Unicode"),
        (bad(subjects=tuple((f"data/{number}.csv", digest_of(number)) for number in range(800))), "the limit is 65,535"),
    ],
)
def test_an_entry_that_cannot_be_kept_is_refused_and_takes_its_batch_with_it(ledger: Ledger, entry: NewEntry, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ledger.append([new_entry(0), entry])
    assert ledger.size == 0
    assert ledger.append([new_entry(0)]) == [0]


def test_a_record_may_be_just_as_long_as_the_limit(ledger: Ledger, memory: CheckpointMemory) -> None:
    from jupyter_mlsc.ledger.record import MAX_RECORD_SIZE, encode_record, record_of

    spare = MAX_RECORD_SIZE - len(encode_record(record_of(bad(subjects=(("", "d"),)))))
    ledger.append([bad(subjects=(("n" * spare, "d"),))])
    assert audit(ledger, memory).ok
    with pytest.raises(UsageError, match="65,536 bytes"):
        ledger.append([bad(subjects=(("n" * (spare + 1), "d"),))])


def test_an_envelope_that_is_not_there_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="has no envelope"):
        ledger.envelope(envelope_digest(b"never seen"))
    with pytest.raises(UsageError, match="not the digest"):
        ledger.envelope("sha256:xyz")


def test_threads_share_one_ledger(ledger: Ledger, memory: CheckpointMemory) -> None:
    acknowledged: list[int] = []

    def work(first: int) -> None:
        for number in range(first, first + 8):
            acknowledged.extend(ledger.append([new_entry(number)]))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 32, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(acknowledged) == list(range(32))
    assert len({entry.envelope for entry in ledger.entries()}) == 32
    assert audit(ledger, memory).ok


def test_times_are_written_in_utc_to_the_microsecond(ledger: Ledger) -> None:
    from datetime import timedelta, timezone

    east = datetime(2026, 3, 1, 0, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    ledger.append([bad(time=east)])
    (entry,) = ledger.entries()
    assert entry.time == east
    assert entry.time.tzinfo == UTC
    assert entry.time.isoformat() == "2026-02-28T22:30:00.000005+00:00"
