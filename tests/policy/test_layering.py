"""What must hold for any policy and any statements: layers only add, strangers change nothing, and the order of statements is nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import DECIDING, NOW, OTHER_PROJECT, PROJECT, bundle, day, decided, evidence, key_id, layer, made, revoked, vouch

from jupyter_mlsc import predicates
from jupyter_mlsc.decisions import APPROVED, OVERRIDDEN, PROMOTED, REJECTED
from jupyter_mlsc.policy import Policy
from jupyter_mlsc.policy.explain import explain
from jupyter_mlsc.verdict import STRICTNESS, reason

signed = st.builds(
    lambda by, threshold, age, author, unbound, channel: (
        f"signed = {{ by = {by}, threshold = {threshold}, not-author = {author}, unbound = {unbound}"
        + (f', max-age = "{age}d"' if age else "")
        + (f', channel = "{channel}"' if channel else "")
        + " }"
    ),
    st.sampled_from(['["data-steward"]', '["data-steward", "builder"]', '["ml-lead", "builder"]']),
    st.integers(1, 2),
    st.sampled_from([None, 5, 40]),
    st.sampled_from(["true", "false"]),
    st.sampled_from(["true", "false"]),
    st.sampled_from([None, "terminal", "panel"]),
)
rules = st.builds(
    lambda *parts: "\n".join(part for part in parts if part),
    st.sampled_from(['match = "data/**"', 'match = "**/*.csv"', 'match = "models/**"']),
    st.sampled_from(["", 'kind = "dataset"', 'kind = "model"']),
    signed,
    st.sampled_from(
        [
            "",
            'require = ["provenance"]',
            'require = ["verified-inputs"]',
            'require = ["review"]',
            'require = ["provenance", "review"]\nreview = { by = ["reviewer", "builder"], threshold = 2, not-author = false, channel = "terminal" }',
        ]
    ),
    st.sampled_from(["", 'formats = { deny = ["pickle"] }', 'formats = { allow = ["csv"] }']),
    st.sampled_from(["", 'mode = "observe"', 'mode = "warn"', 'mode = "enforce"']),
)


def _with_stage(head, rule):
    """A stage needs a rule for its folder."""
    return head.split("[stages]")[0] if "models/**" in rule else head


layers = st.builds(
    lambda rule, mode, name, accepted, head: msgspec.structs.replace(layer(rule, mode=mode, name=name, head=_with_stage(head, rule)), accepted=accepted),
    rules,
    st.sampled_from(["observe", "warn", "enforce"]),
    st.sampled_from(["admin", "project"]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([DECIDING, DECIDING.replace("[override]", '[revoke]\nby = "security"\nspread = "warn"\n\n[override]')]),
)
KNOWN = ["alice", "alice-2", "bob", "carol", "alice-runs", "bob-runs", "alice+bob", "dave-runs"]


def statements(signers):
    return st.builds(
        lambda make, by, content, on, changed: make(by, content, **({} if make is bundle else {"on": on}), **changed),
        st.sampled_from([vouch, vouch, made, bundle]),
        st.sampled_from(signers),
        st.sampled_from(["v1", "v1", "v2"]),
        st.sampled_from([1, 10, 25, 25, None, NOW + timedelta(days=1)]),
        st.sampled_from(
            [{}, {}, {"name": "data/test.csv"}, {"project": OTHER_PROJECT}, {"kind": "model"}, {"channel": "panel"}, {"predicate_type": predicates.VSA}]
        ),
    )


def decisions_by(signers):
    return st.builds(
        lambda by, decision, content, on, changed: decided(by, decision, content, on=on, **changed),
        st.sampled_from(signers),
        st.sampled_from([APPROVED, APPROVED, REJECTED, PROMOTED, OVERRIDDEN, OVERRIDDEN]),
        st.sampled_from(["v1", "v1", "v1", "v2"]),
        st.sampled_from([1, 10, 25, 30, None, NOW + timedelta(days=1)]),
        st.sampled_from(
            [
                {},
                {},
                {"name": "data/test.csv"},
                {"name": "models/earlier.csv"},
                {"project": OTHER_PROJECT},
                {"channel": "panel"},
                {"covers": ("review-missing", "format-denied")},
                {"covers": ("review-rejected", "provenance-missing", "inputs-unverified", "revoked", "input-revoked")},
            ]
        ),
    )


def revocations_by(signers):
    return st.builds(
        lambda by, on, changed: revoked(by, on=on, **changed),
        st.sampled_from(signers),
        st.sampled_from([1, 25, NOW + timedelta(days=400)]),
        st.sampled_from(
            [{}, {"through": "data/raw.csv"}, {"project": OTHER_PROJECT}, *({"key": key_id(one)} for one in ("alice", "bob", "carol", "alice-runs"))]
        ),
    )


STRANGERS = ["mallory", "mallory+eve", ""]
claims = st.lists(st.one_of(statements(KNOWN), decisions_by(KNOWN)), max_size=6)
strangers = st.lists(st.one_of(statements(STRANGERS), decisions_by(STRANGERS)), min_size=1, max_size=3)
found = st.builds(
    lambda each, families, own, faults, gone: evidence(
        *each, families=frozenset(families), own_output=own, faults=faults, revocations=tuple(gone), not_before=NOW - timedelta(days=1)
    ),
    claims,
    st.sampled_from([("csv",), ("pickle", "joblib"), ()]),
    st.booleans(),
    st.sampled_from([(), (reason("ledger-inconsistent", why="x"),)]),
    st.lists(revocations_by(KNOWN), max_size=2),
)


def strictness(verdict):
    return STRICTNESS.index(verdict.decision)


@given(st.lists(layers, max_size=2), layers, found)
def test_a_layer_more_never_makes_a_verdict_weaker(some, more, what):
    before = Policy(tuple(some)).decide(what, NOW)
    for order in ((*some, more), (more, *some)):
        assert strictness(Policy(order).decide(what, NOW)) >= strictness(before)


@given(st.lists(layers, min_size=1, max_size=3), found)
def test_the_strictest_layer_counts(some, what):
    together = Policy(tuple(some)).decide(what, NOW)
    alone = [Policy((each,)).decide(what, NOW) for each in some]
    assert strictness(together) == max(map(strictness, alone))
    governing = [v for v in alone if v.governed]
    withdrawn = any(r.code in ("revoked", "input-revoked") for v in alone for r in v.reasons)
    assert together.verified == (bool(governing) and all(v.verified for v in governing) and not withdrawn)
    assert together.person_signed <= any(v.person_signed for v in alone)


@given(st.lists(layers, min_size=1, max_size=2), found, strangers)
def test_a_strangers_statement_changes_no_decision(some, what, more):
    policy = Policy(tuple(some))
    before, after = policy.decide(what, NOW), policy.decide(replace(what, claims=(*what.claims, *more)), NOW)
    assert (after.decision, after.verified, after.person_signed) == (before.decision, before.verified, before.person_signed)
    assert {s.identity for s in after.signers} == {s.identity for s in before.signers}


@given(st.lists(layers, min_size=1, max_size=2), found, st.lists(revocations_by(STRANGERS), min_size=1, max_size=2))
def test_a_strangers_revocation_takes_nothing_away(some, what, more):
    policy = Policy(tuple(some))
    assert policy.decide(replace(what, revocations=(*what.revocations, *more)), NOW) == policy.decide(what, NOW)


@given(st.lists(layers, min_size=1, max_size=2), found, revocations_by(KNOWN))
def test_a_revocation_of_bytes_never_makes_a_verdict_weaker(some, what, more):
    more = replace(more, key=None)
    policy = Policy(tuple(some))
    before, after = policy.decide(what, NOW), policy.decide(replace(what, revocations=(*what.revocations, more)), NOW)
    assert strictness(after) >= strictness(before)
    assert after.verified <= before.verified
    assert after.person_signed <= before.person_signed


@given(st.lists(layers, min_size=1, max_size=2), found)
def test_an_exception_verifies_nothing_and_covers_nothing_that_was_revoked(some, what):
    policy = Policy(tuple(some))
    verdict = policy.decide(what, NOW)
    without = policy.decide(replace(what, claims=tuple(c for c in what.claims if c.decision != OVERRIDDEN)), NOW)
    assert (verdict.verified, verdict.person_signed) in ((without.verified, without.person_signed), (False, False))
    assert not (verdict.verified and not without.verified)
    assert not (verdict.person_signed and not without.person_signed)
    for code in ("revoked", "input-revoked", "policy-untrusted", "ledger-inconsistent"):
        assert any(r.code == code for r in verdict.reasons) == any(r.code == code for r in without.reasons)
    if any(r.code == "overridden" for r in verdict.reasons):
        assert not verdict.verified


@given(layers, found)
def test_what_requires_a_review_is_verified_only_by_a_persons_approval_of_these_bytes(each, what):
    verdict = Policy((each,)).decide(what, NOW)
    if verdict.verified and each.rules[0].review is not None:
        approving = [c for c in what.claims if c.decision == APPROVED and c.is_about(what.measured) and c.project == PROJECT]
        assert any(each.owners[key].name in ("bob", "carol") for c in approving for key in c.keys if key in each.owners)


@given(st.lists(layers, min_size=1, max_size=2), found, st.randoms(use_true_random=False))
def test_the_order_of_statements_is_nothing(some, what, random):
    policy = Policy(tuple(some))
    shuffled, withdrawn = list(what.claims), list(what.revocations)
    random.shuffle(shuffled)
    random.shuffle(withdrawn)
    assert policy.decide(replace(what, claims=tuple(shuffled), revocations=tuple(withdrawn)), NOW) == policy.decide(what, NOW)


@given(st.lists(layers, min_size=1, max_size=2), found)
def test_a_statement_twice_is_a_statement_once(some, what):
    policy = Policy(tuple(some))
    assert policy.decide(replace(what, claims=what.claims * 2), NOW) == policy.decide(what, NOW)


@given(st.lists(layers, min_size=1, max_size=2), found)
def test_an_explanation_has_the_same_verdict_and_every_statement(some, what):
    policy = Policy(tuple(some))
    explained = explain(policy, what, NOW)
    assert explained.verdict == policy.decide(what, NOW)
    for each in explained.layers:
        for rule in each.rules:
            assert len(rule.claims) in (0, len(what.claims))


@given(layers, found)
def test_only_a_persons_statement_about_these_bytes_lifts(each, what):
    verdict = Policy((each,)).decide(what, NOW)
    if verdict.person_signed:
        assert any(
            c.predicate_type in (predicates.ARTIFACT, predicates.OMS_SIGNATURE) and c.is_about(what.measured) and c.project in (PROJECT, None)
            for c in what.claims
        )
        assert not any(r.fails for r in verdict.reasons)


@given(layers, found)
def test_what_is_verified_stays_so_only_until_its_statements_age(each, what):
    """Time can make old bytes expire, never make refused ones good (statements from the future apart)."""
    dated = replace(what, claims=tuple(c for c in what.claims if c.signed_at is None or c.signed_at <= NOW))
    policy = Policy((each,))
    if not policy.decide(dated, NOW).verified:
        assert not policy.decide(dated, day(400)).verified
