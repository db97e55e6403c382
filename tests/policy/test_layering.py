"""What must hold for any policy and any statements: layers only add, strangers change nothing, and the order of statements is nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import NOW, OTHER_PROJECT, PROJECT, bundle, day, evidence, layer, made, vouch

from jupyter_mlsc import predicates
from jupyter_mlsc.policy import Policy, explain
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
    st.sampled_from(["", 'require = ["provenance"]', 'require = ["verified-inputs"]']),
    st.sampled_from(["", 'formats = { deny = ["pickle"] }', 'formats = { allow = ["csv"] }']),
    st.sampled_from(["", 'mode = "observe"', 'mode = "warn"', 'mode = "enforce"']),
)
layers = st.builds(
    lambda rule, mode, name, accepted: msgspec.structs.replace(layer(rule, mode=mode, name=name), accepted=accepted),
    rules,
    st.sampled_from(["observe", "warn", "enforce"]),
    st.sampled_from(["admin", "project"]),
    st.sampled_from([True, True, True, False]),
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


claims = st.lists(statements(KNOWN), max_size=5)
strangers = st.lists(statements(["mallory", "mallory+eve", ""]), min_size=1, max_size=3)
found = st.builds(
    lambda each, families, own, faults: evidence(*each, families=frozenset(families), own_output=own, faults=faults),
    claims,
    st.sampled_from([("csv",), ("pickle", "joblib"), ()]),
    st.booleans(),
    st.sampled_from([(), (reason("ledger-inconsistent", why="x"),)]),
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
    assert together.verified == (bool(governing) and all(v.verified for v in governing))
    assert together.person_signed <= any(v.person_signed for v in alone)


@given(st.lists(layers, min_size=1, max_size=2), found, strangers)
def test_a_strangers_statement_changes_no_decision(some, what, more):
    policy = Policy(tuple(some))
    before, after = policy.decide(what, NOW), policy.decide(replace(what, claims=(*what.claims, *more)), NOW)
    assert (after.decision, after.verified, after.person_signed) == (before.decision, before.verified, before.person_signed)
    assert {s.identity for s in after.signers} == {s.identity for s in before.signers}


@given(st.lists(layers, min_size=1, max_size=2), found, st.randoms(use_true_random=False))
def test_the_order_of_statements_is_nothing(some, what, random):
    policy = Policy(tuple(some))
    shuffled = list(what.claims)
    random.shuffle(shuffled)
    assert policy.decide(replace(what, claims=tuple(shuffled)), NOW) == policy.decide(what, NOW)


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
