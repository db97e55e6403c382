"""All revocations of a project, looked up by what they revoke: a digest, a content tree's root, a key.

Rules kept: every revocation by a key that policy names is kept, whether its signer may revoke is for policy to say; the ledger is read on from
where the last look ended, so a look costs what was added since and not what is there; one that cannot be read is told, never skipped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from jupyter_mlsc import decisions
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, open_envelope
from jupyter_mlsc.claim_files import FoundEnvelope
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.keys import PublicKey
from jupyter_mlsc.policy.evidence import Revocation
from jupyter_mlsc.statement_claims import read_revocation
from jupyter_mlsc.verdict import Reason, reason

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Ledger

ENTRY_KIND = "revocation"


class Claims(Protocol):
    """Statements that stand in claim files."""

    def of_type(self, predicate_type: str) -> Iterator[FoundEnvelope]:
        """Those of one predicate type."""


@dataclass
class Revocations:
    """The revocations that a ledger and a folder of claims hold. ``keys`` are policy's, by key id."""

    find_ledger: Callable[[], Ledger | None]
    folder: Claims
    keys: Mapping[str, PublicKey]
    faults: dict[str, Reason] = field(default_factory=dict)
    _by_digest: dict[Digest, dict[str, Revocation]] = field(default_factory=dict)
    _by_root: dict[str, dict[str, Revocation]] = field(default_factory=dict)
    _by_key: dict[str, dict[str, Revocation]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _needs_sha256: bool = False
    _ledger: Ledger | None = None
    _come: int = 0

    def look(self) -> None:
        """Take in what was added since the last look. Raises LedgerError, ArtifactError."""
        ledger = self.find_ledger()
        if ledger is not None:
            if ledger is not self._ledger:
                self._ledger, self._come = ledger, 0
            size = ledger.size
            if size > self._come:
                for entry in ledger.entries(self._come, size, kind=ENTRY_KIND):
                    self._take(f"ledger entry {entry.index}", entry.envelope, lambda name=entry.envelope: Envelope.from_json(ledger.envelope(name)))  # type: ignore[misc]
                self._come = size
        for item in self.folder.of_type(decisions.REVOCATION):
            self._take(item.source, item.envelope.digest, lambda item=item: item.envelope)  # type: ignore[misc]

    def of(self, digests: Iterable[Digest], roots: Iterable[str] = ()) -> tuple[Revocation, ...]:
        """Revocations of any of these digests or content trees, oldest first."""
        found: dict[str, Revocation] = {}
        for digest in digests:
            found.update(self._by_digest.get(digest, {}))
        for root in roots:
            found.update(self._by_root.get(root, {}))
        return tuple(sorted(found.values(), key=lambda r: (r.signed_at, r.source)))

    def of_keys(self, keys: Iterable[str]) -> tuple[Revocation, ...]:
        """Revocations of any of these keys."""
        return tuple(each for key in dict.fromkeys(keys) for each in self._by_key.get(key, {}).values())

    def all(self) -> tuple[Revocation, ...]:
        """Every revocation once, oldest first."""
        found = {name: each for table in (*self._by_digest.values(), *self._by_root.values(), *self._by_key.values()) for name, each in table.items()}
        return tuple(sorted(found.values(), key=lambda r: (r.signed_at, r.source)))

    @property
    def digests(self) -> tuple[Digest, ...]:
        """All digests that somebody revoked."""
        return tuple(self._by_digest)

    @property
    def has_artifacts(self) -> bool:
        """True when any bytes are revoked."""
        return bool(self._by_digest)

    @property
    def needs_sha256(self) -> bool:
        """True when bytes are revoked whose content tree nobody told: only their SHA-256 finds them."""
        return self._needs_sha256

    def _take(self, source: str, name: str, envelope: Callable[[], Envelope]) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        try:
            opened = open_envelope(envelope(), self.keys)
            if not opened.verified:
                if opened.bad:
                    raise AttestationError("a signature does not match the key that it names")
                return  # by nobody whom the policy names
            body, digests, revocation = read_revocation(opened.statement, opened.verified, source)
        except AttestationError as err:
            self.faults[source] = reason("statement-invalid", name="", where=source, why=err.message)
            return
        if revocation.key is not None:
            self._by_key.setdefault(revocation.key, {})[name] = revocation
            return
        for digest in digests:
            self._by_digest.setdefault(digest, {})[name] = revocation
        for tree in body.content_trees:
            self._by_root.setdefault(tree.root, {})[name] = revocation
        self._needs_sha256 |= len(body.content_trees) < sum(digest.algorithm == "sha256" for digest in digests)


def through(revocations: Iterable[Revocation], name: str) -> tuple[Revocation, ...]:
    """The same revocations as those of an input of this name."""
    return tuple(replace(each, through=name) for each in revocations)
