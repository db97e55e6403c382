"""An explanation shows, for each layer, the rule, what it asks, and what became of every statement; and it can be shown anywhere."""

from __future__ import annotations

from policy_cases import DATA, NOW, OTHER_PROJECT, bundle, evidence, layer, made, vouch

from jupyter_mlsc import predicates
from jupyter_mlsc.policy import Policy
from jupyter_mlsc.policy.counting import COUNTED, ELSEWHERE, NOT_VOUCHING
from jupyter_mlsc.policy.explain import explain
from jupyter_mlsc.policy.reasons import LIFTED_BY_OWN_OUTPUT
from jupyter_mlsc.verdict import reason_codes

STRICT = 'match = "data/**"\nkind = "dataset"\nsigned = { by = "data-steward", max-age = "10d", not-author = true, channel = "terminal", threshold = 2 }'


def test_it_names_the_rule_its_line_and_what_it_asks():
    policy = Policy((layer('match = "models/**"\nmode = "warn"', STRICT),))
    (only,) = explain(policy, evidence(), NOW).layers
    (rule,) = only.rules
    assert (only.name, only.file, only.accepted) == ("project", "mlsc.toml", True)
    assert policy.layers[0].text.split("\n")[rule.line - 1] == "[[rule]]"
    assert (rule.index, rule.match) == (1, ("data/**",))
    assert rule.asks == ("signed by data-steward, 2 persons, not older than 10 days, not by the author, through terminal", "kind dataset")


def test_every_outcome_is_said_in_words():
    fates = {
        COUNTED: [vouch("bob", on=25)],
        NOT_VOUCHING: [vouch("alice", predicate_type=predicates.RUN)],
        ELSEWHERE: [vouch("alice", "v0", name="x")],
        "other-name": [vouch("alice", name="data/x")],
        "other-project": [vouch("alice", project=OTHER_PROJECT)],
        "unbound": [bundle("alice")],
        "untrusted-signer": [vouch("mallory")],
        "wrong-kind": [vouch("alice", kind="model")],
        "wrong-channel": [vouch("alice", channel="notebook")],
        "not-yet-valid": [vouch("alice", on=NOW.replace(year=2030))],
        "superseded": [vouch("alice", on=20), vouch("bob", "v2", on=25)],
        "digest-mismatch": [vouch("alice", "v0")],
        "expired": [vouch("alice", on=1)],
        "author-signed": [made("alice-runs"), vouch("alice", on=25)],
    }
    for outcome, claims in fates.items():
        (only,) = explain(Policy((layer(STRICT),)), evidence(*claims), NOW).layers
        said = {claim.outcome: claim for claim in only.rules[0].claims}
        if outcome == COUNTED:
            (only,) = explain(Policy((layer(STRICT),)), evidence(vouch("alice", on=24), *claims), NOW).layers
            said = {claim.outcome: claim for claim in only.rules[0].claims}
        assert outcome in said, outcome
        assert said[outcome].why
        assert said[outcome].counted == (outcome == COUNTED)
        assert outcome in (*reason_codes(), COUNTED, NOT_VOUCHING, ELSEWHERE)


def test_what_is_ungoverned_shows_the_rule_that_only_sets_a_mode_or_none():
    policy = Policy((layer('match = "**"\nmode = "observe"'), layer(DATA, name="admin")))
    project, admin = explain(policy, evidence(name="notes.txt"), NOW).layers
    assert (project.rules[0].asks, project.rules[0].reasons, admin.rules) == (("mode observe",), (), ())


def test_nothing_hostile_from_a_statement_reaches_the_screen():
    claim = vouch("mallory", source="\x1b[2Jclaims\n", name="data/\x1b]0;x\x07")
    (only,) = explain(Policy((layer(DATA),)), evidence(claim), NOW).layers
    shown = only.rules[0].claims[0]
    assert (shown.source + shown.why).isprintable()


def test_an_unaccepted_layer_says_so_and_counts_nothing():
    (only,) = explain(Policy.untrusted(layer(DATA)), evidence(vouch("alice")), NOW).layers
    assert (only.accepted, only.rules[0].claims, [r.code for r in only.rules[0].reasons]) == (False, (), ["policy-untrusted"])


def test_what_an_own_output_lifts_are_reasons_that_exist():
    assert set(reason_codes()) >= LIFTED_BY_OWN_OUTPUT
