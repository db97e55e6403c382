"""The first policy: it parses for any user name of any system, and works at once for one person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import NOW, PROJECT, codes, encoded, evidence, made, vouch

from jupyter_mlsc.policy import Policy, initial_policy, parse_policy
from jupyter_mlsc.policy.template import identity_name_from


def first(name="alice", mode="warn"):
    return parse_policy(initial_policy(PROJECT, mode, name, encoded("alice"), encoded("alice-runs"), encoded("alice-supervised")), "mlsc.toml", "project")


@given(st.text(max_size=80))
def test_it_parses_for_any_user_name(name):
    layer = first(name)
    person, runs = layer.identities.values()
    assert runs.person == person.name
    assert set(layer.roles) == {"data-steward", "ml-lead", "policy-admin", "builder"}


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("alice", "alice"),
        ("jo.ann_2", "jo.ann_2"),
        ("ACME\\Jo Ann", "Jo-Ann"),
        ("élodie", "élodie"),
        ("", "me"),
        ('"]\nmode = "observe', "mode-observe"),
        ("...", "me"),
    ],
)
def test_names_are_made_safe(user, name):
    assert identity_name_from(user) == name


@pytest.mark.parametrize("mode", ["observe", "warn", "enforce"])
def test_the_mode_is_the_one_that_was_asked_for(mode):
    assert first(mode=mode).mode == mode


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="strict"):
        first(mode="strict")


def test_init_sign_verify_and_save_work_at_once_for_one_person():
    policy = Policy((first(),))

    def said(claim, name, content="v1"):
        return codes(policy.decide(evidence(claim, name=name, content=content), NOW))

    assert said(vouch("alice"), "data/train.csv") == []
    assert said(made("alice-runs"), "data/train.csv") == ["untrusted-signer"]
    for name, kind in (("data/derived/x.parquet", "dataset"), ("models/churn.joblib", "model")):
        assert policy.kind_for(name) == kind
        assert said(made("alice-runs", name=name, kind=kind), name) == []
        assert said(vouch("alice", name=name, kind=kind), name) == []
        assert said(made("alice-runs", name=name, kind=kind, verified=False), name) == ["inputs-unverified"]


def test_what_it_suggests_in_comments_parses_too():
    text = initial_policy(PROJECT, "warn", "alice", encoded("alice"), encoded("alice-runs"), encoded("alice-supervised"))
    opened = text.replace("# [unpickle]\n# allow", "[unpickle]\nallow")
    assert parse_policy(opened, "mlsc.toml", "project").unpickle_allow == {"mypackage.models.Net"}
    head, suggested = text.split("# A second person")
    lines = [line[2:] for line in suggested.split("\n")[1:] if line.startswith(("# [[", "# match", "# kind", "# signed", "# formats"))]
    production = "\n".join(lines).replace("threshold = 2, ", "")  # one person alone is refused a threshold of two
    assert parse_policy(head.replace("[[rule]]    # models", production + "\n[[rule]]    # models"), "mlsc.toml", "project").rules[2].formats is not None
