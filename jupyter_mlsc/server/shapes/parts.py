"""Parts that stand in many answers: an error, a reason, who signed, what was decided, a verdict, a finding."""

from __future__ import annotations

from jupyter_mlsc.server.shapes.base import Answer, VerdictWord


class Problem(Answer, frozen=True):
    """Every error: a stable code, a sentence that says what happened to what and why, and the next step."""

    code: str
    message: str
    next: str | None


class Reason(Answer, frozen=True):
    """Why a verdict is what it is. A note (``fails`` false) costs nothing."""

    code: str
    message: str
    next: str
    fails: bool


class Signer(Answer, frozen=True):
    """Who stands behind a verdict: an identity of the policy, the key's id, and the time that the statement gives."""

    identity: str | None
    key: str
    at: str


class Decision(Answer, frozen=True):
    """What a person decided: ``approved``, ``rejected``, ``promoted``, ``revoked`` or ``overridden``."""

    decision: str
    by: str
    at: str
    why: str
    until: str | None
    about: str | None


class Judged(Answer, frozen=True):
    """An artifact and the policy's verdict on it, as in ``mlsc verify --json``."""

    path: str
    server_path: str | None
    digest: str | None
    kind: str | None
    verdict: VerdictWord
    verified: bool
    governed: bool
    tier: str | None
    signers: tuple[Signer, ...]
    reasons: tuple[Reason, ...]
    decisions: tuple[Decision, ...]


class Finding(Answer, frozen=True):
    """Something that a scan found, as in ``mlsc scan --json``."""

    path: str
    code: str
    severity: str
    message: str
    where: str | None
    fix: str | None
