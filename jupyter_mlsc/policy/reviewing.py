"""Which approvals and rejections count where a rule requires a review. Pure: no I/O, no clock.

A decision is looked at in this order:

 1. It is an approval or a rejection, of this project, about these bytes, under this name, or under the name that they were promoted from.
 2. A key that stands, of a person who holds one of the review's roles, made it, through one of its channels, and not ahead of the clock.
 3. The author's does not count, under ``not-author``: the persons whose runs made the bytes, or, where no run says so, whoever first stood for them.
    An author's rejection does count.
 4. Of each person only the newest word counts; of two with one date the rejection.
 5. A rejection stands until its person approves. An approval counts if it is newer than every rejection that stands: who approves after a
    rejection has it before their eyes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from jupyter_mlsc import decisions
from jupyter_mlsc.policy.evidence import Claim
from jupyter_mlsc.policy.rules import PolicyLayer, Review


class Voice(msgspec.Struct, frozen=True):
    """One person's newest word on these bytes."""

    person: str
    claim: Claim

    @property
    def approves(self) -> bool:
        """True for an approval, false for a rejection."""
        return self.claim.decision == decisions.APPROVED


class Hearing(msgspec.Struct, frozen=True):
    """What became of the decisions: who counts as approving, who rejects, and the authors whose approval does not count."""

    approvals: tuple[Voice, ...] = ()
    rejections: tuple[Voice, ...] = ()
    outrun: tuple[Voice, ...] = ()
    """Approvals that are older than a rejection which stands."""
    by_authors: tuple[Voice, ...] = ()
    otherwise: int = 0
    """Decisions about these bytes that do not count: by others, through another channel, ahead of the clock."""


def hear(claims: Iterable[Claim], review: Review, layer: PolicyLayer, authors: Collection[str], revoked: Collection[str], otherwise: int) -> Hearing:
    """Apply rules 2 to 5 to decisions that passed the first; those ahead of the clock are among ``otherwise`` already."""
    members = layer.members(review.by)
    newest: dict[str, Claim] = {}
    for claim in sorted(claims, key=lambda c: (c.signed_at is not None and c.signed_at.timestamp(), c.decision == decisions.REJECTED, c.source)):
        voices = {layer.owners[key].name for key in claim.keys if key in layer.owners and key not in revoked} & members
        if not voices or (review.channel and claim.channel not in review.channel):
            otherwise += 1
            continue
        newest.update(dict.fromkeys(voices, claim))
    said = tuple(Voice(person, claim) for person, claim in sorted(newest.items()))
    rejections = tuple(voice for voice in said if not voice.approves)
    last = max((voice.claim.signed_at for voice in rejections if voice.claim.signed_at is not None), default=None)
    approving = [voice for voice in said if voice.approves]
    by_authors = tuple(voice for voice in approving if review.not_author and voice.person in authors)
    others = [voice for voice in approving if voice not in by_authors]
    outrun = tuple(voice for voice in others if last is not None and (voice.claim.signed_at is None or voice.claim.signed_at <= last))
    return Hearing(tuple(voice for voice in others if voice not in outrun), rejections, outrun, by_authors, otherwise)
