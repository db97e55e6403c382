"""Whether an artifact was reproduced as a rule asks. Pure: no I/O, no clock.

A replay is looked at in this order, and the first check that it fails is what is said about it:

 1. It is of this project, about these bytes, under this name, or under the name that they were promoted from.
 2. A key that stands, of runs that hold one of the rule's roles, signed it: a replay is a machine's word, and no person's.
 3. Where the rule asks for supervised replays, that key is its identity's last one, which is for supervised runs, and the statement says so.
 4. Under ``not-author`` it is the word of runs of another person than those whose runs made the bytes.
 5. It is not dated ahead, and not older than the rule's ``max-age``.
 6. Of those that pass, the newest decides: the bytes came out the same, or, where the rule has a tolerance, within one that is no larger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec

from jupyter_mlsc.policy.counting import authors, binds_name, in_future, is_about, project_of
from jupyter_mlsc.policy.evidence import Claim, Evidence
from jupyter_mlsc.policy.rules import Identity, PolicyLayer, Reproduced
from jupyter_mlsc.replays import EQUAL, REPLAY, WITHIN

SUPERVISED = "supervised"

_ORDER = ("future", "expired", "author", "guarded", "key-revoked", "untrusted")
"""Of several near misses the one that takes the least to put right."""


class Attempt(msgspec.Struct, frozen=True):
    """The replay that decides, or the nearest miss: why it does not count (``outcome``), ``reproduced`` where it does. None where there is none."""

    outcome: str = "none"
    claim: Claim | None = None
    who: Identity | None = None


def reproduction(asked: Reproduced, layer: PolicyLayer, evidence: Evidence, earlier: Iterable[Evidence], now: datetime, revoked: Collection[str]) -> Attempt:
    """Apply rules 1 to 6 for one rule of a layer. ``earlier`` has the names that the bytes were promoted from."""
    places = (evidence, *earlier)
    about = [
        claim
        for claim in dict.fromkeys(evidence.claims)
        if claim.predicate_type == REPLAY
        and claim.project == project_of(layer, evidence)
        and is_about(claim, evidence)
        and any(binds_name(claim, each) for each in places)
    ]
    made_by = authors(layer, evidence) if asked.not_author else frozenset()
    tried = [_checked(claim, asked, layer, made_by, now, revoked) for claim in about]
    standing = [each for each in tried if each.outcome == "stands"]
    if not standing:
        return min(tried, key=lambda each: _ORDER.index(each.outcome), default=Attempt())
    newest = max(standing, key=_dated)
    assert newest.claim is not None  # it stands
    result, tolerance = newest.claim.replayed or "", newest.claim.tolerance
    if result == EQUAL or (result == WITHIN and tolerance is not None and asked.tolerance is not None and tolerance <= asked.tolerance):
        return Attempt("reproduced", newest.claim, newest.who)
    return Attempt("too-loose" if result == WITHIN else "differs", newest.claim, newest.who)


def _dated(attempt: Attempt) -> tuple[float, str]:
    claim = attempt.claim
    assert claim is not None  # it stands
    # Of two with one date the worse counts.
    return (claim.signed_at.timestamp() if claim.signed_at is not None else 0.0, f"{claim.replayed != EQUAL}{claim.replayed}")


def _checked(claim: Claim, asked: Reproduced, layer: PolicyLayer, made_by: Collection[str], now: datetime, revoked: Collection[str]) -> Attempt:
    holders = layer.holders(asked.by)
    entitled = {key: layer.owners[key] for key in claim.keys if key in layer.owners and layer.owners[key].is_run and layer.owners[key].name in holders}
    standing = {key: who for key, who in entitled.items() if key not in revoked}
    if not standing:
        return Attempt("key-revoked" if entitled else "untrusted", claim, next(iter(entitled.values()), None))
    first = next(iter(standing.values()))
    fitting = {key: who for key, who in standing.items() if asked.tier != SUPERVISED or (claim.tier == SUPERVISED and is_supervised_key(who, key))}
    if not fitting:
        return Attempt("guarded", claim, first)
    others = [who for who in fitting.values() if who.person not in made_by]
    if not others:
        return Attempt("author", claim, first)
    if claim.signed_at is None or in_future(claim, now):
        return Attempt("future", claim, others[0])
    if asked.max_age is not None and now - claim.signed_at > asked.max_age:
        return Attempt("expired", claim, others[0])
    return Attempt("stands", claim, others[0])


def is_supervised_key(identity: Identity, key_id: str) -> bool:
    """True for the key of a run identity that is for supervised runs: its last of several, since guarded runs could read the others."""
    return identity.is_run and len(identity.keys) > 1 and identity.keys[-1].id == key_id
