"""One row, one decision of persons: a rule, what was said, and what the policy makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from policy_cases import DECIDING, NOW, OTHER_PROJECT, codes, day, decided, evidence, key_id, layer, made, measured, revoked, tree, vouch

from jupyter_mlsc.decisions import APPROVED, OVERRIDDEN, PROMOTED, REJECTED
from jupyter_mlsc.policy import Policy
from jupyter_mlsc.verdict import Decision, Verdict

REVIEWED = 'match = "data/**"\nrequire = ["review"]'
BOTH = 'match = "data/**"\nsigned = { by = "data-steward" }\nrequire = ["review"]'
TWO = 'match = "data/**"\nrequire = ["review"]\nreview = { threshold = 2 }'
ALSO_AUTHOR = 'match = "data/**"\nrequire = ["review"]\nreview = { not-author = false }'
TERMINAL = 'match = "data/**"\nrequire = ["review"]\nreview = { channel = "terminal" }'
STEWARD = 'match = "data/**"\nsigned = { by = "data-steward" }'
TWO_LEADS = 'match = "data/**"\nsigned = { by = "ml-lead", threshold = 2 }'
PROVEN = 'match = "data/**"\nrequire = ["provenance", "review"]'
AUTHOR = vouch("alice", on=1)
FUTURE = NOW + timedelta(minutes=6)


def judged(rule: str, *claims: object, **changed: object) -> Verdict:
    return Policy((layer(rule, head=DECIDING),)).decide(evidence(*claims, **changed), NOW)


PASSING = [
    ("another than the author approved", BOTH, [AUTHOR, decided("bob", APPROVED, on=2)]),
    ("one of two keys on it is a reviewer's", BOTH, [AUTHOR, decided("mallory+bob", APPROVED, on=2)]),
    ("two approved", TWO, [AUTHOR, decided("bob", APPROVED, on=2), decided("carol", APPROVED, on=3)]),
    ("two in one envelope", TWO, [AUTHOR, decided("bob+carol", APPROVED, on=2)]),
    ("another's run made it", BOTH, [AUTHOR, made("dave-runs", on=1), decided("bob", APPROVED, on=2)]),
    ("the author, where the author may", ALSO_AUTHOR, [decided("bob", APPROVED)]),
    ("rejected, and approved by the same person after it", BOTH, [AUTHOR, decided("bob", REJECTED, on=2), decided("bob", APPROVED, on=3)]),
    ("rejected, and approved by another after it", BOTH, [AUTHOR, decided("bob", REJECTED, on=2), decided("carol", APPROVED, on=3)]),
    ("other bytes were rejected", BOTH, [AUTHOR, decided("bob", APPROVED, on=2), decided("carol", REJECTED, "v2", on=3)]),
    ("rejected by who reviews nothing", BOTH, [AUTHOR, decided("bob", APPROVED, on=2), decided("dave", REJECTED, on=3)]),
    ("rejected by a run", BOTH, [AUTHOR, decided("bob", APPROVED, on=2), decided("bob-runs", REJECTED, on=3)]),
    ("rejected elsewhere", BOTH, [AUTHOR, decided("bob", APPROVED, on=2), decided("carol", REJECTED, on=3, project=OTHER_PROJECT)]),
    ("promoted by two leads", TWO_LEADS, [decided("alice", PROMOTED), decided("carol", PROMOTED)]),
    ("promoted by one lead and signed by another", TWO_LEADS, [decided("alice", PROMOTED), vouch("carol", on=2)]),
    (
        "reviewed and made under its earlier name",
        PROVEN,
        [made("dave-runs", name="models/earlier.csv"), decided("bob", APPROVED, name="models/earlier.csv"), decided("alice", PROMOTED, on=3)],
    ),
    ("a promotion of other bytes under way", STEWARD, [AUTHOR, decided("bob", PROMOTED, "v2", on=5)]),
]
FAILING = [
    ("nobody said anything", REVIEWED, [], ["review-missing"]),
    ("only the author approved", BOTH, [AUTHOR, decided("alice+bob", APPROVED, on=2, keys=(key_id("alice"),))], ["review-missing"]),
    ("who approved first stood for it first", REVIEWED, [decided("bob", APPROVED)], ["review-missing"]),
    ("the author's run made it", BOTH, [AUTHOR, made("bob-runs", on=1), decided("bob", APPROVED, on=2)], ["review-missing"]),
    ("a person twice", TWO, [AUTHOR, decided("bob", APPROVED, on=2), decided("bob", APPROVED, on=3)], ["review-missing"]),
    ("other bytes", BOTH, [AUTHOR, decided("bob", APPROVED, "v2", on=2)], ["review-missing"]),
    ("another name", BOTH, [AUTHOR, decided("bob", APPROVED, name="data/test.csv", on=2)], ["review-missing"]),
    ("another project", BOTH, [AUTHOR, decided("bob", APPROVED, on=2, project=OTHER_PROJECT)], ["review-missing"]),
    ("another channel", TERMINAL, [AUTHOR, decided("bob", APPROVED, on=2, channel="notebook")], ["review-missing"]),
    ("no date, and the author may", ALSO_AUTHOR, [decided("bob", APPROVED, on=None)], ["review-missing"]),
    ("no date", BOTH, [AUTHOR, decided("bob", APPROVED, on=None)], ["review-missing"]),
    ("the future", BOTH, [AUTHOR, decided("bob", APPROVED, on=FUTURE)], ["review-missing"]),
    ("a stranger", BOTH, [AUTHOR, decided("mallory", APPROVED, on=2)], ["review-missing"]),
    ("nobody's signature", BOTH, [AUTHOR, decided("", APPROVED, on=2)], ["review-missing"]),
    ("a run", BOTH, [AUTHOR, decided("bob-runs", APPROVED, on=2)], ["review-missing"]),
    ("a signature is no review", BOTH, [AUTHOR, vouch("bob", on=2)], ["review-missing"]),
    ("a review is no signature", BOTH, [decided("alice", APPROVED, on=1), decided("bob", APPROVED, on=2)], ["unsigned"]),
    ("rejected after it was approved", BOTH, [AUTHOR, decided("bob", APPROVED, on=2), decided("carol", REJECTED, on=3)], ["review-rejected"]),
    ("the author rejects it", BOTH, [AUTHOR, decided("carol", REJECTED, on=3), decided("bob", APPROVED, on=2)], ["review-rejected"]),
    ("approved and rejected at once", BOTH, [AUTHOR, decided("bob", APPROVED, on=2), decided("carol", REJECTED, on=2)], ["review-rejected"]),
    ("one person both at once", BOTH, [AUTHOR, decided("bob", APPROVED, on=2), decided("bob", REJECTED, on=2)], ["review-rejected"]),
    (
        "one approval after a rejection that two had approved before",
        TWO,
        [AUTHOR, decided("bob", APPROVED, on=2), decided("carol", REJECTED, on=3), decided("bob", APPROVED, on=4)],
        ["review-rejected"],
    ),
    ("promoted by one lead", TWO_LEADS, [decided("alice", PROMOTED), decided("alice-2", PROMOTED, on=2)], ["threshold-not-met"]),
    ("promoted by who leads nothing", TWO_LEADS, [decided("alice", PROMOTED), decided("bob", PROMOTED)], ["threshold-not-met"]),
    (
        "promoted beside what stands there",
        TWO_LEADS,
        [vouch("alice", "v0", on=1), vouch("carol", "v0", on=1), decided("alice", PROMOTED, on=5), decided("carol", PROMOTED, on=6)],
        ["superseded"],
    ),
    (
        "reviewed elsewhere, promoted by nobody who may",
        REVIEWED,
        [decided("bob", APPROVED, name="models/earlier.csv"), decided("dave", PROMOTED)],
        ["review-missing"],
    ),
    (
        "reviewed elsewhere, promoted from another place",
        REVIEWED,
        [decided("bob", APPROVED, name="models/earlier.csv", on=2), decided("alice", PROMOTED, promoted_from="models/other.csv")],
        ["review-missing"],
    ),
]


@pytest.mark.parametrize(("rule", "claims"), [row[1:] for row in PASSING], ids=[row[0] for row in PASSING])
def test_it_is_let_through(rule, claims):
    verdict = judged(rule, *claims)
    assert (codes(verdict), verdict.decision, verdict.verified) == ([], Decision.ALLOW, True)


@pytest.mark.parametrize(("rule", "claims", "expected"), [row[1:] for row in FAILING], ids=[row[0] for row in FAILING])
def test_it_is_refused(rule, claims, expected):
    verdict = judged(rule, *claims)
    assert codes(verdict) == expected
    assert (verdict.decision, verdict.verified, verdict.person_signed) == (Decision.BLOCK, False, False)


def test_more_rows_fail_than_pass():
    assert len(FAILING) > len(PASSING)


def test_only_a_signature_lifts_the_allowlist_of_what_may_be_unpickled():
    assert not judged(TWO_LEADS, decided("alice", PROMOTED), decided("carol", PROMOTED)).person_signed
    assert judged(TWO_LEADS, decided("alice", PROMOTED), vouch("carol", on=2)).person_signed


# exceptions

HOLDING = decided("carol", OVERRIDDEN, on=25)
NOT_HOLDING = [
    ("it has ended", decided("carol", OVERRIDDEN, on=1)),
    ("it ends now", decided("carol", OVERRIDDEN, on=25, until=NOW)),
    ("it lasts too long", decided("carol", OVERRIDDEN, on=25, until=day(25) + timedelta(days=30, seconds=1))),
    ("it has no end", decided("carol", OVERRIDDEN, on=25, until=None)),
    ("it has no date", decided("carol", OVERRIDDEN, on=None, until=NOW + timedelta(days=1))),
    ("it is dated ahead", decided("carol", OVERRIDDEN, on=FUTURE)),
    ("it is for other bytes", decided("carol", OVERRIDDEN, "v2", on=25)),
    ("it is for another name", decided("carol", OVERRIDDEN, on=25, name="data/test.csv")),
    ("it is for another project", decided("carol", OVERRIDDEN, on=25, project=OTHER_PROJECT)),
    ("it is for something else that failed", decided("carol", OVERRIDDEN, on=25, covers=("format-denied", "review-missing"))),
    ("it is for nothing", decided("carol", OVERRIDDEN, on=25, covers=())),
    ("it is by who may not", decided("bob", OVERRIDDEN, on=25)),
    ("it is by a run in the role", decided("alice-runs", OVERRIDDEN, on=25)),
    ("it is by a stranger", decided("mallory", OVERRIDDEN, on=25)),
]


def test_an_exception_lets_through_and_verifies_nothing():
    verdict = judged(STEWARD, HOLDING)
    assert (codes(verdict), verdict.decision, verdict.verified, verdict.person_signed) == (["overridden"], Decision.ALLOW, False, False)
    (seen,) = verdict.decisions
    assert (seen.decision, seen.by, seen.why, seen.until) == ("overridden", "carol", "because", "2026-06-04T00:00:00.000000Z")
    # What is wrong about signatures may change its name: a statement more or less does that.
    assert codes(judged(STEWARD, HOLDING, vouch("mallory"))) == ["overridden"]


@pytest.mark.parametrize("claim", [row[1] for row in NOT_HOLDING], ids=[row[0] for row in NOT_HOLDING])
def test_an_exception_does_not_hold(claim):
    assert codes(judged(STEWARD, claim)) == ["unsigned"]


def test_an_exception_ends_when_the_ledger_has_seen_its_end_pass():
    claim = decided("carol", OVERRIDDEN, on=25, until=NOW + timedelta(hours=1))
    assert codes(judged(STEWARD, claim)) == ["overridden"]
    assert codes(judged(STEWARD, claim, not_before=NOW + timedelta(hours=2))) == ["unsigned"]


def test_an_exception_covers_what_it_names_and_leaves_the_rest():
    rule = STEWARD + '\nrequire = ["review"]\nformats = { deny = ["csv"] }'
    families = frozenset({"csv"})
    assert codes(judged(rule, HOLDING, families=families)) == ["review-missing", "format-denied", "overridden"]
    everything = decided("carol", OVERRIDDEN, on=25, covers=("unsigned", "review-missing", "format-denied"))
    assert codes(judged(rule, everything, families=families)) == ["overridden"]
    assert codes(judged(rule, everything, decided("bob", REJECTED, on=3), families=families)) == ["review-rejected", "overridden"]


def test_an_exception_for_a_folder_holds_for_the_folder_alone():
    folder = tree(**{"a.csv": "1"})
    claim = decided("carol", OVERRIDDEN, folder, name="data/d", on=25)
    assert codes(judged(STEWARD, claim, content=folder, name="data/d")) == ["overridden"]
    assert codes(judged(STEWARD, claim, content=measured("1"), name="data/d/a.csv")) == ["unsigned"]


# revocations


@pytest.mark.parametrize("claims", [[vouch("alice")], [HOLDING], []], ids=["signed", "with an exception", "unsigned"])
def test_what_is_revoked_is_refused_whatever_else_is_said(claims):
    verdict = judged(STEWARD, *claims, revocations=(revoked("bob"),))
    assert codes(verdict)[0] == "revoked"
    assert (verdict.decision, verdict.verified, verdict.person_signed) == (Decision.BLOCK, False, False)


@pytest.mark.parametrize(
    "revocation",
    [revoked("dave"), revoked("mallory"), revoked("alice-runs"), revoked(""), revoked("bob", project=OTHER_PROJECT)],
    ids=["by who may sign nothing", "by a stranger", "by a run", "by nobody", "in another project"],
)
def test_a_revocation_does_not_count(revocation):
    assert codes(judged(STEWARD, vouch("alice"), revocations=(revocation,))) == []


def test_what_no_rule_governs_is_revoked_too():
    verdict = Policy((layer('match = "models/**"\nsigned = { by = "ml-lead" }'),)).decide(evidence(revocations=(revoked("carol"),)), NOW)
    assert (codes(verdict), verdict.decision, verdict.governed) == (["revoked", "ungoverned"], Decision.BLOCK, False)


@pytest.mark.parametrize(("mode", "decision"), [("observe", Decision.ALLOW), ("warn", Decision.WARN), ("enforce", Decision.BLOCK)])
def test_the_mode_decides_what_a_revocation_does(mode, decision):
    policy = Policy((layer(STEWARD, mode=mode),))
    verdict = policy.decide(evidence(vouch("alice"), revocations=(revoked("bob"),)), NOW)
    assert (verdict.decision, verdict.verified) == (decision, False)


@pytest.mark.parametrize(("spread", "decision"), [("block", Decision.BLOCK), ("warn", Decision.WARN)])
def test_the_policy_says_what_happens_to_what_was_made_from_it(spread, decision):
    head = DECIDING + f'\n[revoke]\nspread = "{spread}"\n'
    policy = Policy((layer(STEWARD, head=head),))
    verdict = policy.decide(evidence(vouch("alice"), revocations=(revoked("bob", through="data/raw.csv"),)), NOW)
    assert (codes(verdict), verdict.decision, verdict.verified) == (["input-revoked"], decision, False)


def test_a_revoked_key_counts_for_nothing_and_another_of_the_same_person_does():
    gone = (revoked("alice", key=key_id("bob")),)
    assert codes(judged(STEWARD, vouch("bob"), revocations=gone)) == ["key-revoked"]
    assert codes(judged(STEWARD, vouch("bob"), vouch("alice", on=2), revocations=gone)) == []
    assert codes(judged(STEWARD, vouch("alice", on=1), vouch("bob", "v2", on=9), revocations=gone)) == []
    assert codes(judged(STEWARD, vouch("alice-2"), revocations=(revoked("alice", key=key_id("alice")),))) == []
    assert codes(judged(STEWARD, vouch("alice+alice-2"), revocations=(revoked("alice", key=key_id("alice")),))) == []
    assert codes(judged(BOTH, AUTHOR, decided("bob", APPROVED, on=2), revocations=gone)) == ["review-missing"]
    carols = (revoked("alice", key=key_id("carol")),)
    assert codes(judged(STEWARD, HOLDING, revocations=carols)) == ["unsigned"]
    runs = (revoked("alice", key=key_id("bob-runs")),)
    proven = 'match = "data/**"\nrequire = ["verified-inputs"]'
    assert codes(judged(proven, made("bob-runs"), revocations=runs)) == ["provenance-missing"]


@pytest.mark.parametrize("by", ["bob", "carol", "dave", "alice-runs", "mallory"])
def test_another_persons_key_is_not_everybodys_to_revoke(by):
    assert codes(judged(STEWARD, vouch("alice"), revocations=(revoked(by, key=key_id("alice")),))) == []


def test_the_own_key_and_those_of_the_own_runs_are():
    assert codes(judged(STEWARD, vouch("bob"), revocations=(revoked("bob", key=key_id("bob")),))) == ["key-revoked"]
    proven = 'match = "data/**"\nrequire = ["verified-inputs"]'
    assert codes(judged(proven, made("bob-runs"), revocations=(revoked("bob", key=key_id("bob-runs")),))) == ["provenance-missing"]


def test_a_layer_that_was_not_accepted_revokes_and_excepts_nothing():
    untrusted = Policy.untrusted(layer(STEWARD, head=DECIDING))
    verdict = untrusted.decide(evidence(HOLDING, revocations=(revoked("bob"),)), NOW)
    assert codes(verdict) == ["policy-untrusted"]


def test_a_projects_exception_covers_nothing_that_an_admin_asks():
    admin, project = layer(STEWARD, name="admin"), layer(STEWARD, head=DECIDING)
    assert set(codes(Policy((admin, project)).decide(evidence(HOLDING), NOW))) == {"unsigned", "overridden"}
    withdrawn = evidence(vouch("alice"), revocations=(revoked("bob"),))
    assert codes(Policy((replace_rules(admin), project)).decide(withdrawn, NOW)) == ["revoked"]


def replace_rules(admin):
    """An admin's layer that has nothing to say of data."""
    import msgspec

    return msgspec.structs.replace(admin, rules=())


def test_claims_of_decisions_are_told_apart_from_others_by_an_explanation():
    from jupyter_mlsc.policy.explain import explain

    policy = Policy((layer(STEWARD, head=DECIDING),))
    told = explain(policy, evidence(HOLDING, replace(HOLDING, decision=None)), NOW)
    whys = [claim.why for claim in told.layers[0].rules[0].claims]
    assert whys == ["is a decision (overridden until 2026-06-04 00:00 UTC: because) and no signature", "is a record and vouches for nothing"]
