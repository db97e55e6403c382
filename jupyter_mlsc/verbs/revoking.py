"""Revoking: bytes or a key are not to be trusted any more, from this moment, at every gate.

Rules kept: what was named is made plain before anything is signed (a name that could be a file and a key is refused); a path stands for all bytes
that were ever signed or made under that name, and for those that lie there now, hashed afresh; the statement carries every digest of the bytes
that is known, so that no gate must compute another one to find it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import DecisionRefusedError, UsageError
from jupyter_mlsc.judging import whole_digest
from jupyter_mlsc.policy.revoking import may_revoke
from jupyter_mlsc.results import Decided
from jupyter_mlsc.revocations import ENTRY_KIND
from jupyter_mlsc.vouching import key_to_sign_with, person_deciding, publish, sealed, words

if TYPE_CHECKING:
    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.project_state import ProjectState

MOST_SUBJECTS = 200
"""Digests in one statement; a ledger entry has room for a few more."""

_KEY = re.compile(r"[0-9a-f]{12,64}\Z")


@dataclass(frozen=True, slots=True)
class _Revoked:
    """What is to be revoked: ``name`` is a path, a digest's text or a key's id; ``digests`` with their content trees' roots where these are known."""

    name: str
    path: str | None
    digests: dict[Digest, str | None]
    key: str | None = None


def revoke(project: ProjectState, reference: str, *, why: str, channel: str, passphrases: PassphraseSource, key: str | None) -> Decided:
    """Revoke a digest, a key, or all bytes of a path. Raises UsageError, DecisionRefusedError, KeyUnavailableError; then nothing was signed."""
    why = words(why, "--why")
    entry = key_to_sign_with(project, key)
    person = person_deciding(project, entry, "a revocation")
    found = _what(project, reference)
    layers = [layer for layer in project.policy.layers if layer.accepted]
    if not any(person in may_revoke(layer, key=found.key) for layer in layers if entry.id in layer.owners):
        allowed = sorted({name for layer in layers for name in may_revoke(layer, key=found.key)})
        raise DecisionRefusedError(
            f"{person} may not revoke {'this key' if found.key else found.name} here",
            next_step=f"ask one of those who may: {', '.join(allowed)}" if allowed else "nobody may: name a role in [revoke] by in mlsc.toml",
        )
    signer = project.keys.signer(entry, passphrases)
    at = project.clock()
    statements = []
    pairs = list(found.digests.items())
    for first in range(0, len(pairs), MOST_SUBJECTS):
        some = pairs[first : first + MOST_SUBJECTS]
        trees = tuple(predicates.ContentTree(root) for _, root in some if root is not None)
        revokes = decisions.KEY_REVOKED if found.key else decisions.ARTIFACT_REVOKED
        body = decisions.RevocationBody(project.project_id, revokes, why, at, channel, found.path, trees)
        subjects = tuple(Subject(found.name, digest.in_toto()) for digest, _ in some)
        statements.append(sealed(ENTRY_KIND, Statement(subjects, decisions.REVOCATION, predicates.to_predicate(body)), signer, at))
    index = publish(project, statements)
    return Decided(decisions.REVOKED, found.name, tuple(found.digests), person, entry.id, at, why, index)


def _what(project: ProjectState, reference: str) -> _Revoked:
    if reference.startswith(("sha256:", "dirhash:")):
        try:
            digest = Digest.parse(reference)
        except ValueError as err:
            raise UsageError(f"{reference} is no digest", next_step="a digest is sha256: or dirhash: with 64 hex digits") from err
        return _Revoked(reference, None, {digest: _root_of(project, digest)})
    name, digests = _of_path(project, Path(reference))
    keys = _keys(project, reference)
    if keys and digests:
        raise UsageError(f"{reference} is a file and a key", next_step=f"for the file write ./{reference}, for the key its whole id")
    if len(keys) > 1:
        raise UsageError(f"several keys begin with {reference}: {', '.join(key[:24] for key in keys)}", next_step="write more digits")
    if keys:
        return _Revoked(f"key {keys[0]}", None, {Digest("sha256", keys[0]): None}, keys[0])
    if not digests:
        raise UsageError(
            f"nothing is known of {reference}: no file lies there, no statement names it, and it is no key of the policy",
            next_step="name a path, a digest (sha256: or dirhash:), or a key by its id: mlsc keys list, mlsc log show",
        )
    return _Revoked(name, name, digests)


def _keys(project: ProjectState, reference: str) -> list[str]:
    """The keys that a text can name: a whole id, whether the policy names it or not, or the beginning of one that it names."""
    if not _KEY.match(reference):
        return []
    if len(reference) == 64:
        return [reference]
    known = dict.fromkeys((*project.policy.identities_by_key(), *(entry.id for entry in project.keys.list())))
    return [key for key in known if key.startswith(reference)]


def _of_path(project: ProjectState, path: Path) -> tuple[str, dict[Digest, str | None]]:
    """The name of a path, and all bytes that statements of this project bind to it or that lie there now."""
    target = project.target(path)
    digests: dict[Digest, str | None] = {}
    for name in target.names:
        for claim in project.gatherer.gather(name, target.path, None).claims:
            if claim.keys and claim.decision is None and claim.name == name and claim.project == project.project_id:
                digests[claim.digest] = digests.get(claim.digest) or claim.content_root
    if os.path.exists(target.path) and target.asked != ".":
        measured = measure(target.path)
        digests[whole_digest(measured)] = measured.content_root
    return target.asked, digests


def _root_of(project: ProjectState, digest: Digest) -> str | None:
    """The content tree's root that statements bind to a digest, where they agree."""
    nowhere = project.root / ".mlsc" / digest.hex
    said = project.gatherer.gather(str(digest), nowhere, None, digest).claims
    roots = {claim.content_root for claim in said if claim.keys and claim.digest == digest and claim.content_root is not None}
    return roots.pop() if len(roots) == 1 else None
