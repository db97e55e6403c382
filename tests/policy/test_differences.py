"""What a person is shown who is asked to trust a changed policy: every change, and a mark on each that asks for less or trusts more."""

from __future__ import annotations

import pytest
from policy_cases import DATA, IDENTITIES, encoded, policy_text

from jupyter_mlsc.policy import parse_policy
from jupyter_mlsc.policy.differences import WEAKER, differences

MODELS = 'match = "models/**"\nkind = "model"\nsigned = { by = "ml-lead", threshold = 2, max-age = "30d", not-author = true, channel = "panel" }'
FORMATS = MODELS + '\nrequire = ["provenance"]\nformats = { deny = ["pickle"] }\nmode = "enforce"'


def parsed(*rules, **how):
    return parse_policy(policy_text(*rules, **how), "mlsc.toml", "project")


def changed(old, new):
    return differences(old, new)


def test_nothing_changed_is_nothing_to_show():
    assert changed(parsed(DATA), parsed(DATA, head=IDENTITIES + "# a comment\n")) == []


def test_a_first_version_is_shown_whole():
    lines = changed(None, parsed(DATA, FORMATS))
    for part in ("project: ", "mode: enforce", "identity alice: a person", "identity alice-runs: runs of alice", "role builder: alice-runs, bob-runs"):
        assert any(line.startswith(part) for line in lines), part
    assert "rule data/**: signed by data-steward; kind dataset" in lines


WEAKENINGS = [
    ("the mode", DATA, DATA, {"mode": "warn"}, "mode: enforce -> warn"),
    ("a rule is gone", DATA, None, {}, "rule data/**: removed"),
    ("a role more", DATA, DATA.replace('"data-steward"', '["data-steward", "ml-lead"]'), {}, "rule data/**"),
    ("another role", DATA, DATA.replace("data-steward", "ml-lead"), {}, "rule data/**"),
    ("the threshold", MODELS, MODELS.replace("threshold = 2", "threshold = 1"), {}, "rule models/**"),
    ("the age", MODELS, MODELS.replace("30d", "31d"), {}, "rule models/**"),
    ("no age", MODELS, MODELS.replace(', max-age = "30d"', ""), {}, "rule models/**"),
    ("the author", MODELS, MODELS.replace(", not-author = true", ""), {}, "rule models/**"),
    ("any channel", MODELS, MODELS.replace(', channel = "panel"', ""), {}, "rule models/**"),
    ("a channel more", MODELS, MODELS.replace('"panel"', '["panel", "notebook"]'), {}, "rule models/**"),
    ("unbound", MODELS, MODELS.replace("not-author", "unbound = true, not-author"), {}, "rule models/**"),
    ("the kind", DATA, DATA.replace('"dataset"', '"model"'), {}, "rule data/**"),
    (
        "no signature",
        FORMATS,
        'match = "models/**"\nkind = "model"\nrequire = ["provenance"]\nformats = { deny = ["pickle"] }\nmode = "enforce"',
        {},
        "rule models/**",
    ),
    ("no provenance", FORMATS, FORMATS.replace('require = ["provenance"]\n', ""), {}, "rule models/**"),
    ("other formats", FORMATS, FORMATS.replace("pickle", "csv"), {}, "rule models/**"),
    ("any format", FORMATS, FORMATS.replace('\nformats = { deny = ["pickle"] }', ""), {}, "rule models/**"),
    ("formats that include the denied one", FORMATS, FORMATS.replace("deny", "allow"), {}, "rule models/**"),
    ("the rule's mode", FORMATS, FORMATS.replace('mode = "enforce"', 'mode = "observe"'), {}, "rule models/**"),
    ("no mode of its own", FORMATS, FORMATS.replace('\nmode = "enforce"', ""), {}, "rule models/**"),
    ("an identity", DATA, DATA, {"head": IDENTITIES.replace("[roles]", f'eve = {{ key = "{encoded("eve")}" }}\n[roles]')}, "identity eve: added"),
    ("a key", DATA, DATA, {"head": IDENTITIES.replace(encoded("bob"), encoded("eve"))}, "identity bob"),
    ("a run that becomes a person", DATA, DATA, {"head": IDENTITIES.replace(', runs-of = "dave"', "")}, "identity dave-runs"),
    ("a holder", DATA, DATA, {"head": IDENTITIES.replace('data-steward = ["alice"', 'data-steward = ["carol", "alice"')}, "role data-steward: added carol"),
    ("an unpickled name", DATA, DATA, {"head": IDENTITIES + '[unpickle]\nallow = ["a.B"]\n'}, "unpickle: added a.B"),
    ("a sandbox hole", DATA, DATA, {"head": IDENTITIES + '[supervise]\nwrite = ["/srv"]\n'}, "supervise write: added /srv"),
    ("a writable environment", DATA, DATA, {"head": IDENTITIES + '[supervise]\nenvironment = "writable"\n'}, "supervise environment"),
]


@pytest.mark.parametrize(("old", "new", "how", "line"), [row[1:] for row in WEAKENINGS], ids=[row[0] for row in WEAKENINGS])
def test_a_weakening_is_shown_and_marked_and_its_reverse_is_shown(old, new, how, line):
    before, after = parsed(old), parsed(*([new] if new else []), **how)
    shown = [each for each in changed(before, after) if each.startswith(line)]
    assert shown
    assert shown[0].endswith(WEAKER)
    assert changed(after, before)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (DATA, DATA + '\nrequire = ["provenance"]'),
        (MODELS, FORMATS.replace('\nmode = "enforce"', "")),
        (MODELS, MODELS.replace("30d", "29d")),
        (FORMATS, FORMATS.replace('deny = ["pickle"]', 'allow = ["csv"]')),
        (DATA.replace("data-steward", "builder").replace('"builder"', '["builder", "ml-lead"]'), DATA.replace("data-steward", "ml-lead")),
    ],
)
def test_what_asks_for_more_is_not_marked(old, new):
    (line,) = changed(parsed(old), parsed(new))
    assert not line.endswith(WEAKER)


def test_a_new_rule_that_takes_names_from_an_older_one_is_marked_and_another_is_not():
    inside = 'match = "data/open/**"\nmode = "observe"'
    (line,) = changed(parsed(DATA), parsed(inside, DATA))
    assert line == f"rule data/open/**: added (mode observe){WEAKER}"
    (line,) = changed(parsed(DATA), parsed(MODELS, DATA))
    assert not line.endswith(WEAKER)


def test_another_order_is_shown():
    first, second = 'match = "**/*.csv"\nsigned = { by = "data-steward" }', MODELS
    assert changed(parsed(first, second), parsed(second, first)) == [f"rules: in another order, and the first that fits decides{WEAKER}"]
