"""Whether an artifact was scanned as a rule asks. Pure: no I/O, no clock.

A scan is looked at in this order, and the first check that it fails is what is said about it:

 1. It is of this project, about these bytes, under this name, or under the name that they were promoted from.
 2. A key that stands, of a person or of runs that hold one of the rule's roles, signed it: who may vouch for an artifact may say that it was scanned. A
    run's word counts only where the rule names the role that runs hold.
 3. It was made by this very scanner: this version, its lists, and what the policy allows now to be unpickled and
    to be installed from.
 4. It is not dated ahead, and not older than the rule's ``max-age``.
 5. Of those that pass, the newest decides: it did not fail. What a person accepted in a baseline is no failure of a scan that took it into account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec

from jupyter_mlsc.policy.counting import binds_name, in_future, is_about, project_of
from jupyter_mlsc.policy.evidence import Claim, Evidence
from jupyter_mlsc.policy.rules import POLICY_ADMIN, Identity, PolicyLayer, Rule, ScanRule
from jupyter_mlsc.scans import ACCEPTED, FAILED, TEST_RESULT

_ORDER = ("future", "expired", "other-scanner", "key-revoked", "untrusted")
"""Of several near misses the one that takes the least to put right."""


class Scan(msgspec.Struct, frozen=True):
    """The scan that decides, or the nearest miss: why it does not count (``outcome``), ``passed`` where it does. None where there is none."""

    outcome: str = "none"
    claim: Claim | None = None
    who: Identity | None = None


def scanned(asked: ScanRule, layer: PolicyLayer, evidence: Evidence, earlier: Iterable[Evidence], now: datetime, revoked: Collection[str]) -> Scan:
    """Apply rules 1 to 5 for one rule of a layer. ``earlier`` has the names that the bytes were promoted from."""
    places = (evidence, *earlier)
    about = [
        claim
        for claim in dict.fromkeys(evidence.claims)
        if claim.predicate_type == TEST_RESULT
        and claim.project == project_of(layer, evidence)
        and is_about(claim, evidence)
        and any(binds_name(claim, each) for each in places)
    ]
    tried = [_checked(claim, asked, layer, evidence, now, revoked) for claim in about]
    standing = [each for each in tried if each.outcome == "stands"]
    if not standing:
        return min(tried, key=lambda each: _ORDER.index(each.outcome), default=Scan())
    newest = max(standing, key=_dated)
    assert newest.claim is not None  # it stands
    return Scan("failed" if newest.claim.scanned == FAILED else "passed", newest.claim, newest.who)


def _dated(scan: Scan) -> tuple[float, bool]:
    claim = scan.claim
    assert claim is not None  # it stands
    # Of two with one date the worse counts.
    return (claim.signed_at.timestamp() if claim.signed_at is not None else 0.0, claim.scanned == FAILED)


def _checked(claim: Claim, asked: ScanRule, layer: PolicyLayer, evidence: Evidence, now: datetime, revoked: Collection[str]) -> Scan:
    holders = layer.holders(asked.by)
    entitled = {key: layer.owners[key] for key in claim.keys if key in layer.owners and layer.owners[key].name in holders}
    standing = [who for key, who in entitled.items() if key not in revoked]
    if not standing:
        return Scan("key-revoked" if entitled else "untrusted", claim, next(iter(entitled.values()), None))
    if claim.scanner is None or claim.scanner != evidence.scanner:
        return Scan("other-scanner", claim, standing[0])
    if claim.signed_at is None or in_future(claim, now):
        return Scan("future", claim, standing[0])
    if asked.max_age is not None and now - claim.signed_at > asked.max_age:
        return Scan("expired", claim, standing[0])
    return Scan("stands", claim, standing[0])


def accepted(rule: Rule | None, layer: PolicyLayer, evidence: Evidence, now: datetime, revoked: Collection[str]) -> frozenset[str]:
    """Codes of findings that persons accepted for these bytes under this name: who may vouch for it, and policy-admins, may."""
    roles = (*(rule.signed.by if rule is not None and rule.signed is not None else ()), *(rule.scan.by if rule is not None and rule.scan is not None else ()))
    members = layer.members((*roles, POLICY_ADMIN)) if POLICY_ADMIN in layer.roles else layer.members(roles)
    found: set[str] = set()
    for claim in evidence.claims:
        if claim.decision != ACCEPTED or claim.project != project_of(layer, evidence) or not is_about(claim, evidence) or not binds_name(claim, evidence):
            continue
        if in_future(claim, now):
            continue
        if any(key in layer.owners and key not in revoked and not layer.owners[key].is_run and layer.owners[key].name in members for key in claim.keys):
            found |= set(claim.covers)
    return frozenset(found)
