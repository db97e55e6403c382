"""A replay that never was: said by the wrong key, for other bytes, under another name or tier, against its own digests, too late or too early: refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jupyter_mlsc import predicates, replays
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.decisions import Bound
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import AttestationError, BlockedArtifactError
from jupyter_mlsc.keys import Signer
from jupyter_mlsc.replays import DIFFERS, EQUAL, MISSING, REPLAY, WITHIN, DifferenceBody, ReplayBody, ReplayedOutput
from tests.attacks.forgery import accept, assert_fine, assert_refused, codes, digest_at, now, plant, run_key, stranger, vouching_key
from tests.conftest import Person

MODEL = "models/churn.json"
OTHER = "sha256:" + "0" * 64
ASKED = 'require = ["verified-inputs", "reproduced"]\nreproduced = {{ max-age = "10d", tier = "{}" }}'


def asking(person: Person, tier: str) -> Person:
    """A project with a model that a run made, where models must be reproduced by runs of a tier at least."""

    def change(text: str) -> str:
        before, _, after = text.rpartition('require = ["verified-inputs"]')
        return before + ASKED.format(tier) + after

    accept(person, change=change)
    run = person.new_run()
    person.load("data/train.csv", run)
    person.save([1, 2, 3], MODEL, run)
    person.more["TIER_ASKED"] = tier
    assert_refused(person, MODEL, "not-reproduced")
    return person


@pytest.fixture
def asked(signed_dataset: Person) -> Person:
    return asking(signed_dataset, "guarded")


@pytest.fixture
def asked_supervised(signed_dataset: Person) -> Person:
    return asking(signed_dataset, "supervised")


def right_key(person: Person) -> Signer:
    """The key of the tier that the rule asks for."""
    return person.project.keys.run_signer(person.more["TIER_ASKED"])


def replay(
    person: Person,
    *signers: Signer,
    name: str = MODEL,
    subject: str | None = None,
    of_model: bool = False,
    output: dict[str, Any] | None = None,
    **changes: Any,
) -> Envelope:
    """A statement that everything came out the same; ``output`` and ``changes`` are what is forged in it."""
    digest = str(digest_at(person, MODEL))
    tree = predicates.content_tree(measure(person.root / MODEL))
    fields: dict[str, Any] = {"name": name, "digest": digest, "result": EQUAL, "replayed": digest, "content_tree": tree}
    told = ReplayedOutput(**(fields | (output or {})))
    tier, project = changes.pop("tier", person.more["TIER_ASKED"]), changes.pop("project", person.project.project_id)
    body: dict[str, Any] = {
        "project": project,
        "facts": predicates.RunFacts("f" * 32, changes.pop("facts_project", project), tier),
        "notebook": Bound("work.ipynb", OTHER),
        "of": "e" * 32,
        "order": "recorded",
        "inputs": (),
        "outputs": (told,),
        "at": now(),
    }
    subjects = (Subject(subject or told.name, Digest.parse(digest if of_model else told.digest).in_toto()),)
    return seal(Statement(subjects, REPLAY, predicates.to_predicate(ReplayBody(**(body | changes)))), signers)


def test_an_honest_one_counts_so_that_the_others_fail_for_what_is_forged_in_them(asked: Person) -> None:
    plant(asked, replay(asked, right_key(asked)))
    assert_fine(asked, MODEL)


FORGED: list[tuple[str, dict[str, Any]]] = [
    ("of other bytes", {"output": {"digest": OTHER, "replayed": OTHER, "content_tree": None}}),
    ("of these bytes by its subject, of others by its body", {"output": {"digest": OTHER, "replayed": OTHER, "content_tree": None}, "of_model": True}),
    ("of another name", {"name": "models/other.json"}),
    ("of another project", {"project": "another-0123456789"}),
    ("of two projects", {"facts_project": "another-0123456789"}),
    ("the same by its word, not by its digests", {"output": {"replayed": OTHER}}),
    ("the same by its word, with nothing that came out", {"output": {"replayed": None}}),
    ("near by its word, within no tolerance", {"output": {"result": WITHIN, "replayed": OTHER}}),
    ("within a tolerance that lets everything pass", {"output": {"result": WITHIN, "replayed": OTHER}, "tolerance": 1.0}),
    ("within a tolerance that is none", {"output": {"result": WITHIN, "replayed": OTHER}, "tolerance": 1e9}),
    ("not the same", {"output": {"result": DIFFERS, "replayed": OTHER, "difference": DifferenceBody(1, 0.1, "x")}}),
    ("nothing came out", {"output": {"result": MISSING, "replayed": None}}),
    ("a result that nobody knows", {"output": {"result": "perfect"}}),
    ("a subject that it says nothing of", {"subject": "models/else.json"}),
    ("long ago", {"at": now(days=-11)}),
    ("in the future", {"at": now(days=1)}),
]


def test_it_is_refused_although_the_right_key_signed_it(asked: Person) -> None:
    for what, forged in FORGED:
        plant(asked, replay(asked, right_key(asked), **forged))
        assert "not-reproduced" in codes(asked.verify(MODEL)), what
    assert_refused(asked, MODEL, "not-reproduced")
    plant(asked, replay(asked, right_key(asked)))
    assert "not-reproduced" not in codes(asked.verify(MODEL)), "none of them stands in an honest one's way for good"


def test_it_is_refused_by_any_other_key(asked: Person) -> None:
    for signer in (stranger(), vouching_key(asked)):
        plant(asked, replay(asked, signer))
        assert_refused(asked, MODEL, "not-reproduced")


def test_a_guarded_run_cannot_say_that_it_was_supervised(asked_supervised: Person) -> None:
    plant(asked_supervised, replay(asked_supervised, run_key(asked_supervised), tier="supervised"))
    plant(asked_supervised, replay(asked_supervised, right_key(asked_supervised), tier="guarded"))
    refused = assert_refused(asked_supervised, MODEL, "not-reproduced")
    assert any("was not supervised" in reason.message for reason in refused.reasons)
    plant(asked_supervised, replay(asked_supervised, right_key(asked_supervised)))
    assert_fine(asked_supervised, MODEL)


def test_a_changed_statement_is_told_and_does_not_count(asked: Person) -> None:
    envelope = replay(asked, right_key(asked), output={"result": DIFFERS, "replayed": OTHER})
    honest = replay(asked, right_key(asked))
    forged = Envelope(honest.payload_type, honest.payload, envelope.signatures)
    plant(asked, forged)
    assert {"not-reproduced", "signature-invalid"} <= set(codes(asked.verify(MODEL)))


def test_a_revoked_key_takes_its_replays_away(asked: Person) -> None:
    plant(asked, replay(asked, right_key(asked)))
    assert_fine(asked, MODEL)
    assert asked.mlsc("revoke", right_key(asked).public.key_id, "--why", "stolen").returncode == 0
    assert "not-reproduced" in codes(asked.verify(MODEL))


def test_changed_bytes_are_not_reproduced_by_what_was_said_of_the_old_ones(asked: Person) -> None:
    plant(asked, replay(asked, right_key(asked)))
    asked.write(MODEL, "[1, 2, 4]")
    assert "not-reproduced" in codes(asked.verify(MODEL))


def test_a_replay_makes_nothing_signed(asked: Person) -> None:
    asked.write("models/dropped.json", "[7]")
    (asked.root / MODEL).write_text("[7]")  # whose digest the statement takes
    plant(asked, replay(asked, right_key(asked), name="models/dropped.json"))
    assert "not-reproduced" not in codes(asked.verify("models/dropped.json"))
    assert_refused(asked, "models/dropped.json", "unsigned")


def test_a_load_is_blocked_until_it_was_reproduced(asked: Person) -> None:
    with pytest.raises(BlockedArtifactError, match="was not reproduced"):
        asked.load(MODEL)
    plant(asked, replay(asked, right_key(asked), at=now() - timedelta(days=1)))
    assert asked.load(MODEL) == [1, 2, 3]


def test_a_body_that_is_none_of_ours_is_read_as_nothing() -> None:
    with pytest.raises(AttestationError, match="names two projects"):
        replays.check(ReplayBody("a", predicates.RunFacts("r", "b", "guarded"), Bound("n", OTHER), "o", "recorded", (), (), now()))
