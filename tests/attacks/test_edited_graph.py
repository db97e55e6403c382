"""Somebody edits the index of what came from what: no verdict changes, no false line appears, and `log verify` and `log reindex` tell of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.ledger.index import key_of
from tests.attacks.decided import MODEL, TOP, Team, approve, override, promote, revoke
from tests.attacks.forgery import assert_fine, assert_refused, digest_at, now, plant, provenance, stranger
from tests.conftest import Person

Make = Callable[..., Person]


@pytest.fixture
def team(person: Make) -> Team:
    """Ada's model of her data, and what was made of the model; both have been asked for, so that there is an index."""
    made = Team(person)
    made.make_model()
    run = made.ada.new_run()
    made.ada.load(MODEL, run)
    made.ada.save([4], "models/second.json", run)
    impact(made.ada, "data/train.csv")
    return made


def sql(person: Person, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(person.root / ".mlsc" / "ledger.db", isolation_level=None)) as connection:
        connection.execute(statement, values)


def impact(person: Person, path: str) -> list[str]:
    """Paths of all that was made from it, as a process of its own sees it."""
    found = person.project.neighbourhood(str(person.root / path), "impact", depth=8)
    return [node.path for node in found.nodes[1:]]


def lineage(person: Person, path: str) -> list[str]:
    found = person.project.neighbourhood(str(person.root / path), "lineage", depth=8)
    return [node.path for node in found.nodes[1:]]


HIDING = {
    "a use is deleted": "DELETE FROM graph_use",
    "what was made is deleted": "DELETE FROM graph_made",
    "keys are edited": "UPDATE graph_use SET digest = name",
    "the tables are dropped": "DROP TABLE graph_use",
}


@pytest.mark.parametrize("how", HIDING)
def test_a_verdict_does_not_ask_the_index(team: Team, how: str) -> None:
    revoke(team.carol, "data/train.csv")
    sql(team.ada, HIDING[how])
    assert_refused(team.ada, MODEL, "input-revoked")
    assert_refused(team.ada, "models/second.json", "input-revoked")
    # Nor does an index that tells lies refuse what is fine.
    team.ada.write("data/fine.csv", "x,y\n8,8\n")
    team.ada.sign("data/fine.csv")
    sql(team.ada, "CREATE TABLE IF NOT EXISTS graph_use (entry INTEGER, position INTEGER, digest BLOB, name BLOB, PRIMARY KEY (entry, position))")
    sql(team.ada, "UPDATE graph_made SET digest = ?", key_of(str(digest_at(team.ada, "data/fine.csv"))))
    assert_fine(team.ada, "data/fine.csv")


def test_rows_that_no_statement_bears_out_show_nothing(team: Team) -> None:
    team.ada.write("data/other.csv", "x,y\n1,2\n")
    team.ada.sign("data/other.csv")
    other = key_of(str(digest_at(team.ada, "data/other.csv")))
    sql(team.ada, "UPDATE graph_use SET digest = ?", other)
    assert impact(team.ada, "data/other.csv") == []
    sql(team.ada, "UPDATE graph_made SET digest = ?", other)
    assert lineage(team.ada, "data/other.csv") == []
    (number,) = {entry.index for entry in team.ada.project.books.ledger.entries(kind="signature")} & {0}  # type: ignore[union-attr]
    sql(team.ada, "UPDATE graph_made SET entry = ? WHERE entry = (SELECT min(entry) FROM graph_made)", number)
    assert lineage(team.ada, "data/other.csv") == []


@pytest.mark.parametrize("command", [("log", "verify"), ("log", "reindex")], ids=["verify", "reindex"])
def test_what_was_hidden_is_told_and_comes_back(team: Team, command: tuple[str, str]) -> None:
    assert impact(team.ada, "data/train.csv") == [MODEL, "models/second.json"]
    sql(team.ada, "DELETE FROM graph_use WHERE entry = (SELECT min(entry) FROM graph_use)")
    assert impact(team.ada, "data/train.csv") == []
    done = team.ada.mlsc(*command)
    assert done.returncode == 0
    assert "1 wrong row" in done.stdout or "1 row of what came from what had been wrong" in done.stdout
    assert impact(team.ada, "data/train.csv") == [MODEL, "models/second.json"]
    again = json.loads(team.ada.mlsc(*command, "--json").stdout)
    assert again["ok"] is True
    assert again.get("repaired", []) == []
    assert again.get("wrong", 0) == 0


