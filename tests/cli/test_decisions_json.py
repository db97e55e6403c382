"""Decisions for programs: the fields of ``--json`` and of the log, with who, when, why and until when."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from here import mlsc

from tests.attacks.decided import MODEL, TOP, Team, approve, override, promote, revoke
from tests.attacks.forgery import now
from tests.conftest import Person


@pytest.fixture
def team(person: Callable[..., Person]) -> Team:
    made = Team(person)
    made.make_model()
    return made


def test_the_log_says_who_decided_what_and_why(team: Team) -> None:
    approve(team.carol, MODEL)
    promote(team.ada)
    team.change(lambda text: text.replace('security = ["carol"]', 'security = ["carol", "ada"]'))
    team.ada.write("data/late.csv", "x\n7\n")
    override(team.ada, "data/late.csv", until=now(days=1))
    approve(team.ada, MODEL, yes=False, note="I was wrong")
    revoke(team.ada, "data/train.csv", "flipped labels")
    shown = json.loads(mlsc(team.ada, "log", "show", "--json").stdout)
    told = {item["kind"]: item for item in shown if item["kind"] in ("promotion", "override", "review", "revocation")}
    assert {kind: (item["decision"], item["why"], item["signer"], item["channel"]) for kind, item in told.items()} == {
        "promotion": ("promoted", "", "ada", "terminal"),
        "override": ("overridden", "the demonstration is today", "ada", "terminal"),
        "review": ("rejected", "I was wrong", "ada", "terminal"),
        "revocation": ("revoked", "flipped labels", "ada", "terminal"),
    }
    assert (told["promotion"]["stage"], told["promotion"]["source"]) == ("production", MODEL)
    assert told["override"]["covers"] == ["unsigned"]
    assert told["override"]["until"].endswith("Z")
    assert told["revocation"]["revokes"] == "artifact"
    text = mlsc(team.ada, "log", "show").stdout
    assert "rejected: I was wrong" in text
    assert f"overridden until {told['override']['until'][:16]}Z: the demonstration is today" in text


def test_verify_and_status_say_what_was_decided(team: Team) -> None:
    approve(team.carol, MODEL, note="all of it")
    promote(team.ada)
    promote(team.bob)
    (found,) = json.loads(mlsc(team.ada, "verify", "--json", TOP).stdout)["artifacts"]
    assert [(d["decision"], d["by"], d["why"], d["about"]) for d in found["decisions"]] == [
        ("approved", "carol", "all of it", None),
        ("promoted", "ada", "", MODEL),
        ("promoted", "bob", "", MODEL),
    ]
    revoke(team.carol, "data/train.csv", "flipped labels")
    found = json.loads(mlsc(team.ada, "verify", "--json", TOP).stdout)["artifacts"][0]
    (revoked,) = [d for d in found["decisions"] if d["decision"] == "revoked"]
    assert (revoked["by"], revoked["why"], revoked["about"]) == ("carol", "flipped labels", "data/train.csv")
    status = json.loads(mlsc(team.ada, "status", "--json").stdout)
    assert [(r["what"], r["by"], r["why"], r["key"]) for r in status["revocations"]] == [("data/train.csv", "carol", "flipped labels", None)]
    sarif = json.loads(mlsc(team.ada, "verify", "--sarif", TOP).stdout)["runs"][0]["results"]
    assert [(r["ruleId"], r["level"], "suppressions" in r) for r in sarif] == [("input-revoked", "error", False)]


def test_a_decision_for_a_program(team: Team) -> None:
    done = mlsc(team.carol, "review", MODEL, "--approve", "--note", "all of it", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["decision"], told["path"], told["signer"], told["why"]) == (0, True, "approved", MODEL, "carol", "all of it")
    waiting = mlsc(team.ada, "promote", MODEL, "--to", "production", "--json")
    told = json.loads(waiting.stdout)
    assert (waiting.returncode, told["ok"], told["recorded"], told["source"], told["path"]) == (1, False, True, MODEL, TOP)
    (missing,) = told["verdict"]["reasons"]
    assert missing["code"] == "threshold-not-met"
    assert missing["next"] == f"ask another person in ml-lead to run: mlsc promote {MODEL} --to production"
    refused = mlsc(team.dave, "revoke", MODEL, "--why", "x", "--json")
    told = json.loads(refused.stdout)
    assert (refused.returncode, told["ok"], told["error"]["type"]) == (1, False, "DecisionRefusedError")
    assert "carol" in told["error"]["next"]


@pytest.mark.parametrize(
    "given",
    [
        ("review", MODEL, "--note", "neither of both"),
        ("review", MODEL, "--approve", "--reject", "--note", "both"),
        ("review", MODEL, "--approve"),
        ("review", MODEL, "--approve", "--note", " "),
        ("review", MODEL, "--approve", "--note", "x" * 5000),
        ("revoke", MODEL),
        ("revoke", MODEL, "--why", ""),
        ("override", MODEL, "--why", "x"),
        ("override", MODEL, "--why", "x", "--until", "2999-01-01T12:00"),
        ("override", MODEL, "--why", "x", "--until", "next week"),
        ("promote", MODEL),
        ("promote", MODEL, "--to", "nowhere"),
    ],
    ids=lambda given: " ".join(given)[:40],
)
def test_what_cannot_be_a_decision_is_wrong_usage(team: Team, given: tuple[str, ...]) -> None:
    before = {path.name: path.read_bytes() for path in (team.root / ".mlsc/claims").iterdir()}
    assert mlsc(team.carol, *given).returncode == 2
    assert {path.name: path.read_bytes() for path in (team.root / ".mlsc/claims").iterdir()} == before
