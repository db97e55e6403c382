"""Policy applied to evidence: `Policy.decide(evidence, now) -> Verdict`. Pure: no I/O, no clock, no Jupyter.

1. Each layer (admin, project) is evaluated alone, with its own identities and roles, and the strictest decision counts. So a layer can
   only add to what is asked, and a project's `alice` never fills an admin's role.
2. In a layer, the first rule that fits the name decides. A tree is held to the rule of its own name and to every rule that governs a file
   in it: what is asked of a file cannot be avoided by loading the folder. (Kinds are the tree's own: those rules ask it for none.)
3. ``signed``: see `counting`. ``require`` has ``provenance``: a run of this layer's identities says, for this name, that it made these
   bytes; and ``verified-inputs``: the newest that runs say about these bytes, under whatever name, names no unverified input. Where no run
   says anything the inputs are unknown: good enough where persons stand for the bytes (a model from elsewhere that a lead signs), and
   `provenance-missing` where the rule asks for no signature. ``review``: see `reviewing`; ``reproduced``: see `reproducing`;
   ``scan``: see `scanning`; what was promoted
   keeps what was said of it under its earlier name (`promoting`). ``profile``: a profile of these very bytes, by somebody whose profiles
   count (`yardstick`). ``formats``: every family that the bytes belong to must be acceptable. ``tripwires``: see `tripping`; they are about an
   artifact of the rule's own name, and where the rule says ``then = "warn"`` they are warned of in every mode but ``observe``, and fail nothing.
4. What a run wrote itself it may read back: reasons about statements become the note `own-output`. The artifact is not verified by that.
5. A layer that is not accepted trusts nobody: what it governs is `policy-untrusted`, in ``warn`` at least.
6. Nothing governs: allowed, with the note `ungoverned`.
7. An exception turns what it was made for into the note `overridden` (`overriding`). The artifact is not verified by that.
8. Whatever rule fits or none: bytes that a layer's persons revoked are `revoked`, and what was made from such bytes is `input-revoked`, which is
   only warned of where the layer says ``spread = "warn"`` (`revoking`). No exception covers either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import msgspec

from jupyter_mlsc.decisions import APPROVED, REJECTED
from jupyter_mlsc.policy import reasons as say
from jupyter_mlsc.policy.counting import COUNTED, Tally, authors, binds_name, count, in_future, is_about, keys_revoked, project_of, provenance
from jupyter_mlsc.policy.evidence import Claim, Evidence, InputClaim
from jupyter_mlsc.policy.globs import Place
from jupyter_mlsc.policy.overriding import covers, exceptions
from jupyter_mlsc.policy.promoting import promotions
from jupyter_mlsc.policy.reproducing import reproduction
from jupyter_mlsc.policy.reviewing import Hearing, hear
from jupyter_mlsc.policy.revoking import revoked
from jupyter_mlsc.policy.rules import PolicyLayer, Review, Rule
from jupyter_mlsc.policy.ruling import Policy, mode_of, strictest_mode
from jupyter_mlsc.policy.scanning import accepted, scanned
from jupyter_mlsc.predicates import rfc3339
from jupyter_mlsc.verdict import NOT_VERIFIED, STRICTNESS, Decision, DecisionSeen, Mode, Reason, SignerSeen, Verdict, decision_for, reason


class Judgement(msgspec.Struct, frozen=True):
    """One rule's answer. ``tally`` is None where the rule asks for no signature; ``person`` is True when a person is among those who count."""

    layer: PolicyLayer
    rule: Rule
    mode: Mode
    reasons: tuple[Reason, ...]
    tally: Tally | None = None
    decisions: tuple[DecisionSeen, ...] = ()
    warned: tuple[Reason, ...] = ()
    """Tripwires that the rule only warns of, in whatever mode."""

    @property
    def decision(self) -> Decision:
        """What this rule alone would do."""
        found = decision_for(self.mode, self.reasons)
        return Decision.WARN if self.warned and self.mode is not Mode.OBSERVE and found is Decision.ALLOW else found

    @property
    def person(self) -> bool:
        """A person whom the rule trusts has signed these bytes: having promoted them is not enough to run what is in them."""
        signed = () if self.tally is None else (counted for counted in self.tally.of(COUNTED) if counted.claim.decision is None)
        return any(not voice.is_run for counted in signed for voice in counted.voices)


