"""Why a verdict is what it is: for each layer the rule that decided, what it asks, and what became of every statement. Values only."""

from __future__ import annotations

from datetime import datetime

import msgspec

from jupyter_mlsc.policy.counting import COUNTED, Counted
from jupyter_mlsc.policy.decide import Judgement
from jupyter_mlsc.policy.differences import asks
from jupyter_mlsc.policy.evidence import Evidence
from jupyter_mlsc.policy.lines import line_of
from jupyter_mlsc.policy.reasons import outcome_sentence, shown
from jupyter_mlsc.policy.rules import PolicyLayer, Rule
from jupyter_mlsc.policy.ruling import Policy
from jupyter_mlsc.verdict import Mode, Reason, Verdict


class ClaimExplained(msgspec.Struct, frozen=True):
    """One statement: where it was found, whose word it is, and whether and why it counted. ``outcome`` is `counted` or a reason's code."""

    source: str
    predicate_type: str
    signers: tuple[str, ...]
    signed_at: datetime | None
    counted: bool
    outcome: str
    why: str


class RuleExplained(msgspec.Struct, frozen=True):
    """One rule that decided: its place in the file, what it asks, and what it made of every statement."""

    index: int
    line: int | None
    match: tuple[str, ...]
    asks: tuple[str, ...]
    mode: Mode
    claims: tuple[ClaimExplained, ...]
    reasons: tuple[Reason, ...]


class LayerExplained(msgspec.Struct, frozen=True):
    """One layer: its file and the rules that decided, the one of the artifact's own name first; none where it is ungoverned."""

    name: str
    file: str
    digest: str
    accepted: bool
    rules: tuple[RuleExplained, ...]


class Explanation(msgspec.Struct, frozen=True):
    """The verdict with its grounds."""

    verdict: Verdict
    layers: tuple[LayerExplained, ...]


def explain(policy: Policy, evidence: Evidence, now: datetime) -> Explanation:
    """Judge an artifact and keep the grounds; the verdict is the one that `Policy.decide` gives."""
    judged = [(layer, policy.judge(layer, evidence, now)) for layer in policy.layers]
    verdict = policy.verdict(evidence, [judgement for _, judgements in judged for judgement in judgements])
    return Explanation(verdict, tuple(_layer(policy, layer, judgements, evidence) for layer, judgements in judged))


def _layer(policy: Policy, layer: PolicyLayer, judgements: list[Judgement], evidence: Evidence) -> LayerExplained:
    rules = [_rule(layer, judgement.rule, judgement.mode, judgement) for judgement in judgements]
    if not rules:
        only_mode = policy.rule_for(evidence.name, layer)
        rules = [] if only_mode is None else [_rule(layer, only_mode, only_mode.mode or layer.mode, None)]
    return LayerExplained(layer.name, layer.file, layer.digest, layer.accepted, tuple(rules))


def _rule(layer: PolicyLayer, rule: Rule, mode: Mode, judgement: Judgement | None) -> RuleExplained:
    tally = judgement.tally if judgement is not None else None
    claims = tuple(_claim(counted) for counted in tally.claims) if tally is not None else ()
    reasons = judgement.reasons if judgement is not None else ()
    return RuleExplained(rule.index, line_of(layer.text, ("rule", rule.index)), rule.match, asks(rule), mode, claims, reasons)


def _claim(counted: Counted) -> ClaimExplained:
    claim = counted.claim
    signers = tuple(voice.name for voice in counted.voices) or tuple(f"{key[:16]}..." for key in claim.keys)
    why = outcome_sentence(counted)
    return ClaimExplained(shown(claim.source), claim.predicate_type, signers, claim.signed_at, counted.outcome == COUNTED, counted.outcome, why)
