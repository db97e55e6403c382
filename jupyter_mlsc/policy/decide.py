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

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlsc.artifacts import Kind
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
from jupyter_mlsc.policy.rules import POLICY_ADMIN, PolicyLayer, Review, Rule, Supervise
from jupyter_mlsc.policy.scanning import accepted, scanned
from jupyter_mlsc.predicates import rfc3339
from jupyter_mlsc.verdict import NOT_VERIFIED, STRICTNESS, Decision, DecisionSeen, Mode, Reason, SignerSeen, Verdict, decision_for, reason

if TYPE_CHECKING:
    from jupyter_mlsc.policy.installing import InstallRequest

_MODES = (Mode.OBSERVE, Mode.WARN, Mode.ENFORCE)


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


class Policy(msgspec.Struct, frozen=True):
    """The layers that rule, the admin's first. ``root`` is the project's absolute folder: with it, ``/srv/data/**`` fits its files too."""

    layers: tuple[PolicyLayer, ...]
    root: str | None = None

    @classmethod
    def untrusted(cls, file: PolicyLayer, admin: Iterable[PolicyLayer] = (), *, root: str | None = None) -> Policy:
        """The policy where the project's file was not accepted: it says what is governed, and nobody in it is trusted."""
        return cls((*admin, msgspec.structs.replace(file, accepted=False)), root)

    @property
    def mode(self) -> Mode:
        """The strictest mode of the layers; ``warn`` where there is none."""
        return _strictest_mode(_floor(layer, layer.mode) for layer in self.layers) if self.layers else Mode.WARN

    @property
    def supervise(self) -> Supervise:
        """What a supervised command may do besides, by the accepted layers that say anything of it: the strictest of each."""
        default = Supervise()
        said = [layer.supervise for layer in self.layers if layer.accepted and layer.supervise != default]
        if not said:
            return default

        def common(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
            first, *others = lists
            return tuple(name for name in first if all(name in other for other in others))

        return Supervise(
            network="deny" if any(s.network == "deny" for s in said) else "allow",
            environment="writable" if all(s.environment == "writable" for s in said) else "read-only",
            write=common(s.write for s in said),
            exec=common(s.exec for s in said),
            sockets=common(s.sockets for s in said),
            pin="copy" if any(s.pin == "copy" for s in said) else "auto",
        )

    @property
    def unpickle_allow(self) -> frozenset[str]:
        """Names that may be unpickled beside the built-in list. Where the admin has such a list, the project's is not read."""
        for name in ("admin", "project"):
            lists = [layer.unpickle_allow for layer in self.layers if layer.name == name and layer.accepted and layer.unpickle_allow is not None]
            if lists:
                return frozenset.intersection(*lists)
        return frozenset()

    @property
    def install_indexes(self) -> frozenset[str]:
        """Addresses that packages may come from: those that every accepted layer names which names any."""
        lists = [frozenset(layer.install.indexes) for layer in self.layers if layer.accepted and layer.install and layer.install.indexes is not None]
        return frozenset.intersection(*lists) if lists else frozenset()

    @property
    def environment_advisories(self) -> str | None:
        """Where advisories come from: the admin's word goes before the project's."""
        return next((layer.environment.advisories for layer in self.layers if layer.accepted and layer.environment.advisories), None)

    @property
    def denied_licences(self) -> tuple[str, ...]:
        """Licences that any accepted layer does not want."""
        return tuple(dict.fromkeys(name for layer in self.layers if layer.accepted for name in layer.environment.deny_licences))

    def judge_install(self, request: InstallRequest) -> tuple[Mode, list[str]]:
        """What the accepted layers' ``[install]`` have against a request, and the strictest mode of those that have something."""
        from jupyter_mlsc.policy.installing import refusals

        found = [(layer.mode, sentence) for layer in self.layers if layer.accepted and layer.install for sentence in refusals(layer.install, request)]
        return _strictest_mode(mode for mode, _ in found) if found else Mode.OBSERVE, list(dict.fromkeys(sentence for _, sentence in found))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Literal leading folders of all patterns that govern: a name outside all of them is ungoverned. ``""`` is the whole project."""
        return tuple(dict.fromkeys(glob.prefix for layer in self.layers for rule in layer.rules if rule.governs for glob in rule.globs))

    def identities_by_key(self) -> Mapping[str, bytes]:
        """DER public keys by key id, of all identities of the accepted layers: whose signatures are worth checking."""
        return {key.id: key.der for layer in self.layers if layer.accepted for i in layer.identities.values() for key in i.keys}

    def identity_name(self, key_id: str) -> str | None:
        """The name of a key's identity in the first accepted layer that has it, or None."""
        return next((layer.owners[key_id].name for layer in self.layers if layer.accepted and key_id in layer.owners), None)

    def tier_shown(self, said: str | None, key_ids: Iterable[str]) -> str | None:
        """The tier that a run's statement may claim with these keys.

        A run identity's last key is for supervised runs, the others for guarded ones, whose own process can read them.
        """
        if said != "supervised":
            return said
        owners = (layer.owners.get(key) for layer in self.layers if layer.accepted for key in key_ids)
        supervised = {identity.keys[-1].id for identity in owners if identity is not None and identity.is_run and len(identity.keys) > 1}
        return said if any(key in supervised for key in key_ids) else "guarded"

    def is_admin(self, key_id: str) -> bool:
        """True when the key is a person's who may sign changes of the project's policy."""
        return any(layer.name == "project" and layer.accepted and is_policy_admin(layer, key_id) for layer in self.layers)

    def rule_for(self, name: str, layer: PolicyLayer) -> Rule | None:
        """The rule of a layer that decides a name, also where it asks for nothing."""
        return layer.rule_for(Place(name, self.root))

    def governs(self, name: str) -> bool:
        """True when a rule asks something of this name. Of a folder, ask `governs_below` too."""
        place = Place(name, self.root)
        return any(rule is not None and rule.governs for rule in (layer.rule_for(place) for layer in self.layers))

    def requires_scan(self, name: str) -> bool:
        """True when a rule of any layer that decides this name, or of a file below it, asks for a scan."""
        return any(
            rule.scan is not None and (rule.fits(Place(name, self.root)) or any(glob.may_fit_below(Place(name, self.root)) for glob in rule.globs))
            for layer in self.layers
            for rule in layer.rules
        )

    def accepted_findings(self, evidence: Evidence, now: datetime) -> frozenset[str]:
        """Codes of findings of a scan that persons of every layer which has persons accepted for these bytes."""
        layers = [layer for layer in self.layers if layer.accepted and layer.identities]
        told = [accepted(self.rule_for(evidence.name, layer), layer, evidence, now, keys_revoked(layer, evidence)) for layer in layers]
        return frozenset.intersection(*told) if told else frozenset()

    def governs_below(self, folder: str) -> bool:
        """False only when nothing below this folder can be governed."""
        place = Place(folder, self.root)
        return any(rule.governs and any(glob.may_fit_below(place) for glob in rule.globs) for layer in self.layers for rule in layer.rules)

    def kind_for(self, name: str) -> Kind | None:
        """The kind that the rules ask of this name, the admin's first."""
        place = Place(name, self.root)
        return next((rule.kind for rule in (layer.rule_for(place) for layer in self.layers) if rule is not None and rule.kind is not None), None)

    def mode_of_saving(self, name: str) -> Mode | None:
        """What the strictest layer makes of a notebook that does not pass its rule's scan when it is saved; None where no rule asks for one."""
        asked = [_mode(layer, rule) for layer in self.layers if (rule := self.rule_for(name, layer)) is not None and rule.save is not None]
        return _strictest_mode(asked) if asked else None

    def needs_sha256(self, evidence: Evidence) -> bool:
        """True when a claim that matters carries no digest that was computed: measure in full, or it counts as one for other bytes."""
        measured = evidence.measured
        if measured is None or measured.is_tree or measured.sha256 is not None:
            return False
        found = [self.rule_for(evidence.name, layer) for layer in self.layers]
        unbound = any(rule is not None and rule.signed is not None and rule.signed.unbound for rule in found)
        return any(c.keys and c.content_root is None and (unbound if c.name is None else binds_name(c, evidence)) for c in evidence.claims)

    def decide(self, evidence: Evidence, now: datetime) -> Verdict:
        """Judge an artifact. Raises ValueError when ``now`` has no time zone."""
        return self.verdict(evidence, [judgement for layer in self.layers for judgement in self.judge(layer, evidence, now)])

    def judge(self, layer: PolicyLayer, evidence: Evidence, now: datetime) -> list[Judgement]:
        """One layer's answer: a judgement for each of its rules that govern the artifact, the rule of its own name first."""
        if now.tzinfo is None:
            raise ValueError("the time of a decision needs a time zone")
        own, inner = self._rules(layer, evidence)
        found = [self._apply(layer, own, evidence, now, inner=False)] if own is not None and own.governs else []
        return found + [self._apply(layer, rule, evidence, now, inner=True) for rule in inner]

    def verdict(self, evidence: Evidence, judgements: list[Judgement]) -> Verdict:
        """Put the judgements of all layers together: the strictest decision, every reason once."""
        digest = evidence.measured.digest if evidence.measured is not None else None
        kind = self.kind_for(evidence.name)
        withdrawn = [each for layer in self.layers for each in self._withdrawn(layer, evidence)]
        decision = max((each.decision for each in withdrawn), key=STRICTNESS.index, default=Decision.ALLOW)
        seen = tuple(dict.fromkeys((*(each.seen for each in withdrawn), *(one for judgement in judgements for one in judgement.decisions))))
        if not judgements:
            mode = _strictest_mode(_mode(layer, self.rule_for(evidence.name, layer)) for layer in self.layers) if self.layers else Mode.WARN
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
            _strictest_mode(judgement.mode for judgement in judgements),
            tuple(reasons),
            _signers(tallied),
            evidence.tier,
            person_signed=clean and bool(tallied) and all(judgement.person for judgement in tallied),
            decisions=seen,
        )

    def _withdrawn(self, layer: PolicyLayer, evidence: Evidence) -> list[_Withdrawn]:
        """What a layer's persons revoked of these bytes and of what they were made from, whether one of its rules fits or none."""
        mode = _mode(layer, self.rule_for(evidence.name, layer))
        found = []
        for revocation, who in revoked(layer, evidence):
            why = say.revocation_reason(revocation, who, evidence)
            mild = revocation.through is not None and layer.revoke.spread == "warn" and mode is Mode.ENFORCE
            at = rfc3339(revocation.signed_at)
            seen = DecisionSeen("revoked", who.name, at, revocation.why, about=revocation.through)
            found.append(_Withdrawn(why, decision_for(Mode.WARN if mild else mode, [why]), seen))
        return found

    def _rules(self, layer: PolicyLayer, evidence: Evidence) -> tuple[Rule | None, list[Rule]]:
        place = Place(evidence.name, self.root)
        own = layer.rule_for(place)
        manifest = evidence.measured.manifest if evidence.measured is not None else None
        if not manifest:
            return own, []
        candidates = [rule for rule in layer.rules if any(glob.may_fit_below(place) for glob in rule.globs)]
        if candidates[:1] == [own] and own is not None and all_below(own, place):
            return own, []
        names = (Place(f"{place.name.rstrip('/')}/{line.name}", self.root) for line in manifest)
        found = {rule.index: rule for rule in (layer.rule_for(inside) for inside in names) if rule is not None and rule.governs}
        if own is not None:
            found.pop(own.index, None)
        return own, [found[index] for index in sorted(found)]

    def _apply(self, layer: PolicyLayer, rule: Rule, evidence: Evidence, now: datetime, *, inner: bool) -> Judgement:
        mode = _mode(layer, rule)
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


def is_policy_admin(layer: PolicyLayer, key_id: str) -> bool:
    """True when the key is a person's who holds the role `policy-admin` of this layer."""
    identity = layer.owners.get(key_id)
    return identity is not None and not identity.is_run and identity.name in layer.holders((POLICY_ADMIN,))


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


def _mode(layer: PolicyLayer, rule: Rule | None) -> Mode:
    chosen = layer.mode if rule is None or rule.mode is None else rule.mode
    return chosen if layer.accepted else _strictest_mode((_floor(layer, layer.mode), chosen))


def _floor(layer: PolicyLayer, mode: Mode) -> Mode:
    return mode if layer.accepted else _strictest_mode((Mode.WARN, mode))


def _strictest_mode(modes: Iterable[Mode]) -> Mode:
    return max(modes, key=_MODES.index)
