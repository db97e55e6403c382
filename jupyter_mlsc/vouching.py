"""What a person says with the vouching key: which key that is, and how a signed statement goes on record.

Rules kept: nothing is unlocked before all that is to be signed is known; a statement goes to the ledger first and then to the claim files, which
travel; a decision that the policy would not count is refused before anything is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.errors import DecisionRefusedError, KeyUnavailableError, UsageError
from jupyter_mlsc.judging import whole_digest
from jupyter_mlsc.keys import KeyEntry, Signer

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.verdict import Reason

LONGEST_NOTE = 4_000
"""Characters of a note or a reason: a statement is read by people."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A signed statement that is ready to go on record; ``kind`` is the ledger's."""

    kind: str
    statement: Statement
    subjects: tuple[tuple[str, Digest], ...]
    envelope: Envelope
    at: datetime


def key_to_sign_with(project: ProjectState, named: str | None) -> KeyEntry:
    """The vouching key that was asked for; else the only one, or among several the only one that the policy names. Raises KeyUnavailableError."""
    if named is not None:
        return project.keys.find("vouching", named)
    active = [entry for entry in project.keys.list() if entry.role == "vouching" and not entry.retired]
    in_policy = [entry for entry in active if project.identity_of(entry.id) is not None]
    if len(active) > 1 and len(in_policy) != 1:
        those = f"{len(in_policy)} of which the policy names" if in_policy else "none of which the policy names"
        raise KeyUnavailableError(
            f"there are several vouching keys, {those}: {', '.join(entry.name for entry in in_policy or active)}",
            next_step="say which one, by name or id: --key NAME",
        )
    return in_policy[0] if len(active) > 1 else project.keys.find("vouching")


def signer_name(project: ProjectState, entry: KeyEntry) -> str:
    """Whose key it is in the policy, or the key's own name."""
    return project.identity_of(entry.id) or entry.name


def person_deciding(project: ProjectState, entry: KeyEntry, decision: str) -> str:
    """The person of the policy who is about to decide. Raises DecisionRefusedError where the policy does not name the key as a person's.

    Raises PolicyUntrustedError while the project's policy was not accepted.
    """
    project.require_trusted()
    found = project.identity_of(entry.id)
    if found is None or not any(entry.id in layer.owners and not layer.owners[entry.id].is_run for layer in project.policy.layers if layer.accepted):
        raise DecisionRefusedError(
            f"the policy names no person with the key {entry.name} ({entry.id[:12]}...), so {decision} would count for nothing",
            next_step="ask a policy-admin to add the key to [identities] and to a role",
        )
    return found


def words(text: str, option: str) -> str:
    """What a person wrote for others to read. Raises UsageError where it is empty or longer than anybody reads."""
    if not text.strip():
        raise UsageError("a decision says why", next_step=f"write it: {option} TEXT")
    if len(text) > LONGEST_NOTE:
        raise UsageError(f"the text of {option} has {len(text):,} characters; at most {LONGEST_NOTE:,} are kept", next_step="say it in a few sentences")
    return text.strip()


def refused(name: str, decision: str, reasons: Sequence[Reason]) -> DecisionRefusedError:
    """The error for a decision that the policy would not count, with the policy's own reasons."""
    first = reasons[0]
    told = "; ".join(f"{each.message} [{each.code}]" for each in reasons)
    return DecisionRefusedError(f"{decision} of {name} would count for nothing: {told}", next_step=first.next)


def artifact_statement(project: ProjectState, name: str, kind: str, measured: Measurement, *, at: datetime, channel: str, note: str) -> Statement:
    """``artifact/v1``: somebody stands for these bytes under this name."""
    body = predicates.ArtifactBody(
        name, kind, project.project_id, measured.size, at, channel, predicates.content_tree(measured), predicates.file_lines(measured), note
    )
    return Statement((Subject(name, whole_digest(measured).in_toto()),), predicates.ARTIFACT, predicates.to_predicate(body))


def sealed(kind: str, statement: Statement, signer: Signer, at: datetime) -> Sealed:
    """Sign a statement. Its subjects are named in the ledger as they are in it."""
    subjects = tuple((subject.name, _digest(subject)) for subject in statement.subjects)
    return Sealed(kind, statement, subjects, seal(statement, [signer]), at)


def publish(project: ProjectState, statements: Sequence[Sealed]) -> int | None:
    """Put statements on record; the ledger's index of the first, None where another user keeps the ledger. Raises LedgerError, ArtifactError."""
    entries = [entry_of(each.kind, each.envelope, each.statement.predicate_type, each.subjects, each.at) for each in statements]
    indexes = project.books.append(entries)
    project.books.file_claims((digest, each.envelope) for each in statements for digest in dict.fromkeys(d for _, d in each.subjects))
    return None if indexes is None else indexes[0]


def _digest(subject: Subject) -> Digest:
    digest = Digest.from_in_toto(subject.digest)
    assert digest is not None  # made here, from a Digest
    return digest
