"""Code among the inputs of what a run made: looked past where no rule of the layer asks about it, by the policy's own look at its name."""

from __future__ import annotations

import pytest
from policy_cases import NOW, codes, evidence, layer, made

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.policy import InputClaim, Policy

GOOD = InputClaim("data/raw.csv", Digest("sha256", "0" * 64), True)
RULE = 'match = "data/**"\nsigned = { by = "builder" }\nrequire = ["verified-inputs"]'
CODE_RULE = 'match = "**/*.py"\nsigned = { by = "ml-lead" }'


def code(name: str = "src/features.py", *, verified: bool = False, is_code: bool = True) -> InputClaim:
    return InputClaim(name, Digest("sha256", "1" * 64), verified, code=is_code)


@pytest.mark.parametrize(
    ("rules", "used", "expected"),
    [
        ((RULE,), code(), []),
        ((RULE, CODE_RULE), code(), ["inputs-unverified"]),
        ((RULE, CODE_RULE), code(verified=True), []),
        ((RULE,), code(is_code=False), ["inputs-unverified"]),
        ((RULE,), code("data/train.csv"), ["inputs-unverified"]),
    ],
    ids=["no rule asks", "a rule asks", "a rule asked and was satisfied", "an input that is no code", "data that is called code"],
)
def test_code_is_asked_about_only_where_a_rule_governs_it(rules: tuple[str, ...], used: InputClaim, expected: list[str]) -> None:
    policy = Policy((layer(*rules),))
    assert codes(policy.decide(evidence(made("alice-runs", inputs=(GOOD, used))), NOW)) == expected


def test_each_layer_asks_by_its_own_rules() -> None:
    admin = layer(RULE, CODE_RULE, name="admin")
    assert codes(Policy((admin, layer(RULE))).decide(evidence(made("alice-runs", inputs=(GOOD, code()))), NOW)) == ["inputs-unverified"]
