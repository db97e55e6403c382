"""What a person does in the panel, over a real server: signed statements with the channel panel, refused where the policy would not count them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.conftest import Person
from tests.server.conftest import PASSPHRASE, Asked


def channel_of_newest(person: Person, kind: str) -> str:
    """Through what the newest entry of a kind was said, from the statement itself."""
    from jupyter_mlsc.attestation import Envelope, open_envelope

    project = person.project
    ledger = project.books.ledger
    assert ledger is not None
    entry = next(each for each in ledger.entries(newest_first=True) if each.kind == kind)
    statement = open_envelope(Envelope.from_json(ledger.envelope(entry.envelope)), project.identities).statement
    body: Any = statement.predicate
    return str(body.get("channel") or body.get("mlsc", {}).get("channel") or body.get("review", {}).get("channel"))


async def test_a_project_is_made_from_the_panel(folder: Person, ask: Asked) -> None:
    locked, problem = await ask("POST", "init", {"mode": "enforce", "name": "ada"})
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})
    code, made = await ask("POST", "init", {"mode": "enforce", "name": "ada"})
    _, status = await ask("GET", "status")

    assert (locked, problem["code"]) == (423, "key-unavailable")
    assert (code, made["project"], made["identity"]) == (201, "", "ada")
    assert (status["state"], status["mode"], status["policy"]) == ("ready", "enforce", "accepted")


async def test_nothing_is_signed_before_the_passphrase_was_handed_over(served: Person, ask: Asked) -> None:
    served.write("data/new.csv", "a\n1\n")

    code, problem = await ask("POST", "signatures", {"paths": ["data/new.csv"]})

    assert (code, problem["code"]) == (423, "key-unavailable")
    assert "unlock" in problem["next"]
    assert served.verify("data/new.csv").allowed is False


async def test_a_wrong_passphrase_is_refused_and_not_kept(served: Person, ask: Asked) -> None:
    code, problem = await ask("POST", "unlock", {"passphrase": "not the passphrase"})
    _, status = await ask("GET", "status")

    assert (code, problem["code"]) == (423, "key-unavailable")
    assert status["unlocked"] is False


async def test_the_passphrase_is_asked_once_and_shows_nowhere(served: Person, ask: Asked, jp_serverapp: Any, caplog: Any) -> None:
    code, told = await ask("POST", "unlock", {"passphrase": PASSPHRASE})
    wrong, problem = await ask("POST", "unlock", {"passphrase": [PASSPHRASE]})
    also_wrong, other = await ask("POST", "unlock", f'{{"passphrase": "{PASSPHRASE}", "pass": 1}}')
    _, status = await ask("GET", "status")

    assert (code, told["unlocked"], status["unlocked"]) == (200, True, True)
    assert (wrong, also_wrong) == (400, 400)
    everything = json.dumps([told, problem, other, status]) + caplog.text
    assert PASSPHRASE not in everything
    import os

    assert PASSPHRASE not in str(os.environ)


async def test_the_passphrase_is_forgotten_when_asked(served: Person, ask: Asked) -> None:
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})

    code, told = await ask("DELETE", "unlock")

    assert (code, told["unlocked"]) == (200, False)
    served.write("data/new.csv", "a\n1\n")
    assert (await ask("POST", "signatures", {"paths": ["data/new.csv"]}))[0] == 423


async def test_signing_in_the_panel_counts_and_says_so(served: Person, ask: Asked) -> None:
    served.write("data/new.csv", "a\n1\n")
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})

    code, told = await ask("POST", "signatures", {"paths": ["data/new.csv"], "note": "looked at"})

    assert code == 201
    assert (told["signed"][0]["path"], told["signed"][0]["signer"], told["signed"][0]["judged"]["verdict"]) == ("data/new.csv", "ada", "allow")
    assert served.verify("data/new.csv").verified
    assert channel_of_newest(served, "signature") == "panel"


def change_policy(person: Person, old: str, new: str) -> None:
    text = (person.root / "mlsc.toml").read_text()
    assert old in text
    person.write("mlsc.toml", text.replace(old, new))
    assert person.mlsc("policy", "trust", "--yes").returncode == 0


async def test_a_signature_through_a_channel_that_the_rule_does_not_accept_is_refused(served: Person, ask: Asked) -> None:
    change_policy(served, 'signed = { by = "data-steward" }', 'signed = { by = "data-steward", channel = "terminal" }')
    served.write("data/new.csv", "a\n1\n")
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})
    before = served.project.books.ledger.size  # type: ignore[union-attr]

    code, problem = await ask("POST", "signatures", {"paths": ["data/new.csv"]})
    _, status = await ask("GET", "status", path="data/new.csv")

    assert (code, problem["code"]) == (403, "decision-refused")
    assert "wrong-channel" in problem["message"]
    assert status["may"]["sign"] == {"allowed": False, "why": "it counts only through: terminal"}
    assert served.project.books.ledger.size == before  # type: ignore[union-attr]


async def test_a_signature_by_somebody_without_the_role_is_refused(served: Person, ask: Asked) -> None:
    change_policy(served, 'data-steward = ["ada"]', "data-steward = []")
    served.write("data/new.csv", "a\n1\n")
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})

    code, problem = await ask("POST", "signatures", {"paths": ["data/new.csv"]})

    assert (code, problem["code"]) == (403, "decision-refused")
    assert "untrusted-signer" in problem["message"]


async def test_a_review_is_bound_to_what_the_notebook_read_and_wrote(served: Person, ask: Asked) -> None:
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})

    code, told = await ask("POST", "reviews", {"path": "work.ipynb", "decision": "approve", "note": "read it all"})

    assert (code, told["decision"], told["seen"]) == (201, "approved", 2)
    assert channel_of_newest(served, "review") == "panel"


async def test_a_rejection_needs_words(served: Person, ask: Asked) -> None:
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})

    code, problem = await ask("POST", "reviews", {"path": "work.ipynb", "decision": "reject", "note": "  "})

    assert (code, problem["code"]) == (400, "usage")


async def test_a_revocation_blocks_from_that_moment(served: Person, ask: Asked) -> None:
    _, runs = await ask("GET", "runs", path="work.ipynb")
    digest = next(row["digest"] for row in runs["rows"] if row["path"] == "data/train.csv")
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})

    code, told = await ask("POST", "revocations", {"digest": digest, "why": "poisoned"})
    _, after = await ask("GET", "runs", path="work.ipynb")

    assert (code, told["decision"], told["digests"]) == (201, "revoked", [digest])
    assert {row["verdict"] for row in after["rows"]} == {"block"}
    assert channel_of_newest(served, "revocation") == "panel"


async def test_a_revocation_is_of_exactly_one_thing(served: Person, ask: Asked) -> None:
    for body in ({"why": "x"}, {"why": "x", "path": "data/train.csv", "digest": "sha256:" + "0" * 64}, {"why": "x", "digest": "data/train.csv"}):
        code, problem = await ask("POST", "revocations", body)

        assert (code, problem["code"]) == (400, "usage")


async def test_an_exception_is_made_where_the_policy_lets_it_and_refused_where_not(served: Person, ask: Asked) -> None:
    served.write("data/new.csv", "a\n1\n")
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})
    until = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    refused, problem = await ask("POST", "overrides", {"path": "data/new.csv", "why": "for the demo", "until": until})
    (served.root / "mlsc.toml").write_text((served.root / "mlsc.toml").read_text() + '\n[override]\nby = "data-steward"\nmax = "7d"\n')
    served.mlsc("policy", "trust", "--yes")

    code, told = await ask("POST", "overrides", {"path": "data/new.csv", "why": "for the demo", "until": until})
    past, of_past = await ask("POST", "overrides", {"path": "data/new.csv", "why": "for the demo", "until": "2001-01-01"})

    assert (refused, problem["code"]) == (403, "decision-refused")
    assert (code, told["decision"], told["judged"]["verdict"]) == (201, "overridden", "allow")
    assert (past, of_past["code"]) == (400, "usage")


async def test_a_policy_that_nobody_accepted_lets_nobody_decide(served: Person, ask: Asked) -> None:
    (served.home / "mlsc" / "accepted").rename(served.home / "mlsc" / "once-accepted")
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})

    code, problem = await ask("POST", "signatures", {"paths": ["data/train.csv"]})

    assert (code, problem["code"]) == (403, "policy-untrusted")


async def test_paths_of_two_projects_are_not_signed_together(served: Person, ask: Asked) -> None:
    other = Path(served.root / "other")
    other.mkdir()
    Person("ada", served.home, other).init()
    (other / "data").mkdir()
    (other / "data/x.csv").write_text("a\n1\n")

    code, problem = await ask("POST", "signatures", {"paths": ["data/train.csv", "other/data/x.csv"]})

    assert (code, problem["code"]) == (400, "usage")
