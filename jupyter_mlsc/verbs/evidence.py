"""All that is on record of some bytes: every statement about them with its signatures, and the versions of the name that they have. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Opened, open_envelope, read_unverified
from jupyter_mlsc.claim_files import FoundEnvelope
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.results import ArtifactEvidence, StatementSeen, VersionSeen

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Entry
    from jupyter_mlsc.project_state import ProjectState

MOST_STATEMENTS = 200
"""Statements that are opened, the newest; the others are counted. So many versions of a name, too."""


def evidence(project: ProjectState, digest: Digest, name: str | None) -> ArtifactEvidence:
    """What is on record of a digest, newest first. ``name`` is under which one; else the newest statement's. Raises LedgerError."""
    ledger = project.books.ledger
    entries = [] if ledger is None else ledger.find(digest=str(digest))
    travelling = list(_filed(project, digest, {entry.envelope for entry in entries}))
    shown = [_logged(project, entry) for entry in reversed(entries[-MOST_STATEMENTS:])]
    left = max(0, len(entries) - MOST_STATEMENTS)
    known = name or _name(entries, digest) or next((each.subjects[0][0] for each in travelling if each.subjects), None)
    return ArtifactEvidence(digest, known, (*shown, *travelling[:MOST_STATEMENTS]), left, _versions(project, known) if known is not None else ())


def _name(entries: list[Entry], digest: Digest) -> str | None:
    """The name under which bytes stand in their newest entry."""
    return next((name for entry in reversed(entries) for name, of in entry.subjects if of == str(digest) and entry.kind != "revocation"), None)


def _logged(project: ProjectState, entry: Entry) -> StatementSeen:
    ledger = project.books.ledger
    assert ledger is not None  # the entry came from it
    where = f"ledger entry {entry.index}"
    try:
        envelope = Envelope.from_json(ledger.envelope(entry.envelope))
        return _seen(project, envelope, where, entry)
    except AttestationError as err:
        return StatementSeen(entry.predicate_type, entry.envelope, where, entry.subjects, entry=entry, problem=err.message)


def _filed(project: ProjectState, digest: Digest, known: set[str]) -> Iterator[StatementSeen]:
    for item in project.books.claims.about((), digest):
        if isinstance(item, FoundEnvelope) and item.envelope.digest not in known:
            known.add(item.envelope.digest)
            try:
                yield _seen(project, item.envelope, item.source, None)
            except AttestationError as err:
                yield StatementSeen(item.statement.predicate_type, item.envelope.digest, item.source, (), problem=err.message)


def _seen(project: ProjectState, envelope: Envelope, where: str, entry: Entry | None) -> StatementSeen:
    opened = open_envelope(envelope, project.identities)
    statement = opened.statement if opened.verified else read_unverified(envelope)
    subjects = tuple((each.name, _digest(each.digest)) for each in statement.subjects)
    return StatementSeen(statement.predicate_type, envelope.digest, where, subjects, statement, _signatures(envelope, opened), entry)


def _signatures(envelope: Envelope, opened: Opened) -> tuple[tuple[str, bool], ...]:
    """Key ids with whether they hold: those that verified, those that lie about a known key, and what the others call themselves."""
    proven = [(key, True) for key in opened.verified] + [(key, False) for key in opened.bad]
    told = {key for key, _ in proven}
    return (*proven, *((each.keyid, False) for each in envelope.signatures if each.keyid and each.keyid not in told)) if opened.unknown else tuple(proven)


def _digest(digests: Mapping[str, str]) -> str:
    found = Digest.from_in_toto(digests)
    return "" if found is None else str(found)


def _versions(project: ProjectState, name: str) -> tuple[VersionSeen, ...]:
    """Bytes that were signed, read or written under a name, newest first, each as it was seen last."""
    ledger = project.books.ledger
    if ledger is None:
        return ()
    found: dict[str, VersionSeen] = {}
    for entry in reversed(ledger.find(name=name)):
        for each, digest in entry.subjects:
            if each == name and digest not in found and entry.kind in ("signature", "write", "read", "review"):
                found[digest] = VersionSeen(digest, predicates.rfc3339(entry.time), entry.kind, _signer(project, entry))
        if len(found) >= MOST_STATEMENTS:
            break
    return tuple(found.values())


def _signer(project: ProjectState, entry: Entry) -> str | None:
    ledger = project.books.ledger
    assert ledger is not None  # the entry came from it
    try:
        verified = open_envelope(Envelope.from_json(ledger.envelope(entry.envelope)), project.identities).verified
    except AttestationError:
        return None
    return project.identity_of(verified[0]) if verified else None
