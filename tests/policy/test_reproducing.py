"""One row, one replay: a rule that asks that an artifact was reproduced, what was said, and what the policy makes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from policy_cases import IDENTITIES, NOW, OTHER_PROJECT, codes, day, decided, encoded, evidence, key_id, layer, made, measured, revoked, vouch

from jupyter_mlsc.decisions import OVERRIDDEN, PROMOTED
from jupyter_mlsc.policy import Claim, Policy
from jupyter_mlsc.policy.reasons import LIFTED_BY_OWN_OUTPUT
from jupyter_mlsc.replays import DIFFERS, EQUAL, MISSING, REPLAY, WITHIN
from jupyter_mlsc.verdict import Decision, Verdict

TWO_KEYS = IDENTITIES.replace(f'key = "{encoded("alice-runs")}"', f'key = ["{encoded("alice-runs")}", "{encoded("alice-supervised")}"]')
HEAD = (
    TWO_KEYS
    + """
security = ["carol", "alice-runs"]
tester   = ["dave-runs", "bob"]

[override]
by = "security"

[stages]
top = { into = "data", by = "ml-lead" }
"""
)
PLAIN = 'match = "data/**"\nrequire = ["reproduced"]'
FRESH = PLAIN + '\nreproduced = { max-age = "10d" }'
WATCHED = PLAIN + '\nreproduced = { tier = "supervised" }'
BY_OTHERS = PLAIN + "\nreproduced = { not-author = true }"
LOOSE = PLAIN + "\nreproduced = { tolerance = 1e-6 }"
SAME_VALUES = PLAIN + "\nreproduced = { tolerance = 0 }"
BY_TESTERS = PLAIN + '\nreproduced = { by = "tester" }'
SIGNED = PLAIN + '\nsigned = { by = "data-steward" }'
FUTURE = NOW + timedelta(minutes=6)


def replayed(by: str, result: str = EQUAL, content: str = "v1", name: str = "data/train.csv", **changed: object) -> Claim:
    """What a run says of a replay; a supervised one is signed with the key for supervised runs."""
    told = {"predicate_type": REPLAY, "kind": None, "channel": None, "tier": "supervised" if "supervised" in by else "guarded", "replayed": result}
    return vouch(by, content, name, **{"on": 20, **told, **changed})


def judged(rule: str, *claims: Claim, **changed: object) -> Verdict:
    return Policy((layer(rule, head=HEAD),)).decide(evidence(*claims, **changed), NOW)


PASSING = [
    ("a builder's run made the same again", PLAIN, [replayed("alice-runs")]),
    ("another builder's", PLAIN, [made("alice-runs"), replayed("bob-runs")]),
    ("one of two keys on it is a builder's", PLAIN, [replayed("mallory+alice-runs")]),
    ("not long ago", FRESH, [replayed("alice-runs", on=25)]),
    ("supervised", WATCHED, [replayed("alice-supervised")]),
    ("supervised is enough where guarded is asked", PLAIN, [replayed("alice-supervised")]),
    ("not by the author", BY_OTHERS, [made("alice-runs"), replayed("bob-runs")]),
    ("by nobody's author", BY_OTHERS, [replayed("bob-runs")]),
    ("within the rule's tolerance", LOOSE, [replayed("alice-runs", WITHIN, tolerance=1e-9)]),
    ("exactly the rule's tolerance", LOOSE, [replayed("alice-runs", WITHIN, tolerance=1e-6)]),
    ("the same values in other bytes, where that is asked", SAME_VALUES, [replayed("alice-runs", WITHIN, tolerance=0.0)]),
    ("the same bytes where values would do", LOOSE, [replayed("alice-runs")]),
    ("a role of its own", BY_TESTERS, [replayed("dave-runs")]),
    ("it differed once, and no more", PLAIN, [replayed("alice-runs", DIFFERS, on=20), replayed("alice-runs", on=21)]),
    ("a stranger's did not", PLAIN, [replayed("alice-runs", on=20), replayed("mallory", DIFFERS, on=21)]),
    ("that of a run without the role did not", PLAIN, [replayed("alice-runs", on=20), replayed("dave-runs", DIFFERS, on=21)]),
    ("other bytes did not", PLAIN, [replayed("alice-runs", on=20), replayed("alice-runs", DIFFERS, "v2", on=21)]),
    ("a guarded one did not, where supervised ones count", WATCHED, [replayed("alice-supervised", on=20), replayed("alice-runs", DIFFERS, on=21)]),
    (
        "reproduced under its earlier name",
        PLAIN,
        [replayed("alice-runs", name="models/earlier.csv"), decided("alice", PROMOTED, on=22)],
    ),
    ("it differs, and is excepted", PLAIN, [replayed("alice-runs", DIFFERS), decided("carol", OVERRIDDEN, on=28, covers=("not-reproduced",))]),
]
FAILING = [
    ("nobody replayed it", PLAIN, []),
    ("a run made it", PLAIN, [made("alice-runs")]),
    ("a person signed it", PLAIN, [vouch("alice")]),
    ("a person says so", PLAIN, [replayed("alice")]),
    ("a person says so who holds the role", BY_TESTERS, [replayed("bob")]),
    ("a run without the role", PLAIN, [replayed("dave-runs")]),
    ("a stranger", PLAIN, [replayed("mallory")]),
    ("nobody's signature", PLAIN, [replayed("")]),
    ("other bytes", PLAIN, [replayed("alice-runs", content="v2")]),
    ("another name", PLAIN, [replayed("alice-runs", name="data/test.csv")]),
    ("another project", PLAIN, [replayed("alice-runs", project=OTHER_PROJECT)]),
    ("it differs", PLAIN, [replayed("alice-runs", DIFFERS)]),
    ("nothing was written", PLAIN, [replayed("alice-runs", MISSING)]),
    ("it differs since", PLAIN, [replayed("alice-runs", on=20), replayed("bob-runs", DIFFERS, on=21)]),
    ("it is the same and differs at once", PLAIN, [replayed("alice-runs"), replayed("bob-runs", DIFFERS)]),
    ("a result that nobody knows", PLAIN, [replayed("alice-runs", "probably")]),
    ("no date", PLAIN, [replayed("alice-runs", on=None)]),
    ("the future", PLAIN, [replayed("alice-runs", on=FUTURE)]),
    ("long ago", FRESH, [replayed("alice-runs", on=20)]),
    ("guarded", WATCHED, [replayed("alice-runs")]),
    ("supervised by its own word, with the key that guarded runs can read", WATCHED, [replayed("alice-runs", tier="supervised")]),
    ("guarded by its own word, with the key for supervised runs", WATCHED, [replayed("alice-supervised", tier="guarded")]),
    ("supervised by its own word, with an only key", WATCHED, [replayed("bob-runs", tier="supervised")]),
    ("its author's run", BY_OTHERS, [made("alice-runs"), replayed("alice-supervised")]),
    ("its author's other run", BY_OTHERS, [vouch("alice", on=1), replayed("alice-runs")]),
    ("within a tolerance where bytes are asked", PLAIN, [replayed("alice-runs", WITHIN, tolerance=0.0)]),
    ("within a larger tolerance", LOOSE, [replayed("alice-runs", WITHIN, tolerance=1e-3)]),
    ("within no tolerance at all", LOOSE, [replayed("alice-runs", WITHIN)]),
    ("reproduced elsewhere, promoted by nobody who may", PLAIN, [replayed("alice-runs", name="models/earlier.csv"), decided("dave", PROMOTED)]),
    (
        "an exception for something else",
        PLAIN,
        [replayed("alice-runs", DIFFERS), decided("carol", OVERRIDDEN, on=28, covers=("unsigned", "review-missing"))],
    ),
]


@pytest.mark.parametrize(("rule", "claims"), [row[1:] for row in PASSING], ids=[row[0] for row in PASSING])
def test_it_is_let_through(rule, claims):
    assert [code for code in codes(judged(rule, *claims)) if code != "overridden"] == []


@pytest.mark.parametrize(("rule", "claims"), [row[1:] for row in FAILING], ids=[row[0] for row in FAILING])
def test_it_is_refused(rule, claims):
    verdict = judged(rule, *claims)
    assert codes(verdict) == ["not-reproduced"]
    assert (verdict.decision, verdict.verified) == (Decision.BLOCK, False)


def test_more_rows_fail_than_pass():
    assert len(FAILING) > len(PASSING)


def test_a_replay_vouches_for_nothing_and_makes_nobody_an_author():
    assert codes(judged(SIGNED, replayed("alice-runs"))) == ["unsigned"]
    assert codes(judged(SIGNED.replace('"data-steward"', '["data-steward", "builder"]'), replayed("alice-runs"))) == ["unsigned"]
    assert codes(judged(BY_OTHERS, replayed("alice-runs", on=10), replayed("bob-runs", on=11))) == []


def test_a_revoked_key_has_replayed_nothing():
    stolen = revoked("alice", key=key_id("alice-runs"), subject="key", on=28)
    assert codes(judged(PLAIN, replayed("alice-runs"), revocations=(stolen,))) == ["not-reproduced"]
    assert codes(judged(PLAIN, replayed("alice-runs"), replayed("bob-runs"), revocations=(stolen,))) == []
    assert "revoked" in judged(PLAIN, replayed("alice-runs"), revocations=(stolen,)).reasons[0].message


@pytest.mark.parametrize(
    ("rule", "claims", "said"),
    [
        (PLAIN, [], "no run says that it made the same again"),
        (PLAIN, [replayed("dave-runs")], "only runs that are no builder here say so"),
        (PLAIN, [replayed("alice-runs", DIFFERS)], "the newest replay, by alice-runs on 2026-05-20 00:00 UTC, did not make the same"),
        (WATCHED, [replayed("alice-runs")], "the replay by alice-runs was not supervised"),
        (FRESH, [replayed("alice-runs")], "is from 2026-05-20 00:00 UTC; the rule accepts none older than 10 days"),
        (BY_OTHERS, [made("alice-runs"), replayed("alice-runs")], "only runs of its own author, alice, replayed it"),
        (LOOSE, [replayed("alice-runs", WITHIN, tolerance=0.5)], "the same within 0.5 only; the rule accepts 1e-06"),
        (PLAIN, [replayed("alice-runs", WITHIN, tolerance=0.5)], "the same within 0.5 only; the rule accepts the same bytes"),
    ],
    ids=range(8),
)
def test_the_reason_says_why_and_what_to_do(rule, claims, said):
    (reason,) = judged(rule, *claims).reasons
    assert said in reason.message
    assert "mlsc replay NOTEBOOK" in reason.next
    assert "alice-runs, bob-runs" in reason.next


def test_a_run_may_read_back_what_it_wrote_before_anybody_replays_it():
    assert "not-reproduced" in LIFTED_BY_OWN_OUTPUT
    assert codes(judged(PLAIN, own_output=True)) == ["own-output"]


def test_other_bytes_under_one_name_are_not_reproduced_by_an_older_replay():
    assert codes(judged(PLAIN, replayed("alice-runs", on=day(20)), content="v3")) == ["not-reproduced"]
    assert measured("v3") != measured("v1")
