"""The project at a glance: its state, its keys, what stands against or for its artifacts, and who may do what."""

from __future__ import annotations

from typing import Literal

from jupyter_mlsc.server.shapes.base import Answer, ModeWord, State
from jupyter_mlsc.server.shapes.parts import Reason


class Entitlement(Answer, frozen=True):
    """Whether this server's user may do something here, and, where not, why not in words."""

    allowed: bool
    why: str


class Entitlements(Answer, frozen=True):
    """Who may do what: each write asks the policy again when it is made."""

    sign: Entitlement
    review: Entitlement
    revoke: Entitlement
    override: Entitlement
    init: Entitlement


class LedgerState(Answer, frozen=True):
    """The ledger: its own random name, entries, the root of its tree in hex, and whether this user's key keeps it."""

    origin: str
    size: int
    root: str
    writable: bool


class StandingException(Answer, frozen=True):
    """An exception that is in force."""

    path: str
    digest: str
    by: str
    at: str
    why: str
    until: str


class Revoked(Answer, frozen=True):
    """A revocation that stands."""

    what: str
    by: str
    at: str
    why: str
    key: str | None


class Key(Answer, frozen=True):
    """One of this user's keys: the public side only."""

    name: str
    role: str
    id: str
    algorithm: str
    identity: str | None


class Status(Answer, frozen=True):
    """A project at a glance. Where ``state`` is not ``ready``, the fields of the project are null or empty and ``notes`` say what to do."""

    state: State
    path: str
    project: str | None
    """The project's folder relative to the server's: empty for the same folder, ``..`` where it lies above."""
    project_id: str | None
    mode: ModeWord | None
    policy: Literal["named", "accepted", "changed", "untrusted"] | None
    policy_digest: str | None
    tier: str | None
    """How kernels that are started here are observed, as far as the server knows; a notebook's own runs say it in ``runs``."""
    ledger: LedgerState | None
    keys: tuple[Key, ...]
    notes: tuple[Reason, ...]
    revocations: tuple[Revoked, ...]
    overrides: tuple[StandingException, ...]
    may: Entitlements
    unlocked: bool
    """Whether the server holds the passphrase of the vouching key."""
    version: str
