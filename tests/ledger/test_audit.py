"""Every table and column of a ledger, edited, deleted, reordered and cut by somebody who can write to the database but holds no key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_entries import Intruder, envelope, new_entry

from jupyter_mlsc import merkle
from jupyter_mlsc.errors import LedgerTamperedError
from jupyter_mlsc.ledger import CheckpointMemory, Ledger, LogKey, tables
from jupyter_mlsc.ledger.audit import audit
from jupyter_mlsc.ledger.checkpoint import checkpoint_text, sign_checkpoint
from jupyter_mlsc.ledger.health import health
from jupyter_mlsc.ledger.index import key_of

BATCHES = (1, 1, 1, 1, 1, 1, 3, 1, 1, 1)
SIZE = sum(BATCHES)
"""Entries 6, 7 and 8 were signed together; all others alone."""


def fill(ledger: Ledger, memory: CheckpointMemory) -> Ledger:
    number = 0
    for batch in BATCHES:
        ledger.append([new_entry(each) for each in range(number, number + batch)])
        number += batch
    assert audit(ledger, memory).ok
    return ledger


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Path:
    """A folder with a sound ledger and the memory of it, from which every test takes a copy."""
    folder = tmp_path_factory.mktemp("sound")
    memory = CheckpointMemory(folder / "checkpoints.db")
    fill(Ledger.create(folder / "ledger.db", key, memory), memory).close()
    memory.close()
    return folder


@pytest.fixture
def place(sound: Path, tmp_path: Path) -> str:
    return str(shutil.copy(sound / "ledger.db", tmp_path))


@pytest.fixture
def memory(sound: Path, tmp_path: Path) -> CheckpointMemory:
    return CheckpointMemory(shutil.copy(sound / "checkpoints.db", tmp_path))


@pytest.fixture
def ledger(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> Iterator[Ledger]:
    opened = Ledger.open(place, memory, key)
    yield opened
    opened.close()


def records(intruder: Intruder) -> list[bytes]:
    return [bytes(row[0]) for row in intruder.run("SELECT record FROM entry ORDER BY number")]


def rewrite(intruder: Intruder, leaves: list[bytes], *, roots: bool = False) -> None:
    """What a careful intruder does: every hash that follows from the records is computed anew; `roots` also in the checkpoints' texts."""
    edge = merkle.CompactRange()
    for number, leaf in enumerate(leaves):
        for node, value in edge.append(merkle.leaf_hash(leaf)):
            if node.level == 0:
                intruder.run("UPDATE entry SET record = ?, leaf_hash = ? WHERE number = ?", leaf, value, number)
            else:
                intruder.run("UPDATE node SET hash = ? WHERE number = ?", value, tables.node_number(node))
        for note in [row[0] for row in intruder.run("SELECT note FROM checkpoint WHERE size = ?", number + 1)] if roots else []:
            text = checkpoint_text(note.partition("\n")[0], number + 1, edge.root())
            intruder.run("UPDATE checkpoint SET note = ? WHERE size = ?", text + "\n" + note.rpartition("\n\n")[2], number + 1)


def altered(leaf: bytes) -> bytes:
    record = json.loads(leaf)
    record["subjects"][0]["digest"] = "sha256:" + "f" * 64
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()


def edit_record(number: int) -> Callable[[Intruder], None]:
    return lambda intruder: void(intruder.run("UPDATE entry SET record = ? WHERE number = ?", altered(records(intruder)[number]), number))


def edit_consistently(number: int, *, roots: bool = False) -> Callable[[Intruder], None]:
    def edit(intruder: Intruder) -> None:
        leaves = records(intruder)
        leaves[number] = altered(leaves[number])
        rewrite(intruder, leaves, roots=roots)

    return edit


def edit_record_and_leaf(number: int) -> Callable[[Intruder], None]:
    def edit(intruder: Intruder) -> None:
        leaf = altered(records(intruder)[number])
        intruder.run("UPDATE entry SET record = ?, leaf_hash = ? WHERE number = ?", leaf, merkle.leaf_hash(leaf), number)

    return edit


