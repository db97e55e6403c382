"""What policy decides on: frozen values that others gathered. No I/O, no clock, no cryptography.

A :class:`Claim` is one statement whose signatures were already checked; an :class:`Evidence` is all that is known about one artifact at
one moment. Whoever gathers evidence never judges it, and the policy that judges it never gathers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.profiles import DatasetFacts
from jupyter_mlsc.verdict import Reason


@dataclass(frozen=True, slots=True)
class InputClaim:
    """One input that a run says it read: its name in the project, its digest, and whether it satisfied its rule at that moment."""

    name: str
    digest: Digest | None
    verified: bool
    cell: str | None = None
    code: bool = False
    """The run says that it is code of the project of which no rule asks anything."""


@dataclass(frozen=True, slots=True)
class Saw:
    """An input or output of a notebook that its reviewer had before the eyes."""

    name: str
    role: Literal["input", "output"]
    digest: Digest


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement about an artifact, with the keys whose signatures verified.

    ``name``, ``kind`` and ``project`` are what the statement binds; None where it binds nothing (a plain OMS bundle). ``content_root``
    is the hex root of the content tree that the statement carries. ``signed_at`` is the signer's own word; ``logged_at`` the time at which
    this ledger took the statement in, or None. ``source`` names where the statement was found, for messages.
    """

    predicate_type: str
    name: str | None
    kind: str | None
    project: str | None
    digest: Digest
    keys: tuple[str, ...]
    signed_at: datetime | None
    source: str
    content_root: str | None = None
    size: int | None = None
    logged_at: datetime | None = None
    channel: str | None = None
    tier: str | None = None
    run: str | None = None
    within: str | None = None
    """The signed tree whose manifest names this file, when the statement is about the tree."""
    tree: Digest | None = None
    """The digest of that tree."""
    inputs: tuple[InputClaim, ...] = ()
    decision: str | None = None
    """What a person decided (`decisions.APPROVED`, ...); None for a statement that is no decision."""
    note: str = ""
    """The person's words: a reviewer's note, the reason for an exception."""
    until: datetime | None = None
    covers: tuple[str, ...] = ()
    """The reasons' codes that an exception was made for, and when it ends."""
    promoted_from: str | None = None
    """The name that the bytes had before they were promoted to this one."""
    replayed: str | None = None
    """Of a replay, what comparing these bytes with what came out gave (`replays.RESULTS`), and within which ``tolerance``."""
    tolerance: float | None = None
    scanned: str | None = None
    """Of a scan, its result (`scans.PASSED`, ...), the ``scanner`` that made it, and the codes that failed."""
    scanner: str | None = None
    failed_tests: tuple[str, ...] = ()
    saw: tuple[Saw, ...] = ()
    """What a notebook's reviewer saw beside it."""

    def is_about(self, measured: Measurement) -> bool:
        """True when the statement carries a digest that was computed here: the SHA-256, the content tree's root, or the tree's dirhash.

        Where several were computed, all that the statement carries must agree.
        """
        pairs: list[tuple[str | None, str | None]] = [
            (self.digest.hex, measured.sha256 if self.digest.algorithm == "sha256" else measured.dirhash),
            (self.content_root, measured.content_root),
        ]
        compared = [mine == theirs for mine, theirs in pairs if mine is not None and theirs is not None]
        return bool(compared) and all(compared)


@dataclass(frozen=True, slots=True)
class Revocation:
    """A person's word that bytes or a key are not to be trusted any more, with the keys whose signatures verified.

    ``key`` is the id of the key that is revoked, None where it is bytes. ``through`` is the name of what they became an input of this artifact
    under; None where it is the artifact itself that is revoked, or something in it.
    """

    project: str
    subject: str
    why: str
    keys: tuple[str, ...]
    signed_at: datetime
    channel: str
    source: str
    key: str | None = None
    through: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetEvidence:
    """What is known of a data set: ``present`` is what it looks like, ``why`` why that is not known.

    ``yardsticks`` are signed profiles that count, by the name of what they are of. ``profiled`` is true when one of them is of these very bytes.
    """

    profiled: bool
    present: DatasetFacts | None
    why: str
    yardsticks: Mapping[str, DatasetFacts]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about one artifact when it is judged.

    ``name`` is its path in the project (posix); ``measured`` is None when only its name is known. ``families`` are the formats that its
    bytes are (for instance ``{"joblib", "pickle"}``). ``faults`` are reasons that were found while gathering (a statement that does not
    verify, an inconsistent ledger, a format mismatch). ``own_output`` is true when this very run wrote exactly these bytes under this name.
    """

    name: str
    project: str
    measured: Measurement | None
    claims: tuple[Claim, ...] = ()
    families: frozenset[str] = frozenset()
    faults: tuple[Reason, ...] = ()
    own_output: bool = False
    tier: str | None = None
    revocations: tuple[Revocation, ...] = ()
    """Revocations of these bytes, of keys that signed claims, and of what the bytes were made from."""
    scanner: str | None = None
    """``sha256:<hex>`` of the scanner that there is here, where a rule asks for a scan."""
    dataset: DatasetEvidence | None = None
    """Profiles, where a rule asks for one."""
    not_before: datetime | None = None
    """The newest time that the ledger has seen: a clock that shows an earlier one was put back."""