def test_an_index_of_another_project_s_ledger_is_not_believed(team: Team, person: Make) -> None:
    mallory = person("mallory", root=team.root.parent / "elsewhere")
    mallory.init()
    mallory.write("data/train.csv")
    mallory.sign("data/train.csv")
    run = mallory.new_run()
    mallory.load("data/train.csv", run)
    mallory.save([1], "models/theirs.json", run)
    assert impact(mallory, "data/train.csv") == ["models/theirs.json"]
    with closing(sqlite3.connect(mallory.root / ".mlsc" / "ledger.db", isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS ours", (str(team.root / ".mlsc" / "ledger.db"),))
        for table in ("graph_state", "graph_made", "graph_use", "graph_part", "graph_word"):
            connection.execute(f"DELETE FROM ours.{table}")
            connection.execute(f"INSERT INTO ours.{table} SELECT * FROM main.{table}")
    assert impact(team.ada, "data/train.csv") == [MODEL, "models/second.json"]


def test_what_a_stranger_says_of_inputs_is_shown_as_nobody_s_word_and_changes_no_verdict(team: Team) -> None:
    team.ada.write("data/clean.csv", "x,y\n3,3\n")
    team.ada.sign("data/clean.csv")
    bad = ("data/train.csv", digest_at(team.ada, "data/train.csv"), predicates.InputBody("allow", True))
    plant(team.ada, provenance(team.ada, "data/clean.csv", stranger(), inputs=[bad]))
    revoke(team.carol, "data/train.csv")
    assert_fine(team.ada, "data/clean.csv")
    assert "signed by a key that the policy does not name" in team.ada.mlsc("lineage", "data/clean.csv").stdout


def test_marks_follow_revocations_of_bytes_and_of_keys(team: Team) -> None:
    before = team.ada.project.lineage(str(team.root / "models/second.json"), depth=8)
    assert (before.revoked, before.input_revoked) == (False, False)
    revoke(team.carol, "data/train.csv")
    project = team.ada.project
    node = project.lineage(str(team.root / "models/second.json"), depth=8)
    ((_, model),) = node.inputs
    ((_, train),) = model.inputs
    assert [(each.revoked, each.input_revoked) for each in (node, model, train)] == [(False, True), (False, True), (True, False)]
    # However little of the way is shown.
    short = project.lineage(str(team.root / "models/second.json"), depth=0)
    assert short.input_revoked
    root = project.impact(str(team.root / "data/train.csv"), depth=1).artifact
    assert (root.revoked, [each.input_revoked for each in root.outputs]) == (True, [True])
    assert "made from what is revoked" in team.ada.mlsc("lineage", "models/second.json").stdout
    assert node.origin is not None
    assert not node.origin.key_revoked


def test_the_signature_of_a_revoked_key_is_marked(team: Team) -> None:
    ada = team.ada
    key = ada.project.run_signer.public.key_id
    ada.project.revoke(key, why="stolen", channel="terminal", passphrases=ada.passphrases)
    node = ada.project.lineage(str(team.root / MODEL), depth=1)
    assert node.origin is not None
    assert node.origin.key_revoked
    assert "signed by ada-runs with a key that is revoked" in ada.mlsc("lineage", MODEL).stdout


def test_where_it_went_follows_promotions_and_exceptions(person: Make) -> None:
    team = Team(person)
    team.make_model()
    for each in (team.bob, team.carol):
        approve(each, MODEL)
    team.ada.sign(MODEL)
    for each in (team.ada, team.bob):
        done = promote(each)
    assert done.done, done
    override_until = now(days=2)
    team.ada.write("data/late.csv", "x\n1\n")
    assert override(team.carol, "data/late.csv", until=override_until).done
    shown = team.ada.mlsc("impact", "data/train.csv").stdout
    assert f"promoted to {TOP} from {MODEL} by" in shown
    root = team.ada.project.impact(str(team.root / "data/late.csv"), depth=1).artifact
    assert [(place.what, place.path, place.by, place.until) for place in root.places] == [("overridden", "data/late.csv", "carol", override_until)]
    (model,) = team.ada.project.impact(str(team.root / "data/train.csv"), depth=1).artifact.outputs
    assert {(place.what, place.path, place.source) for place in model.places} == {("promoted", TOP, MODEL)}