def decide(policy: Policy, evidence: Evidence, now: datetime) -> Verdict:
    """Judge an artifact. Raises ValueError when ``now`` has no time zone."""
    return verdict(policy, evidence, [judgement for layer in policy.layers for judgement in judge(policy, layer, evidence, now)])


def judge(policy: Policy, layer: PolicyLayer, evidence: Evidence, now: datetime) -> list[Judgement]:
    """One layer's answer: a judgement for each of its rules that govern the artifact, the rule of its own name first."""
    if now.tzinfo is None:
        raise ValueError("the time of a decision needs a time zone")
    own, inner = _rules(policy, layer, evidence)
    found = [_apply(policy, layer, own, evidence, now, inner=False)] if own is not None and own.governs else []
    return found + [_apply(policy, layer, rule, evidence, now, inner=True) for rule in inner]


def verdict(policy: Policy, evidence: Evidence, judgements: list[Judgement]) -> Verdict:
    """Put the judgements of all layers together: the strictest decision, every reason once."""
    digest = evidence.measured.digest if evidence.measured is not None else None
    kind = policy.kind_for(evidence.name)
    withdrawn = [each for layer in policy.layers for each in _withdrawn(policy, layer, evidence)]
    decision = max((each.decision for each in withdrawn), key=STRICTNESS.index, default=Decision.ALLOW)
    seen = tuple(dict.fromkeys((*(each.seen for each in withdrawn), *(one for judgement in judgements for one in judgement.decisions))))
    if not judgements:
        mode = strictest_mode(mode_of(layer, policy.rule_for(evidence.name, layer)) for layer in policy.layers) if policy.layers else Mode.WARN
        # Code that would run is refused wherever it lies; all else that is wrong with what nobody asks for is only told.
        decision = max(decision, decision_for(mode, [fault for fault in evidence.faults if fault.code == "unpickle-denied"]), key=STRICTNESS.index)
        noted = tuple(dict.fromkeys((*(each.reason for each in withdrawn), say.ungoverned_reason(evidence), *evidence.faults)))
        return Verdict(evidence.name, digest, kind, decision, mode, noted, tier=evidence.tier, governed=False, decisions=seen)
    reasons: dict[Reason, None] = dict.fromkeys(each.reason for each in withdrawn)
    for judgement in judgements:
        decision = max(decision, judgement.decision, decision_for(judgement.mode, (*judgement.reasons, *evidence.faults)), key=STRICTNESS.index)
        reasons.update(dict.fromkeys((*judgement.reasons, *judgement.warned)))
    reasons.update(dict.fromkeys(evidence.faults))
    tallied = [judgement for judgement in judgements if judgement.tally is not None]
    clean = not any(r.fails or r.code in NOT_VERIFIED for r in reasons)
    return Verdict(
        evidence.name,
        digest,
        kind,
        decision,
        strictest_mode(judgement.mode for judgement in judgements),
        tuple(reasons),
        _signers(tallied),
        evidence.tier,
        person_signed=clean and bool(tallied) and all(judgement.person for judgement in tallied),
        decisions=seen,
    )


def needs_sha256(policy: Policy, evidence: Evidence) -> bool:
    """True when a claim that matters carries no digest that was computed: measure in full, or it counts as one for other bytes."""
    measured = evidence.measured
    if measured is None or measured.is_tree or measured.sha256 is not None:
        return False
    found = [policy.rule_for(evidence.name, layer) for layer in policy.layers]
    unbound = any(rule is not None and rule.signed is not None and rule.signed.unbound for rule in found)
    return any(c.keys and c.content_root is None and (unbound if c.name is None else binds_name(c, evidence)) for c in evidence.claims)


