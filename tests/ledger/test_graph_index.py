"""The index of what came from what: it follows the entries, of every store and from several processes, and is made anew when it is not theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_entries import Intruder, digest_of, new_entry
from letters import READING, letter

import jupyter_mlsc
from jupyter_mlsc.ledger import CheckpointMemory, Ledger
from jupyter_mlsc.ledger import graph_queries as ask
from jupyter_mlsc.ledger.graph_index import GraphIndex, Reading, Rows
from jupyter_mlsc.ledger.index import key_of

TABLES = {
    "graph_made": "SELECT entry, digest, name, run, notebook, environment, at FROM graph_made ORDER BY entry",
    "graph_use": "SELECT entry, position, digest, name FROM graph_use ORDER BY entry, position",
    "graph_part": "SELECT tree, file, entry FROM graph_part ORDER BY entry, tree, file",
    "graph_word": "SELECT entry, digest FROM graph_word ORDER BY entry",
    "graph_state": "SELECT version, origin, position, tip FROM graph_state",
}
LETTERS = ["b<a", "c<b", "d<b,c", "tree[b,c]", "e<tree", "word:c"]


def content(intruder: Intruder) -> dict[str, list[tuple[object, ...]]]:
    return {table: [tuple(bytes(each) if isinstance(each, memoryview) else each for each in row) for row in intruder.run(sql)] for table, sql in TABLES.items()}


def append(ledger: Ledger, *texts: str) -> None:
    size = ledger.size
    ledger.append([letter(text, size + place) for place, text in enumerate(texts)])


def key(name: str) -> bytes:
    return key_of(f"sha256:{name}")


def made_of(index: GraphIndex, name: str) -> list[int]:
    """Entries on what was made of something, in order."""
    with index.current() as connection:
        return sorted(entry for _, entry in ask.uses(connection, [key(name)], 100))


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    append(ledger, *LETTERS)
    return ledger


def test_what_was_used_made_listed_and_said_is_found_by_key(ledger: Ledger) -> None:
    with GraphIndex(ledger, READING).current() as connection:
        assert [(digest, entry) for digest, entry in ask.uses(connection, [key("b")], 9)] == [(key("b"), 2), (key("b"), 1)]
        assert [row[1:3] for row in ask.makings(connection, [key("d"), key("e")])] == [(2, key("d")), (4, key("e"))]
        assert list(ask.wholes(connection, [key("c")])) == [(key("c"), key("tree"), 3)]
        assert sorted(file for _, file, _ in ask.parts(connection, [key("tree")], 9, made=True)) == sorted([key("b"), key("c")])
        assert list(ask.words(connection, [key("c"), key("b")])) == [(key("c"), 5)]
        assert set(ask.used_ones(connection, [key("a"), key("d"), key("tree")])) == {key("a"), key("tree")}
        assert ask.made_in(connection, key_of("run 2"), 9) == [2]


def test_only_what_was_appended_since_is_read(ledger: Ledger) -> None:
    read: list[int] = []

    def add(rows: Rows, number: int, predicate_type: str, envelope: bytes) -> None:
        read.append(number)
        READING.add(rows, number, predicate_type, envelope)

    index = GraphIndex(ledger, replace(READING, add=add))
    assert made_of(index, "b") == [1, 2]
    assert read == [0, 1, 2, 3, 4, 5]
    append(ledger, "f<b")
    assert made_of(index, "b") == [1, 2, 6]
    assert made_of(GraphIndex(ledger, replace(READING, add=add)), "b") == [1, 2, 6]
    assert read == [0, 1, 2, 3, 4, 5, 6]


def test_what_is_of_no_kind_that_is_read_and_what_cannot_be_read_gives_no_rows(ledger: Ledger, intruder: Intruder) -> None:
    made_of(GraphIndex(ledger, READING), "b")
    before = content(intruder)
    ledger.append([new_entry(7), letter("?", 8)])
    made_of(GraphIndex(ledger, READING), "b")
    after = content(intruder)
    assert {table: after[table] for table in TABLES if table != "graph_state"} == {table: before[table] for table in TABLES if table != "graph_state"}
    assert after["graph_state"][0][2] == 8


STALE = {
    "the index is of another ledger": ("UPDATE graph_state SET origin = 'mlsc.local/another'",),
    "an older version made it": ("UPDATE graph_state SET version = '0'",),
    "it followed other entries": ("UPDATE graph_state SET tip = name FROM graph_made",),
    "it has followed more than there is": ("UPDATE graph_state SET position = 99",),
    "it does not say how far it has come": ("DELETE FROM graph_state",),
    "it says so twice": ("INSERT INTO graph_state SELECT 'x', origin, position, tip FROM graph_state",),
    "a table was dropped": ("DROP TABLE graph_use",),
    "all tables were dropped": tuple(f"DROP TABLE {table}" for table in TABLES),
    "a table has another shape": ("DROP TABLE graph_made", "CREATE TABLE graph_made (another TEXT)"),
}


@pytest.mark.parametrize("case", STALE)
def test_an_index_that_is_not_of_these_entries_is_made_anew_when_it_is_asked(ledger: Ledger, intruder: Intruder, case: str) -> None:
    index = GraphIndex(ledger, READING)
    made_of(index, "b")
    genuine = content(intruder)
    for statement in STALE[case]:
        intruder.run(statement)
    assert made_of(index, "b") == [1, 2]
    assert content(intruder) == genuine
    assert index.wrong_rows() == 0


def test_another_version_of_the_reader_makes_the_index_anew(ledger: Ledger, intruder: Intruder) -> None:
    made_of(GraphIndex(ledger, READING), "b")

    def nothing(rows: Rows, number: int, predicate_type: str, envelope: bytes) -> None:
        del rows, number, predicate_type, envelope

    assert made_of(GraphIndex(ledger, Reading("next", READING.predicate_types, nothing)), "b") == []
    assert content(intruder)["graph_use"] == []
    assert made_of(GraphIndex(ledger, READING), "b") == [1, 2]


def test_the_index_of_a_ledger_that_was_rolled_back_is_not_believed(ledger: Ledger, intruder: Intruder) -> None:
    size = ledger.size
    append(ledger, "f<b", "g<b")
    index = GraphIndex(ledger, READING)
    assert made_of(index, "b") == [1, 2, size, size + 1]
    for table, column in (("entry", "number"), ("envelope", "entry"), ("node", "number"), ("checkpoint", "size")):
        intruder.run(f"DELETE FROM {table} WHERE {column} {'>' if table == 'checkpoint' else '>='} {size}")
    assert made_of(index, "b") == [1, 2]
    assert made_of(GraphIndex(ledger, READING), "b") == [1, 2]
    assert content(intruder)["graph_state"][0][2] == size


FORGED = {
    "a use is deleted": ("DELETE FROM graph_use WHERE entry = 1", 1),
    "a use is edited": ("UPDATE graph_use SET digest = name WHERE entry = 2 AND position = 0", 1),
    "a use is added": ("INSERT INTO graph_use SELECT 0, 7, digest, name FROM graph_use WHERE entry = 1", 1),
    "a use of no entry is added": ("INSERT INTO graph_use SELECT 77, 0, digest, name FROM graph_use WHERE entry = 1", 1),
    "a use of an entry before all is added": ("INSERT INTO graph_use SELECT -1, 0, digest, name FROM graph_use WHERE entry = 1", 1),
    "what was made is deleted": ("DELETE FROM graph_made WHERE entry = 2", 1),
    "what was made is edited": ("UPDATE graph_made SET at = 0 WHERE entry = 2", 1),
    "a file of a folder is deleted": ("DELETE FROM graph_part WHERE entry = 3", 2),
    "a file of a folder is added": ("INSERT INTO graph_part SELECT tree, tree, entry FROM graph_part LIMIT 1", 1),
    "a word is deleted": ("DELETE FROM graph_word", 1),
    "all uses are deleted": ("DELETE FROM graph_use", 5),
}


@pytest.mark.parametrize("case", FORGED)
def test_rows_that_somebody_edited_are_counted_and_made_anew(ledger: Ledger, intruder: Intruder, case: str) -> None:
    index = GraphIndex(ledger, READING)
    made_of(index, "b")
    genuine = content(intruder)
    statement, wrong = FORGED[case]
    intruder.run(statement)
    assert index.wrong_rows() == wrong
    index.remake()
    assert content(intruder) == genuine
    assert index.wrong_rows() == 0


def test_an_index_that_is_behind_keeps_no_row_that_was_forged_ahead(ledger: Ledger, intruder: Intruder) -> None:
    index = GraphIndex(ledger, READING)
    made_of(index, "b")
    intruder.run("INSERT INTO graph_use SELECT 6, 0, digest, name FROM graph_use WHERE entry = 1")
    append(ledger, "f<a")
    made_of(index, "b")
    assert index.wrong_rows() == 1
    index.remake()
    assert made_of(index, "b") == [1, 2]


def test_several_processes_follow_at_once_and_no_row_is_lost_or_doubled(place: str, ledger: Ledger, memory: CheckpointMemory, intruder: Intruder) -> None:
    append(ledger, *(f"m{number}<a" for number in range(3_000)))
    here = Path(__file__).parent
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(Path(jupyter_mlsc.__file__).parents[1])])}
    arguments = [sys.executable, str(here / "graph_follower.py"), place, str(memory.path)]
    running = [subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) for _ in range(4)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = []
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        answers.append(out)
    assert answers == ["3001 in the database\n"] * 4
    assert len(content(intruder)["graph_made"]) == 3_000 + 4
    assert GraphIndex(ledger, READING).wrong_rows() == 0


def test_who_cannot_write_is_answered_from_memory(read_only: tuple[Path, Callable[[], None]], key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    folder, close = read_only
    made = Ledger.create(folder / "ledger.db", key, memory)
    append(made, *LETTERS)
    made.close()
    close()
    opened = Ledger.open(folder / "ledger.db", memory)
    index = GraphIndex(opened, READING)
    assert made_of(index, "b") == [1, 2]
    assert made_of(index, "tree") == [4]
    assert index.wrong_rows() == 0
    with opened.store.reading() as connection:
        assert "graph_use" not in opened.store.table_names(connection)
    opened.close()


def test_a_reader_of_a_server_without_write_rights_is_answered_from_memory_and_goes_on_following(
    new_database: Callable[[], str], key: Ed25519PrivateKey, memory: CheckpointMemory
) -> None:
    import psycopg

    place = new_database()
    made = Ledger.create(place, key, memory)
    append(made, *LETTERS)
    schema = place.partition("search_path%3D")[2]
    reader = f"reader_{os.urandom(4).hex()}"
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {reader} LOGIN")
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {reader}")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}")
    opened = Ledger.open(place.replace("postgres@", f"{reader}@"), memory)
    index = GraphIndex(opened, READING)
    assert made_of(index, "b") == [1, 2]
    append(made, "f<b")
    assert made_of(index, "b") == [1, 2, 6]
    opened.close()
    made.close()


def test_statements_are_read_by_number_with_their_envelopes_and_an_edited_one_is_refused(ledger: Ledger, intruder: Intruder) -> None:
    found = [(entry.index, content) for entry, content in ledger.statements_at([4, 1, 1, 99])]
    assert [number for number, _ in found] == [1, 4]
    assert found[0][1] == letter("c<b", 1).envelope
    intruder.run("UPDATE envelope SET content = ? WHERE entry = 4", b"{}")
    with pytest.raises(jupyter_mlsc.MlscError, match="entry 4"):
        list(ledger.statements_at([4]))
    assert digest_of(1) not in ledger.known_envelopes([digest_of(1)])