def reorder_consistently(intruder: Intruder) -> None:
    leaves = records(intruder)
    leaves[2], leaves[4] = leaves[4], leaves[2]
    rewrite(intruder, leaves)


def delete_consistently(intruder: Intruder) -> None:
    """Entry 3 is taken out, all that follow move down, and all hashes are computed anew."""
    leaves = records(intruder)
    del leaves[3]
    statement(f"DELETE FROM entry WHERE number = {SIZE - 1}")(intruder)
    statement(f"DELETE FROM node WHERE number >= {tables.inner_nodes(SIZE - 1)}")(intruder)
    statement(f"DELETE FROM checkpoint WHERE size = {SIZE}")(intruder)
    rewrite(intruder, leaves)


def sign_with_another_key(intruder: Intruder) -> None:
    """The strongest intruder: a key of their own, put into the ledger, and every checkpoint signed anew with it."""
    origin = intruder.run("SELECT value FROM meta WHERE name = 'origin'")[0][0]
    theirs = LogKey.from_private(origin, Ed25519PrivateKey.generate())
    leaves = [altered(leaf) for leaf in records(intruder)]
    rewrite(intruder, leaves)
    intruder.run("UPDATE meta SET value = ? WHERE name = 'vkey'", theirs.verifier.vkey)
    for (size,) in intruder.run("SELECT size FROM checkpoint"):
        root = merkle.root_of(map(merkle.leaf_hash, leaves[:size]))
        intruder.run("UPDATE checkpoint SET note = ? WHERE size = ?", sign_checkpoint(theirs, theirs.verifier.key_id, size, root).note, size)


def statement(sql: str, *parameters: object) -> Callable[[Intruder], None]:
    return lambda intruder: void(intruder.run(sql, *parameters))


def swap(table: str, key: str, columns: tuple[str, ...], first: int, second: int) -> Callable[[Intruder], None]:
    return lambda intruder: intruder.swap(table, key, columns, first, second)


def void(_: object) -> None:
    return None