def accepted_findings(policy: Policy, evidence: Evidence, now: datetime) -> frozenset[str]:
    """Codes of findings of a scan that persons of every layer which has persons accepted for these bytes."""
    layers = [layer for layer in policy.layers if layer.accepted and layer.identities]
    told = [accepted(policy.rule_for(evidence.name, layer), layer, evidence, now, keys_revoked(layer, evidence)) for layer in layers]
    return frozenset.intersection(*told) if told else frozenset()


def _withdrawn(policy: Policy, layer: PolicyLayer, evidence: Evidence) -> list[_Withdrawn]:
    """What a layer's persons revoked of these bytes and of what they were made from, whether one of its rules fits or none."""
    mode = mode_of(layer, policy.rule_for(evidence.name, layer))
    found = []
    for revocation, who in revoked(layer, evidence):
        why = say.revocation_reason(revocation, who, evidence)
        mild = revocation.through is not None and layer.revoke.spread == "warn" and mode is Mode.ENFORCE
        at = rfc3339(revocation.signed_at)
        seen = DecisionSeen("revoked", who.name, at, revocation.why, about=revocation.through)
        found.append(_Withdrawn(why, decision_for(Mode.WARN if mild else mode, [why]), seen))
    return found


def _rules(policy: Policy, layer: PolicyLayer, evidence: Evidence) -> tuple[Rule | None, list[Rule]]:
    place = Place(evidence.name, policy.root)
    own = layer.rule_for(place)
    manifest = evidence.measured.manifest if evidence.measured is not None else None
    if not manifest:
        return own, []
    candidates = [rule for rule in layer.rules if any(glob.may_fit_below(place) for glob in rule.globs)]
    if candidates[:1] == [own] and own is not None and all_below(own, place):
        return own, []
    names = (Place(f"{place.name.rstrip('/')}/{line.name}", policy.root) for line in manifest)
    found = {rule.index: rule for rule in (layer.rule_for(inside) for inside in names) if rule is not None and rule.governs}
    if own is not None:
        found.pop(own.index, None)
    return own, [found[index] for index in sorted(found)]


def _apply(policy: Policy, layer: PolicyLayer, rule: Rule, evidence: Evidence, now: datetime, *, inner: bool) -> Judgement:
    mode = mode_of(layer, rule)
    if not layer.accepted:
        return Judgement(layer, rule, mode, (reason("policy-untrusted"),))
    reasons: list[Reason] = []
    seen: list[DecisionSeen] = []
    tally = None
    keys = keys_revoked(layer, evidence)
    promoted = promotions(layer, evidence, now, keys)
    if rule.signed is not None:
        tally = count(rule, rule.signed, layer, evidence, now, any_kind=inner)
        reasons += say.signature_reasons(tally, rule, rule.signed, layer, evidence)
    earlier = tuple(replace(evidence, name=claim.promoted_from) for claim, _ in promoted if claim.promoted_from is not None)
    reasons += _unmet(rule, layer, evidence, earlier, now)
    if rule.review is not None:
        hearing = _hear(rule.review, layer, evidence, earlier, now, keys)
        reasons += say.review_reasons(hearing, rule.review, layer, evidence)
        seen += [_seen(voice.claim, voice.person) for voice in (*hearing.approvals, *hearing.rejections)]
    if rule.reproduced is not None:
        reasons += say.reproduction_reasons(reproduction(rule.reproduced, layer, evidence, earlier, now, keys), rule.reproduced, layer, evidence)
    if rule.scan is not None:
        reasons += say.scan_reasons(scanned(rule.scan, layer, evidence, earlier, now, keys), rule.scan, layer, evidence)
    if rule.formats is not None:
        refused = rule.formats.refused(evidence.families)
        if refused is not None:
            reasons.append(say.format_reason(refused, rule.formats, rule, evidence))
    failing, warned = say.dataset_reasons(rule, layer, evidence) if not inner else ([], [])
    reasons += failing
    if evidence.own_output:
        kept = [each for each in reasons if each.code not in say.LIFTED_BY_OWN_OUTPUT]
        reasons = kept if len(kept) == len(reasons) else [*kept, say.own_output_reason(evidence)]
    for claim, who in exceptions(layer, evidence, now, keys):
        covered = [each for each in reasons if each.fails and covers(claim, each)]
        if covered:
            reasons = [*(each for each in reasons if each not in covered), say.override_reason(covered, claim, who, evidence)]
            seen.append(_seen(claim, who.name))
    seen += [_seen(claim, who.name) for claim, who in promoted]
    return Judgement(layer, rule, mode, tuple(reasons), tally, tuple(seen), tuple(warned))


