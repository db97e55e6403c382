"""Which exceptions hold for one layer. Pure: no I/O, no clock.

An exception holds for these bytes under this name, for the reasons that its maker saw, until its end. Rules kept: it is a person's of the
``[override] by`` roles, made with a key that stands; its end is no further from its date than ``max`` allows, and it is not dated ahead; an end
that the ledger has seen pass has passed, whatever the clock says; what is revoked, tampered with, wrongly signed or a fault is never covered.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from jupyter_mlsc import decisions
from jupyter_mlsc.policy.counting import binds_name, in_future, is_about, project_of
from jupyter_mlsc.policy.evidence import Claim, Evidence
from jupyter_mlsc.policy.reasons import LIFTED_BY_OWN_OUTPUT
from jupyter_mlsc.policy.rules import Identity, PolicyLayer
from jupyter_mlsc.verdict import Reason

SIGNATURE_CODES = LIFTED_BY_OWN_OUTPUT - {"provenance-missing", "review-missing", "not-reproduced", "scan-missing", "key-revoked"}
"""Reasons about signatures: a statement more or less turns one into another, so that an exception for one is for all of them."""
COVERABLE = SIGNATURE_CODES | {
    "provenance-missing",
    "review-missing",
    "review-rejected",
    "not-reproduced",
    "scan-missing",
    "scan-failed",
    "inputs-unverified",
    "format-denied",
    "key-revoked",
}
"""All that an exception can be made for."""


def exceptions(layer: PolicyLayer, evidence: Evidence, now: datetime, revoked: Collection[str]) -> list[tuple[Claim, Identity]]:
    """The exceptions that hold now, with who made them, the longest first."""
    members = layer.members(layer.override.by)
    latest = now if evidence.not_before is None else max(now, evidence.not_before)
    found = []
    for claim in evidence.claims:
        if claim.decision != decisions.OVERRIDDEN or claim.until is None or claim.signed_at is None:
            continue
        if claim.project != project_of(layer, evidence) or not binds_name(claim, evidence) or not is_about(claim, evidence):
            continue
        if claim.until <= latest or claim.until - claim.signed_at > layer.override.max or in_future(claim, now):
            continue
        who = next((layer.owners[key] for key in claim.keys if key in layer.owners and key not in revoked and layer.owners[key].name in members), None)
        if who is not None:
            found.append((claim, who))
    return sorted(found, key=lambda pair: (pair[0].until, pair[0].source, pair[0].keys), reverse=True)


def covers(claim: Claim, failing: Reason) -> bool:
    """True when an exception was made for a reason."""
    if failing.code in SIGNATURE_CODES:
        return any(code in SIGNATURE_CODES for code in claim.covers)
    return failing.code in COVERABLE and failing.code in claim.covers
