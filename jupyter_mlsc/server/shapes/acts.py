"""What persons do: the bodies of requests that decide, make or unlock, and what is answered to them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from jupyter_mlsc.server.shapes.base import Answer, Asked, KindWord, ModeWord, Path, Words
from jupyter_mlsc.server.shapes.parts import Judged


class Signed(Answer, frozen=True):
    """One signature. ``named`` is false where the policy does not name the key, so that it counts for nothing."""

    path: str
    server_path: str | None
    digest: str
    kind: str
    signer: str
    key: str
    index: int | None
    named: bool
    judged: Judged | None


class Signatures(Answer, frozen=True):
    """What was signed."""

    signed: tuple[Signed, ...]


class Decided(Answer, frozen=True):
    """A decision that was signed: what, about what, by whom, and how things stand now."""

    decision: str
    path: str
    digests: tuple[str, ...]
    signer: str
    key: str
    at: str
    why: str
    index: int | None
    until: str | None
    seen: int
    judged: Judged | None


class Initialized(Answer, frozen=True):
    """What ``mlsc init`` made."""

    project: str
    project_id: str
    identity: str
    key: str
    created: tuple[str, ...]


class Lock(Answer, frozen=True):
    """Whether the server holds the passphrase of the vouching key, and of which; never the passphrase."""

    unlocked: bool
    key: str | None


class SignRequest(Asked, frozen=True):
    """Stand for artifacts."""

    paths: Annotated[tuple[Path, ...], Meta(min_length=1, max_length=1000)]
    kind: KindWord | None = None
    note: Annotated[str, Meta(max_length=4000)] = ""
    key: str | None = None


class ReviewRequest(Asked, frozen=True):
    """Approve or reject exactly the bytes that lie there; of a notebook, with what its last run read and wrote."""

    path: Path
    decision: Literal["approve", "reject"]
    note: Words
    key: str | None = None


class RevokeRequest(Asked, frozen=True):
    """Revoke bytes or a key: exactly one of ``digest``, ``path`` and ``revoked_key``. ``at`` says which project a digest or a key is revoked in."""

    why: Words
    digest: str | None = None
    path: Path | None = None
    revoked_key: str | None = None
    at: Path = ""
    key: str | None = None


class OverrideRequest(Asked, frozen=True):
    """Let one version of an artifact be used until a time, although it fails."""

    path: Path
    why: Words
    until: Annotated[str, Meta(max_length=40, description="RFC 3339, or a date, which ends with that day in UTC.")]
    key: str | None = None


class InitRequest(Asked, frozen=True):
    """Make a project of a folder. Where this user has no vouching key yet, one is made with the passphrase that the server was unlocked with."""

    path: Path = ""
    mode: ModeWord = "warn"
    name: Annotated[str, Meta(max_length=100)] | None = None


class UnlockRequest(Asked, frozen=True):
    """Hand the passphrase of the vouching key to the server, which keeps it in memory for its life."""

    passphrase: Annotated[str, Meta(min_length=1, max_length=4096)]
    path: Path = ""


class VerifyRequest(Asked, frozen=True):
    """Hash afresh and judge; ``full`` computes every digest."""

    path: Path
    full: bool = False
