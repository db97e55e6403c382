"""Which statements count for one rule of one layer. Pure: no I/O, no clock.

A claim is checked in this order, and the first check that it fails is what is said about it:

 1. It vouches: ``artifact/v1``, an OMS signature and a promotion are a person's word, provenance is a run's. Everything else is a record.
 2. It is of this project, the layer's own or, for an admin's layer, the one at hand; another one's is `other-project`.
 3. It is about this name, or about a signed tree that this name lies in. The same bytes under another name are `other-name`; a statement
    about other bytes under another name says nothing here.
 4. It binds a name and a project at all. A plain OMS bundle does not, and is `unbound` unless the rule says ``unbound = true``.
 5. One of its verified keys that was not revoked (`revoking`) belongs to an identity of this layer that holds one of the rule's roles, and
    the identity is of the right sort: a person for a person's word, runs for provenance. Otherwise it is `key-revoked` or an
    `untrusted-signer`. A statement with several keys speaks for each of their persons.
 6. It is of the rule's kind; another is `wrong-kind`.
 7. A person's word came through one of the rule's channels; another is `wrong-channel`.
 8. It is not dated more than five minutes ahead: such a one is `not-yet-valid`.

What passes these stands. Then, over all that stand:

 9. The newest dated statement that binds the name decides which bytes the name means. Where it is for other bytes and these have an older
    one, they are `superseded`; where these have none, it is a `digest-mismatch`. An undated statement is older than any dated one, and one
    that binds no name supersedes nothing, nor does a promotion: it counts for its bytes once somebody has signed them under the new name.
    What does not stand supersedes nothing, so a stranger's statement never does.
10. A statement older than the rule's ``max-age``, or of no date, is `expired`.
11. Under ``not-author`` the author's word does not count. Authors are the persons whose runs say that they made these bytes; where no run
    says so, whoever stood for the bytes first brought them in, and is the author. So it always takes two persons.
12. Persons are counted, not keys or statements; runs count for their person. All that stand for these bytes count, whatever their order.
    Fewer than the threshold is `threshold-not-met`, or, where it is what makes the difference, `expired` or `author-signed`.

A statement that carries no digest which was computed here (`Policy.needs_sha256`) is taken to be for other bytes: that errs to the strict side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.policy.evidence import Claim, Evidence
from jupyter_mlsc.policy.globs import normal
from jupyter_mlsc.policy.revoking import revoked_keys
from jupyter_mlsc.policy.rules import Identity, PolicyLayer, Rule, Signed

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead a signer's clock may be."""

COUNTED = "counted"
NOT_VOUCHING = "not-vouching"
ELSEWHERE = "elsewhere"
"""Outcomes beside the reasons' codes: it counts; it is no word for an artifact; it is about another artifact altogether."""

_PERSONS_WORD = (predicates.ARTIFACT, predicates.OMS_SIGNATURE)
_DAWN = datetime.min.replace(tzinfo=UTC)


class Counted(msgspec.Struct, frozen=True):
    """A claim and what became of it. ``voices`` are the identities that it speaks for: where it failed, those that are known at all."""

    claim: Claim
    outcome: str
    voices: tuple[Identity, ...] = ()

    @property
    def dated(self) -> datetime:
        """The signer's date; the beginning of time where there is none."""
        return self.claim.signed_at or _DAWN


class Tally(msgspec.Struct, frozen=True):
    """The count for one rule: every claim with its outcome, the persons who count, and the statement that decides when these bytes fail."""

    claims: tuple[Counted, ...]
    persons: frozenset[str]
    deciding: Counted | None = None
    authors: frozenset[str] = frozenset()

    def of(self, *outcomes: str) -> list[Counted]:
        """Claims with one of these outcomes, newest first."""
        found = [counted for counted in self.claims if counted.outcome in outcomes]
        return sorted(found, key=lambda c: (c.dated, c.claim.source, c.claim.keys), reverse=True)


def count(rule: Rule, signed: Signed, layer: PolicyLayer, evidence: Evidence, now: datetime, *, any_kind: bool = False) -> Tally:
    """Apply rules 1 to 12. ``any_kind`` leaves out rule 6, for a tree that is held to the rule of a file in it."""
    holders, revoked = layer.holders(signed.by), keys_revoked(layer, evidence)
    checked = [_check(claim, rule, signed, holders, layer, evidence, now, any_kind, revoked) for claim in evidence.claims]
    standing = [counted for counted in checked if counted.outcome == COUNTED]
    same = [counted for counted in standing if is_about(counted.claim, evidence)]
    # A promotion is agreed to by one person after another: until it is done, what stands in its place must not fail for it.
    names = [c for c in standing if c.claim.decision is None]
    others = [c for c in names if c.claim.name is not None and c.claim.signed_at is not None and not is_about(c.claim, evidence)]
    newest = max(others, key=lambda c: (c.dated, c.claim.source, c.claim.keys), default=None)
    outcomes = {id(c.claim): "digest-mismatch" for c in standing}
    persons: set[str] = set()
    authors: frozenset[str] = frozenset()
    if newest is not None and all(newest.dated > c.dated for c in same if c in names):
        outcomes.update({id(c.claim): "superseded" for c in same})
    else:
        newest = None if same else newest
        authors = _authors(same, layer, evidence) if signed.not_author else frozenset()
        for counted in same:
            fresh = signed.max_age is None or (counted.claim.signed_at is not None and now - counted.claim.signed_at <= signed.max_age)
            voices = {voice.person for voice in counted.voices} - authors
            outcomes[id(counted.claim)] = COUNTED if fresh and voices else "author-signed" if fresh else "expired"
            if fresh:
                persons |= voices
    claims = tuple(Counted(c.claim, outcomes.get(id(c.claim), c.outcome) if c.outcome == COUNTED else c.outcome, c.voices) for c in checked)
    return Tally(claims, frozenset(persons), newest, authors)