def all_below(rule: Rule, folder: Place) -> bool:
    """True when one of the rule's patterns is a literal folder and ``**``, and fits the folder: then it fits all that is below."""
    return any(g.parts[-1] == "**" and len(g.parts) == len(g.prefix.strip("/").split("/")) + 1 and g.base == 0 and g.fits(folder) for g in rule.globs)


class _Withdrawn(msgspec.Struct, frozen=True):
    """A revocation that counts, as a reason, what the layer does about it, and as a decision to be shown."""

    reason: Reason
    decision: Decision
    seen: DecisionSeen


def _hear(review: Review, layer: PolicyLayer, evidence: Evidence, earlier: tuple[Evidence, ...], now: datetime, keys: frozenset[str]) -> Hearing:
    """The decisions about these bytes, under this name or one that they were promoted from (rule 1 of `reviewing`)."""
    about = [
        claim
        for claim in dict.fromkeys(evidence.claims)
        if claim.decision in (APPROVED, REJECTED) and claim.project == project_of(layer, evidence) and is_about(claim, evidence)
    ]
    heard = [c for c in about if any(binds_name(c, each) for each in (evidence, *earlier)) and c.signed_at is not None and not in_future(c, now)]
    return hear(heard, review, layer, authors(layer, evidence), keys, len(about) - len(heard))


def _seen(claim: Claim, by: str) -> DecisionSeen:
    at = rfc3339(claim.signed_at) if claim.signed_at is not None else ""
    return DecisionSeen(claim.decision or "", by, at, claim.note, until=None if claim.until is None else rfc3339(claim.until), about=claim.promoted_from)


def _unmet(rule: Rule, layer: PolicyLayer, evidence: Evidence, earlier: tuple[Evidence, ...], now: datetime) -> list[Reason]:
    if not rule.require:
        return []
    made = provenance(layer, evidence, now)
    if "provenance" in rule.require and not any(binds_name(claim, each) for claim in made for each in (evidence, *earlier)):
        return [say.requirement_reason("provenance-missing", evidence)]
    if "verified-inputs" not in rule.require:
        return []
    if not made:
        return [] if rule.signed is not None else [say.requirement_reason("provenance-missing", evidence)]
    unverified = {each.name: each for claim in _newest(made) for each in claim.inputs if not each.verified and not _is_free_code(each, layer)}
    return [say.requirement_reason("inputs-unverified", evidence, inputs=[unverified[n] for n in sorted(unverified)])] if unverified else []


def _is_free_code(each: InputClaim, layer: PolicyLayer) -> bool:
    """True for code of which this layer asks nothing, whatever the run says of it."""
    rule = layer.rule_for(Place(each.name))
    return each.code and (rule is None or not rule.governs)


def _newest(claims: list[Claim]) -> list[Claim]:
    latest = max((claim.signed_at for claim in claims if claim.signed_at is not None), default=None)
    return [claim for claim in claims if claim.signed_at == latest]


def _signers(judgements: Iterable[Judgement]) -> tuple[SignerSeen, ...]:
    seen: dict[SignerSeen, None] = {}
    for judgement in judgements:
        for counted in judgement.tally.of(COUNTED) if judgement.tally is not None else ():
            at = rfc3339(counted.claim.signed_at) if counted.claim.signed_at is not None else ""
            voices = {voice.name for voice in counted.voices}
            for key in counted.claim.keys:
                owner = judgement.layer.owners.get(key)
                if owner is not None and owner.name in voices:
                    seen[SignerSeen(owner.name, key, at)] = None
    return tuple(seen)
