"""What persons decide: typed bodies of the statements that approve, reject, promote, revoke and make an exception.

Formats: an approval and a promotion are an in-toto SVR v0.2, a rejection is an SLSA VSA v1 with the result FAILED, since an SVR says only what
holds; ``revocation/v1`` and ``override/v1`` are ours (docs/formats.md). Rules kept: each binds the project, the digests that the person saw
and the channel; what is below ``mlsc`` in a foreign format is ours and ignored by others.
"""

from __future__ import annotations

from datetime import datetime

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.predicates import BASE, VSA, ContentTree, FileLine, PredicateBody

SVR = "https://in-toto.io/attestation/svr/v0.2"
REVOCATION = BASE + "revocation/v1"
OVERRIDE = BASE + "override/v1"
REJECTION = VSA
"""A rejection's predicate type; a judged load has it too, and is told apart by what it is signed with and by its fields."""

PERSON = BASE + "person/v1"
"""The verifier of a person's decision: whoever holds the key that signed it."""

APPROVED, REJECTED, PROMOTED, OVERRIDDEN, REVOKED = "approved", "rejected", "promoted", "overridden", "revoked"
PROPERTIES = {APPROVED: "MLSC_REVIEW_APPROVED", PROMOTED: "MLSC_PROMOTED"}
"""What an SVR says, by decision."""


class Bound(PredicateBody, frozen=True):
    """An input or output of a notebook that its reviewer saw: name and digest."""

    name: str
    digest: str


class DecisionBody(PredicateBody, frozen=True):
    """What a person decided about an artifact: what ``artifact/v1`` binds; for a notebook also what it read and wrote; for a promotion its way."""

    name: str
    kind: str
    project: str
    size: int
    channel: str
    content_tree: ContentTree | None = None
    files: tuple[FileLine, ...] | None = None
    note: str = ""
    inputs: tuple[Bound, ...] = ()
    outputs: tuple[Bound, ...] = ()
    stage: str | None = None
    source: str | None = None
    """The name that the promoted bytes had until then."""


class _Named(PredicateBody, frozen=True):
    uri: str
    digest: dict[str, str]


class _Verifier(PredicateBody, frozen=True):
    id: str
    policies: tuple[_Named, ...] = ()


class VerificationBody(PredicateBody, frozen=True):
    """SVR v0.2: a person says that an artifact has properties, by the policy that is named."""

    verifier: _Verifier
    time_created: datetime
    properties: tuple[str, ...]
    mlsc: DecisionBody | None = None

    @property
    def decision(self) -> str | None:
        """What of ours it says, or None."""
        return next((decision for decision, property_ in PROPERTIES.items() if property_ in self.properties), None)


class _Policy(PredicateBody, frozen=True):
    uri: str
    digest: dict[str, str]


class RejectionBody(PredicateBody, frozen=True):
    """SLSA VSA v1 with the result FAILED by a person; ``review`` is ours, and tells it from a load that was refused."""

    verifier: _Verifier
    time_verified: datetime
    resource_uri: str
    policy: _Policy
    verification_result: str
    verified_levels: tuple[str, ...]
    review: DecisionBody


class RevocationBody(PredicateBody, frozen=True):
    """``revocation/v1``: these bytes, or this key, are not to be trusted any more. The subjects are what is revoked."""

    project: str
    revokes: str
    """``artifact`` or ``key``."""
    why: str
    signed_at: datetime
    channel: str
    name: str | None = None
    """The name under which the bytes were revoked; they are revoked under every name."""
    content_trees: tuple[ContentTree, ...] = ()
    """Content trees of the same bytes, where statements or the file itself gave them."""


class OverrideBody(PredicateBody, frozen=True):
    """``override/v1``: these bytes may be used under this name until then, although they fail for the reasons that ``covers`` lists."""

    name: str
    project: str
    size: int
    why: str
    until: datetime
    signed_at: datetime
    channel: str
    covers: tuple[str, ...]
    content_tree: ContentTree | None = None


ARTIFACT_REVOKED, KEY_REVOKED = "artifact", "key"


def approval_body(decision: str, told: DecisionBody, policy: Digest, at: datetime) -> VerificationBody:
    """The SVR of an approval or a promotion."""
    return VerificationBody(_Verifier(PERSON, (_Named("mlsc.toml", policy.in_toto()),)), at, (PROPERTIES[decision],), told)


def rejection_body(told: DecisionBody, policy: Digest, at: datetime) -> RejectionBody:
    """The VSA of a rejection."""
    return RejectionBody(_Verifier(PERSON), at, told.name, _Policy("mlsc.toml", policy.in_toto()), "FAILED", ("FAILED",), told)
