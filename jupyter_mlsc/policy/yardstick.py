"""Whose profile of a data set counts, and whose only describes: pure, no I/O, no clock.

Rules kept: a profile is a person's word, whatever role runs are given; it counts where its signer may sign under every rule that governs the name, in
each layer by its own roles, through the channel that the rule asks for; a revoked key's profiles count for nothing, nor do those of revoked bytes; one of
another project is none. A run's profile may be told to a person who asks what differs, and nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from jupyter_mlsc.policy.counting import CLOCK_SKEW
from jupyter_mlsc.policy.evidence import Revocation
from jupyter_mlsc.policy.revoking import revoked_keys, revoker
from jupyter_mlsc.policy.rules import PolicyLayer, Rule
from jupyter_mlsc.policy.ruling import Policy
from jupyter_mlsc.profiles import ProfileBody


def counts(policy: Policy, body: ProfileBody, keys: Iterable[str], project: str, revocations: Iterable[Revocation], now: datetime) -> bool:
    """True when a profile, whose signatures by these keys verified, is one to go by."""
    keys, revocations = tuple(keys), tuple(revocations)
    accepted = _standing(policy, body, project, revocations, now)
    asked = [(layer, rule) for layer in accepted if (rule := policy.rule_for(body.name, layer)) is not None and rule.signed is not None]
    if asked:
        return all(_may(layer, rule, body, keys, project, revocations) for layer, rule in asked)
    return any(_persons(layer, keys, project, revocations) for layer in accepted)


def describes(policy: Policy, body: ProfileBody, keys: Iterable[str], project: str, revocations: Iterable[Revocation], now: datetime) -> bool:
    """True when a profile is the word of a run that the policy knows."""
    keys, revocations = tuple(keys), tuple(revocations)
    for layer in _standing(policy, body, project, revocations, now):
        revoked = revoked_keys(layer, project, revocations)
        if any(key in layer.owners and layer.owners[key].is_run for key in keys if key not in revoked):
            return True
    return False


def _standing(policy: Policy, body: ProfileBody, project: str, revocations: tuple[Revocation, ...], now: datetime) -> list[PolicyLayer]:
    """The layers by whose roles a profile may count; none where it is of another project, dated ahead, or of revoked bytes."""
    accepted = [layer for layer in policy.layers if layer.accepted]
    if body.project != project or body.signed_at > now + CLOCK_SKEW:
        return []
    if any(each.key is None and revoker(layer, each, project) is not None for layer in accepted for each in revocations):
        return []
    return accepted


def _may(layer: PolicyLayer, rule: Rule, body: ProfileBody, keys: tuple[str, ...], project: str, revocations: tuple[Revocation, ...]) -> bool:
    assert rule.signed is not None  # as the caller asked
    if rule.signed.channel and body.channel not in rule.signed.channel:
        return False
    return bool(_persons(layer, keys, project, revocations) & layer.members(rule.signed.by))


def _persons(layer: PolicyLayer, keys: tuple[str, ...], project: str, revocations: tuple[Revocation, ...]) -> frozenset[str]:
    """The persons of the layer whose keys these are, without the revoked ones."""
    revoked = revoked_keys(layer, project, revocations)
    owners = (layer.owners.get(key) for key in keys if key not in revoked)
    return frozenset(owner.name for owner in owners if owner is not None and not owner.is_run)
