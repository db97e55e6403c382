"""Tripwires: each is touched by what it is for and by nothing else, and what a rule says decides what then happens."""

from __future__ import annotations

import re
from typing import Any

import pytest
from policy_cases import DATA, NAME, decide, vouch

from jupyter_mlsc.policy.evidence import DatasetEvidence
from jupyter_mlsc.policy.rules import Tripwires
from jupyter_mlsc.policy.tripping import CODES, label_shift, outside, tripped
from jupyter_mlsc.profiles import Category, Column, DatasetFacts, Label
from jupyter_mlsc.verdict import Decision


def facts(
    *, rows: int = 100, ones: int = 50, duplicates: int = 0, nulls: int = 0, commonest: int = 10, least: float = 0.0, type_: str = "integer", town: str = "Bonn"
) -> DatasetFacts:
    histogram = (1, *(0,) * 18, 99) if least < 0 else (5,) * 20
    columns = (
        Column("age", type_, nulls=nulls, distinct=50, least=least, greatest=99.0, histogram=histogram, commonest=commonest),
        Column("town", "text", distinct=2, categories=(Category("Ulm", rows - 10), Category(town, 10)), commonest=rows - 10),
        Column("y", "integer", distinct=2),
    )
    label = Label("y", classes=(Category("0", rows - ones), Category("1", ones)))
    return DatasetFacts("csv", rows, columns, 3, label, duplicates)


TOUCHED: dict[str, dict[str, Any]] = {
    "label-shift": {"ones": 61},
    "duplicate-rows": {"duplicates": 11},
    "schema-drift": {"type_": "text"},
    "out-of-range": {"least": -1.0},
    "near-constant": {"commonest": 99},
    "unseen-categories": {"town": "Rome"},
    "missing-values": {"nulls": 11},
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_wire_is_touched_by_what_it_is_for_and_no_other_is(code: str) -> None:
    assert [each for each, _ in tripped(Tripwires(), facts(), facts(**TOUCHED[code]))] == [code]


def test_nothing_is_touched_by_the_same_again_nor_just_below_the_thresholds() -> None:
    assert list(tripped(Tripwires(), facts(), facts())) == []
    assert list(tripped(Tripwires(), facts(), facts(ones=59, duplicates=9, nulls=9, commonest=98))) == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_wire_that_is_not_strung_is_not_touched(code: str) -> None:
    field = {"duplicate-rows": "duplicates", "schema-drift": "schema", "missing-values": "nulls"}.get(code, code.replace("-", "_"))
    loose = Tripwires(**{field: False if field == "schema" else None})
    assert list(tripped(loose, facts(), facts(**TOUCHED[code]))) == []


def test_shares_are_what_the_page_says() -> None:
    assert label_shift(facts(ones=50), facts(ones=61)) == pytest.approx(0.11)
    assert outside(facts().columns[0], facts(least=-1.0).columns[0]) == pytest.approx(0.0)
    assert outside(Column("a", "decimal", least=0, greatest=1), Column("a", "decimal", least=0, greatest=2, histogram=(5,) * 20)) == pytest.approx(0.5)


def rule(then: str, extra: str = "") -> str:
    return f'{DATA}\ntripwires = {{ then = "{then}" }}\n{extra}'


def seen(present: DatasetFacts | None, *, profiled: bool = True, yardstick: bool = True) -> DatasetEvidence:
    return DatasetEvidence(profiled, present, "it is of no format that has a profile", {NAME: facts(), "data/yard.csv": facts()} if yardstick else {})


@pytest.mark.parametrize(("then", "decision", "verified"), [("warn", Decision.WARN, True), ("block", Decision.BLOCK, False)])
def test_what_a_touched_wire_does_is_what_the_rule_says(then: str, decision: Decision, verified: bool) -> None:
    verdict = decide(rule(then), vouch("alice"), dataset=seen(facts(ones=99)))
    assert (verdict.decision, verdict.verified, [each.code for each in verdict.reasons]) == (decision, verified, ["label-shift"])
    assert verdict.reasons[0].message.endswith("(a tripwire, not a detector)")
    assert "mlsc diff " in verdict.reasons[0].next


def test_a_yardstick_that_is_not_there_is_told_and_never_passed_over() -> None:
    other = rule("block", 'profile-of = "data/yard.csv"')
    assert [each.code for each in decide(other, vouch("alice"), dataset=seen(facts(), yardstick=False)).reasons] == ["tripwire-unchecked"]
    assert [each.code for each in decide(other, vouch("alice"), dataset=seen(None)).reasons] == ["tripwire-unchecked"]
    shifted = decide(other, vouch("alice"), dataset=seen(facts(ones=99)))
    assert re.search(r"mlsc diff \S+ --against data/yard.csv", shifted.reasons[0].next)


def test_a_required_profile_that_is_missing_fails() -> None:
    asked = f'{DATA}\nrequire = ["profile"]'
    assert [each.code for each in decide(asked, vouch("alice"), dataset=seen(None, profiled=False)).reasons] == ["profile-missing"]
    assert decide(asked, vouch("alice"), dataset=seen(facts())).verified