HASH = sha256(b"forged").digest()
WHOLE_ENTRY = ("leaf_hash", "signed_at", "record")
NODE = tables.node_number(merkle.Node(1, 2))  # over the entries 4 and 5
TAMPERINGS: dict[str, tuple[Callable[[Intruder], None], str, int | None]] = {
    # what is done: how, the code that tells of it, the entry that is named
    "a record is edited": (edit_record(4), "entry-edited", 4),
    "the last record is edited": (edit_record(SIZE - 1), "entry-edited", SIZE - 1),
    "a record of a batch is edited": (edit_record(7), "entry-edited", 7),
    "a record is no longer JSON": (statement("UPDATE entry SET record = ? WHERE number = 4", b"\xff"), "entry-edited", 4),
    "a leaf hash is edited": (statement("UPDATE entry SET leaf_hash = ? WHERE number = 4", HASH), "entry-edited", 4),
    "a leaf hash is cut": (statement("UPDATE entry SET leaf_hash = ? WHERE number = 4", b""), "entry-edited", 4),
    "a record and its leaf hash are edited": (edit_record_and_leaf(4), "entry-edited", 4),
    "a record and its leaf hash in a batch are edited": (edit_record_and_leaf(7), "entry-edited", 6),
    "a record and all hashes are computed anew": (edit_consistently(4), "entry-edited", 4),
    "the first record and all hashes are computed anew": (edit_consistently(0), "entry-edited", 0),
    "the last record and all hashes are computed anew": (edit_consistently(SIZE - 1), "entry-edited", SIZE - 1),
    "a record of a batch and all hashes are computed anew": (edit_consistently(7), "entry-edited", 6),
    "a record, all hashes and all roots are computed anew": (edit_consistently(4, roots=True), "checkpoint-invalid", 4),
    "all is signed with another key": (sign_with_another_key, "ledger-replaced", None),
    "an entry says it was signed elsewhere": (statement("UPDATE entry SET signed_at = 12 WHERE number = 4"), "entry-edited", 4),
    "an entry is deleted": (statement("DELETE FROM entry WHERE number = 4"), "entry-missing", 4),
    "the first entry is deleted": (statement("DELETE FROM entry WHERE number = 0"), "entry-missing", 0),
    "the last entry is deleted": (statement(f"DELETE FROM entry WHERE number = {SIZE - 1}"), "entry-missing", SIZE - 1),
    "all entries are deleted": (statement("DELETE FROM entry"), "entry-missing", 0),
    "an entry is deleted and the rest moved down": (delete_consistently, "entry-edited", 3),
    "entries are cut off": (statement("DELETE FROM entry WHERE number >= 9"), "entry-missing", 9),
    "two entries are exchanged": (swap("entry", "number", WHOLE_ENTRY, 2, 4), "entry-edited", 2),
    "two entries of a batch are exchanged": (swap("entry", "number", WHOLE_ENTRY, 6, 8), "entry-edited", 6),
    "two records are exchanged": (swap("entry", "number", ("record",), 2, 4), "entry-edited", 4),
    "two entries and all hashes are exchanged": (reorder_consistently, "entry-edited", 2),
    "an entry is added": (statement(f"INSERT INTO entry SELECT {SIZE}, leaf_hash, {SIZE + 1}, record FROM entry WHERE number = 0"), "entry-unsigned", SIZE),
    "an entry is added before all": (statement("INSERT INTO entry SELECT -1, leaf_hash, 0, record FROM entry WHERE number = 0"), "entry-foreign", None),
    "an entry is added far off": (statement("INSERT INTO entry SELECT 1000000007, leaf_hash, 0, record FROM entry WHERE number = 0"), "entry-missing", SIZE),
    "a node is edited": (statement("UPDATE node SET hash = ? WHERE number = ?", HASH, NODE), "node-edited", 5),
    "a node is deleted": (statement("DELETE FROM node WHERE number = ?", NODE), "node-missing", 5),
    "the last node is deleted": (statement(f"DELETE FROM node WHERE number = {tables.inner_nodes(SIZE) - 1}"), "node-missing", None),
    "all nodes are deleted": (statement("DELETE FROM node"), "node-missing", 1),
    "two nodes are exchanged": (swap("node", "number", ("hash",), 0, 3), "node-edited", 1),
    "a node is added": (statement(f"INSERT INTO node VALUES ({tables.inner_nodes(SIZE)}, ?)", HASH), "node-foreign", None),
    "a node is added before all": (statement("INSERT INTO node VALUES (-5, ?)", HASH), "node-foreign", None),
    "an envelope is edited": (statement("UPDATE envelope SET content = ? WHERE entry = 4", b"{}"), "envelope-edited", 4),
    "an envelope is edited with its digest": (
        statement("UPDATE envelope SET content = ?, digest = ? WHERE entry = 4", b"{}", sha256(b"{}").digest()),
        "envelope-edited",
        4,
    ),
    "an envelope's digest is edited": (statement("UPDATE envelope SET digest = ? WHERE entry = 4", HASH), "envelope-missing", 4),
    "an envelope is deleted": (statement("DELETE FROM envelope WHERE entry = 4"), "envelope-missing", 4),
    "all envelopes are deleted": (statement("DELETE FROM envelope"), "envelope-missing", 0),
    "two envelopes are exchanged": (swap("envelope", "entry", ("digest", "content"), 2, 4), "envelope-edited", 4),
    "two envelopes' contents are exchanged": (swap("envelope", "entry", ("content",), 2, 4), "envelope-edited", 2),
    "an envelope is added": (statement("INSERT INTO envelope VALUES (99, ?, ?)", sha256(b"{}").digest(), b"{}"), "envelope-foreign", None),
    "an envelope moves to another entry": (statement("UPDATE envelope SET entry = 77 WHERE entry = 4"), "envelope-missing", 4),
    "a checkpoint is edited": (statement("UPDATE checkpoint SET note = replace(note, 'mlsc', 'mlsd') WHERE size = 4"), "checkpoint-invalid", 3),
    "a checkpoint's signature is cut": (statement("UPDATE checkpoint SET note = substr(note, 1, length(note) - 9) WHERE size = 4"), "checkpoint-invalid", 3),
    "the newest checkpoint is edited": (statement(f"UPDATE checkpoint SET note = 'x' WHERE size = {SIZE}"), "checkpoint-invalid", SIZE - 1),
    "a checkpoint is deleted": (statement("DELETE FROM checkpoint WHERE size = 4"), "checkpoint-missing", 3),
    "the first checkpoint is deleted": (statement("DELETE FROM checkpoint WHERE size = 0"), "checkpoint-missing", None),
    "the first checkpoint is edited": (statement("UPDATE checkpoint SET note = 'x' WHERE size = 0"), "checkpoint-invalid", None),
    "the newest checkpoint is deleted": (statement(f"DELETE FROM checkpoint WHERE size = {SIZE}"), "entry-unsigned", SIZE - 1),
    "all checkpoints are deleted": (statement("DELETE FROM checkpoint"), "checkpoint-missing", None),
    "two checkpoints are exchanged": (swap("checkpoint", "size", ("note",), 2, 4), "checkpoint-invalid", 1),
    "an old checkpoint is put in the newest one's place": (
        statement(f"UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 5) WHERE size = {SIZE}"),
        "checkpoint-invalid",
        SIZE - 1,
    ),
    "a checkpoint is added": (statement("INSERT INTO checkpoint SELECT 7, note FROM checkpoint WHERE size = 6"), "checkpoint-invalid", 6),
    "a checkpoint is added past the end": (statement("INSERT INTO checkpoint SELECT 99, note FROM checkpoint WHERE size = 6"), "ledger-inconsistent", None),
    "the table of nodes is dropped": (statement("DROP TABLE node"), "table-missing", None),
    "the ledger's name is edited": (statement("UPDATE meta SET value = 'mlsc.local/other' WHERE name = 'origin'"), "meta-edited", None),
    "the ledger's key is edited": (statement("UPDATE meta SET value = 'x' WHERE name = 'vkey'"), "meta-edited", None),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_it_is_found_and_the_entry_is_named(ledger: Ledger, place: str, memory: CheckpointMemory, intruder: Intruder, tampering: str) -> None:
    check_that_it_is_found(ledger, place, memory, intruder, tampering)


def check_that_it_is_found(ledger: Ledger, place: str, memory: CheckpointMemory, intruder: Intruder, tampering: str) -> None:
    tamper, code, entry = TAMPERINGS[tampering]
    ledger.close()
    tamper(intruder)
    judged = Ledger.open(place, memory) if code == "ledger-replaced" else ledger
    report = audit(judged, memory)
    judged.close()
    assert not report.ok
    told = [(fault.code, fault.entry) for fault in report.faults]
    assert any(told_code == code and (entry is None or told_entry == entry) for told_code, told_entry in told), report.faults


ON_A_SERVER = (
    "a record and all hashes are computed anew",
    "all is signed with another key",
    "an entry is deleted",
    "two nodes are exchanged",
    "an envelope is edited",
    "a checkpoint is deleted",
    "the table of nodes is dropped",
)


@pytest.mark.parametrize("tampering", ON_A_SERVER)
def test_it_is_found_on_a_server_too(new_database: Callable[[], str], key: Ed25519PrivateKey, memory: CheckpointMemory, tampering: str) -> None:
    url = new_database()
    check_that_it_is_found(fill(Ledger.create(url, key, memory), memory), url, memory, Intruder(url), tampering)


def test_code_on_a_server_is_a_finding(new_database: Callable[[], str], key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    url = new_database()
    ledger = fill(Ledger.create(url, key, memory), memory)
    Intruder(url).run("CREATE RULE forget AS ON DELETE TO entry DO INSTEAD NOTHING")
    assert [fault.code for fault in health(ledger, memory)] == ["schema-foreign"]
    ledger.close()


@pytest.mark.parametrize("tampering", [name for name, (_, code, _entry) in TAMPERINGS.items() if code in ("entry-edited", "node-edited", "envelope-edited")])
def test_only_what_was_touched_is_named_first(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder, tampering: str) -> None:
    tamper, _, entry = TAMPERINGS[tampering]
    tamper(intruder)
    assert entry is not None
    named = [fault.entry for fault in audit(ledger, memory).faults if fault.entry is not None]
    if "exchanged" not in tampering:
        assert min(named) == entry


def test_a_mended_ledger_is_sound_again(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder) -> None:
    genuine = records(intruder)
    edit_consistently(4)(intruder)
    assert not audit(ledger, memory).ok
    rewrite(intruder, genuine)
    assert audit(ledger, memory).ok


def test_nothing_is_signed_on_top_of_an_edited_tree(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory, intruder: Intruder) -> None:
    edit_consistently(4)(intruder)
    keeper = Ledger.open(place, memory, key)
    with pytest.raises(LedgerTamperedError, match="not the one that was signed"):
        keeper.append([new_entry(99)])
    assert len(records(intruder)) == SIZE
    assert health(keeper, memory) != ()
    keeper.close()


AT_THE_END = ("the last entry is deleted", "an entry is added", "the newest checkpoint is deleted", "all nodes are deleted", "a node is added")


@pytest.mark.parametrize("tampering", AT_THE_END)
def test_a_keeper_that_is_at_work_notices_too(ledger: Ledger, intruder: Intruder, tampering: str) -> None:
    TAMPERINGS[tampering][0](intruder)
    with pytest.raises(LedgerTamperedError, match="nothing was appended"):
        ledger.append([new_entry(99)])


def test_an_edited_record_or_envelope_is_never_read_as_evidence(ledger: Ledger, intruder: Intruder) -> None:
    digest = next(ledger.entries(4)).envelope
    edit_record(4)(intruder)
    intruder.run("UPDATE envelope SET content = ? WHERE entry = 4", envelope("forged"))
    with pytest.raises(LedgerTamperedError, match="entry 4 was edited"):
        list(ledger.entries())
    with pytest.raises(LedgerTamperedError, match="entry 4 was edited"):
        ledger.find(name="data/4.csv")
    with pytest.raises(LedgerTamperedError, match="was edited"):
        ledger.envelope(digest)


def test_a_gap_is_never_read_over(ledger: Ledger, intruder: Intruder) -> None:
    intruder.run("DELETE FROM entry WHERE number = 4")
    for newest_first in (False, True):
        with pytest.raises(LedgerTamperedError, match="entry 4 is missing"):
            list(ledger.entries(newest_first=newest_first))


def test_entries_that_no_checkpoint_covers_are_not_evidence(ledger: Ledger, intruder: Intruder) -> None:
    forged = altered(records(intruder)[0])
    intruder.run("INSERT INTO entry VALUES (?, ?, ?, ?)", SIZE, merkle.leaf_hash(forged), SIZE + 1, forged)
    intruder.run("INSERT INTO subject_index VALUES (?, 0, ?, ?)", SIZE, key_of("data/0.csv"), key_of("sha256:" + "f" * 64))
    assert ledger.find(digest="sha256:" + "f" * 64) == []
    assert len(list(ledger.entries())) == SIZE


def test_code_in_the_database_is_a_finding(ledger: Ledger, memory: CheckpointMemory, intruder: Intruder) -> None:
    intruder.run("CREATE TRIGGER forget AFTER INSERT ON entry BEGIN UPDATE entry SET record = x'00' WHERE number = new.number; END")
    assert [fault.code for fault in health(ledger, memory)] == ["schema-foreign"]
    assert not audit(ledger, memory).ok


def test_an_audit_beside_appends_judges_what_was_there_when_it_began(ledger: Ledger, memory: CheckpointMemory) -> None:
    report = audit(ledger, memory, progress=lambda done, total: void(ledger.append([new_entry(100 + done + total)])))
    assert report.ok, report.faults
    assert report.size == SIZE
    assert audit(ledger, memory).ok


def test_progress_is_told(ledger: Ledger, memory: CheckpointMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_mlsc.ledger.sweep._PAGE", 5)
    told: list[tuple[int, int]] = []
    assert audit(ledger, memory, lambda done, total: told.append((done, total))).ok
    assert told == [(5, SIZE), (10, SIZE), (SIZE, SIZE)]
