"""What a person may decide by the words of one layer, before anything is signed: for faces that offer actions. Pure: no I/O, no clock.

Rules kept: an answer here promises nothing. Each decision asks the policy again with the bytes and the statements at hand; what is refused here is
refused there too, by the same roles and channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_mlsc.policy.revoking import may_revoke
from jupyter_mlsc.policy.rules import Channel, PolicyLayer, Rule

ACTIONS = ("sign", "review", "revoke", "override")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not: who may, or through which channels it counts."""

    why: str


def refusal(action: str, layer: PolicyLayer, rules: Iterable[Rule], person: str, channel: str) -> Refusal | None:
    """Why this layer does not let a person act on names under these rules; None where it does, or asks nothing. Raises KeyError for no action."""
    return _ASKED[action](layer, list(rules), person, channel)


def _sign(layer: PolicyLayer, rules: list[Rule], person: str, channel: str) -> Refusal | None:
    asked = [rule.signed for rule in rules if rule.signed is not None]
    if not asked:
        return None
    return _best([_of_role(layer, each.by, person) or _through(each.channel, channel) for each in asked])


def _review(layer: PolicyLayer, rules: list[Rule], person: str, channel: str) -> Refusal | None:
    asked = [rule.review for rule in rules if rule.review is not None]
    if not asked:
        return None
    return _best([_of_role(layer, each.by, person) or _through(each.channel, channel) for each in asked])


def _revoke(layer: PolicyLayer, rules: list[Rule], person: str, channel: str) -> Refusal | None:
    del rules, channel
    entitled = may_revoke(layer)
    return None if person in entitled else Refusal(_ask(entitled))


def _override(layer: PolicyLayer, rules: list[Rule], person: str, channel: str) -> Refusal | None:
    del rules, channel
    return _of_role(layer, layer.override.by, person)


_ASKED = {"sign": _sign, "review": _review, "revoke": _revoke, "override": _override}


def _best(found: list[Refusal | None]) -> Refusal | None:
    """One rule that lets them is enough, where an action is offered for several."""
    return None if None in found else found[0]


def _of_role(layer: PolicyLayer, roles: tuple[str, ...], person: str) -> Refusal | None:
    entitled = layer.members(roles)
    return None if person in entitled else Refusal(f"{person} is no {' or '.join(roles)} here; {_ask(entitled)}" if roles else _ask(entitled))


def _through(channels: tuple[Channel, ...], channel: str) -> Refusal | None:
    return None if not channels or channel in channels else Refusal(f"it counts only through: {', '.join(channels)}")


def _ask(entitled: Iterable[str]) -> str:
    names = sorted(entitled)
    return f"ask {', '.join(names)}" if names else "the policy names nobody for it"
