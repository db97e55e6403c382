"""What revocations mean for one layer. Pure: no I/O, no clock.

Rules kept: bytes are revoked by a person of the layer's ``[revoke] by`` roles, or, where it names none, by any person who may sign under one of its
rules and any policy-admin; a key by the ``[revoke] by`` roles or policy-admins, and by the person whose key it is. A revocation of another project
is none. It asks for no date, since a revocation by a clock that is wrong is one all the same, and it stands when its signer's key is revoked
later: it can only take away. A revoked key's statements count for nothing, whenever they were made: their dates are its holder's word.
"""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_mlsc.policy.evidence import Evidence, Revocation
from jupyter_mlsc.policy.rules import POLICY_ADMIN, Identity, PolicyLayer


def revoked_keys(layer: PolicyLayer, project: str, revocations: Iterable[Revocation]) -> frozenset[str]:
    """Ids of the keys that count for nothing in this layer."""
    return frozenset(each.key for each in revocations if each.key is not None and revoker(layer, each, project) is not None)


def revoked(layer: PolicyLayer, evidence: Evidence) -> list[tuple[Revocation, Identity]]:
    """Revocations of the bytes, and of what they were made from, that count in this layer, with who made them."""
    project = layer.project_id if layer.project_id is not None else evidence.project
    bytes_of = sorted((each for each in evidence.revocations if each.key is None), key=lambda r: (r.signed_at, r.source, r.subject, r.through or ""))
    found = ((each, revoker(layer, each, project)) for each in bytes_of)
    return [(each, who) for each, who in found if who is not None]


def revoker(layer: PolicyLayer, revocation: Revocation, project: str) -> Identity | None:
    """Who of this layer's persons made a revocation and may; None where nobody did."""
    if not layer.accepted or revocation.project != project:
        return None
    may = may_revoke(layer, key=revocation.key)
    return next((layer.owners[key] for key in revocation.keys if key in layer.owners and layer.owners[key].name in may), None)


def may_revoke(layer: PolicyLayer, *, key: str | None = None) -> frozenset[str]:
    """Names of the persons who may revoke bytes, or, where ``key`` is its id, this key."""
    if layer.revoke.by is not None:
        roles = layer.revoke.by
    elif key is not None:
        roles = (POLICY_ADMIN,)
    else:
        roles = (POLICY_ADMIN, *(role for rule in layer.rules if rule.signed is not None for role in rule.signed.by))
    owner = layer.owners.get(key) if key is not None else None
    return layer.members(roles) | (frozenset() if owner is None else frozenset({owner.person}))