def _check(
    claim: Claim,
    rule: Rule,
    signed: Signed,
    holders: frozenset[str],
    layer: PolicyLayer,
    evidence: Evidence,
    now: datetime,
    any_kind: bool,
    revoked: Collection[str],
) -> Counted:
    run_says = claim.predicate_type == predicates.PROVENANCE
    owners = tuple(dict.fromkeys(layer.owners[key] for key in claim.keys if key in layer.owners))
    known = tuple(dict.fromkeys(layer.owners[key] for key in claim.keys if key in layer.owners and key not in revoked))
    if not run_says and claim.predicate_type not in _PERSONS_WORD and claim.decision != decisions.PROMOTED:
        return Counted(claim, NOT_VOUCHING, known)
    bound, about = binds_name(claim, evidence), is_about(claim, evidence)
    if not bound and not about and not (claim.name is None and signed.unbound):
        return Counted(claim, ELSEWHERE, known)
    if claim.project is not None and claim.project != project_of(layer, evidence):
        return Counted(claim, "other-project", known)
    voices = tuple(identity for identity in known if identity.name in holders and identity.is_run == run_says)
    if claim.name is not None and not bound:
        return Counted(claim, "other-name" if voices and claim.decision is None else ELSEWHERE, voices or known)
    if (claim.name is None or claim.project is None) and not signed.unbound:
        return Counted(claim, "unbound", voices or known)
    if not voices:
        return Counted(claim, "key-revoked" if len(known) < len(owners) else "untrusted-signer", known or owners)
    if rule.kind is not None and not any_kind and claim.kind != rule.kind and not (claim.kind is None and signed.unbound):
        return Counted(claim, "wrong-kind", voices)
    if signed.channel and not run_says and claim.channel not in signed.channel:
        return Counted(claim, "wrong-channel", voices)
    if in_future(claim, now):
        return Counted(claim, "not-yet-valid", voices)
    return Counted(claim, COUNTED, voices)


def provenance(layer: PolicyLayer, evidence: Evidence, now: datetime) -> list[Claim]:
    """What runs of this layer's identities say about these bytes, under any name of the project: bytes keep their origin when they move."""
    project, revoked = project_of(layer, evidence), keys_revoked(layer, evidence)
    said = [c for c in _run_says(evidence.claims, layer) if c.project == project and is_about(c, evidence) and not in_future(c, now)]
    return [c for c in said if any(k not in revoked and k in layer.owners and layer.owners[k].is_run for k in c.keys)]


def keys_revoked(layer: PolicyLayer, evidence: Evidence) -> frozenset[str]:
    """Ids of the keys whose statements count for nothing."""
    return revoked_keys(layer, project_of(layer, evidence), evidence.revocations)


def authors(layer: PolicyLayer, evidence: Evidence) -> frozenset[str]:
    """The persons who brought these bytes in: whose runs made them, else whoever of the layer's persons first said anything for them.

    Statements of revoked keys tell who an author is all the same.
    """
    said = [
        Counted(claim, COUNTED, tuple(voice for key in claim.keys if (voice := layer.owners.get(key)) is not None and not voice.is_run))
        for claim in evidence.claims
        if is_about(claim, evidence) and claim.project == project_of(layer, evidence) and _stands_for(claim)
    ]
    return _authors([counted for counted in said if counted.voices], layer, evidence)


def _stands_for(claim: Claim) -> bool:
    return claim.predicate_type in _PERSONS_WORD or claim.decision in (decisions.APPROVED, decisions.PROMOTED)


def _authors(same: Sequence[Counted], layer: PolicyLayer, evidence: Evidence) -> frozenset[str]:
    made = frozenset(
        layer.owners[key].person
        for claim in _run_says(evidence.claims, layer)
        if is_about(claim, evidence)
        for key in claim.keys
        if key in layer.owners and layer.owners[key].is_run
    )
    if made or not same:
        return made
    return frozenset({min((counted.dated, voice.person) for counted in same for voice in counted.voices)[1]})


def _run_says(claims: Iterable[Claim], layer: PolicyLayer) -> list[Claim]:
    return [c for c in claims if c.predicate_type == predicates.PROVENANCE and any(k in layer.owners and layer.owners[k].is_run for k in c.keys)]


def project_of(layer: PolicyLayer, evidence: Evidence) -> str:
    """The project that a statement must name: the layer's own; an admin's layer has none and takes the one at hand."""
    return layer.project_id if layer.project_id is not None else evidence.project


def is_about(claim: Claim, evidence: Evidence) -> bool:
    """True when the claim is about the bytes that were measured."""
    return evidence.measured is not None and claim.is_about(evidence.measured)


def binds_name(claim: Claim, evidence: Evidence) -> bool:
    """True when the claim names this artifact: by its own name, or as a file of a signed tree that it lies in."""
    if claim.name is None:
        return False
    name, said = normal(evidence.name), normal(claim.name)
    if claim.within is None:
        return said == name
    tree = normal(claim.within)
    return said in (name, tree) and name != tree and ((tree == "." and not name.startswith(("/", "../"))) or name.startswith(tree.rstrip("/") + "/"))


def in_future(claim: Claim, now: datetime) -> bool:
    """True when the claim is dated further ahead than clocks differ."""
    return claim.signed_at is not None and claim.signed_at > now + CLOCK_SKEW
