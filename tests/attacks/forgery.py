"""What an attacker can make: statements of any content, signed with any key that is at hand, planted where statements are found.

The private keys of the people in a test stand for keys that were misused; a stranger's key is one that no policy names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import BlockedArtifactError
from jupyter_mlsc.keys import Signer
from jupyter_mlsc.keys.signer import LocalSigner, generate
from jupyter_mlsc.policy import AcceptedPolicies
from jupyter_mlsc.recording import Run
from jupyter_mlsc.verdict import Verdict
from tests.conftest import Person


def now(**ahead: float) -> datetime:
    """The time, or a time so far ahead of it (negative: behind)."""
    return datetime.now(UTC) + timedelta(**ahead)


def stranger() -> Signer:
    """A key that nobody's policy names."""
    return LocalSigner(generate("ecdsa-p256"))


def vouching_key(person: Person) -> Signer:
    project = person.project
    return project.keys.signer(project.keys.find("vouching", person.name), person.passphrases)


def run_key(person: Person) -> Signer:
    return person.project.run_signer


def vouch(person: Person, path: str, *signers: Signer, measured: Measurement | None = None, **changes: Any) -> Envelope:
    """An ``artifact/v1`` statement about a file or folder of the person's project; ``changes`` are fields of its body."""
    measured = measured or measure(person.root / path)
    body = predicates.ArtifactBody(
        name=path,
        kind=person.project.policy.kind_for(path) or "dataset",
        project=person.project.project_id,
        size=measured.size,
        signed_at=now(),
        channel="terminal",
        content_tree=predicates.content_tree(measured),
        files=predicates.file_lines(measured),
    )
    fields = {name: getattr(body, name) for name in body.__struct_fields__} | changes
    body = predicates.ArtifactBody(**fields)
    return seal(Statement((Subject(body.name, digest_of(measured).in_toto()),), predicates.ARTIFACT, predicates.to_predicate(body)), signers)


def provenance(
    person: Person,
    path: str,
    *signers: Signer,
    inputs: Sequence[tuple[str, Digest, predicates.InputBody]] = (),
    at: datetime | None = None,
    measured: Measurement | None = None,
    **facts: Any,
) -> Envelope:
    """SLSA provenance which says that a run made the file, from verified inputs or from none."""
    measured = measured or measure(person.root / path)
    project = person.project
    output = predicates.OutputBody(
        path,
        project.policy.kind_for(path) or "dataset",
        project.project_id,
        measured.size,
        predicates.content_tree(measured),
        predicates.file_lines(measured),
    )
    told = Run(project.project_id).facts(**facts)
    body = predicates.provenance_body(output, told, inputs, at or now(), precise=False)
    return seal(Statement((Subject(path, digest_of(measured).in_toto()),), predicates.PROVENANCE, predicates.to_predicate(body)), signers)


def rebound(envelope: Envelope, digest: Digest, *signers: Signer) -> Envelope:
    """The same statement signed anew for another digest; its content tree stays, so that the two are of different bytes."""
    statement = Statement.from_payload(envelope.payload)
    return seal(replace(statement, subjects=(Subject(statement.subjects[0].name, digest.in_toto()),)), signers)


def digest_of(measured: Measurement) -> Digest:
    assert measured.digest is not None
    return measured.digest


def digest_at(person: Person, path: str) -> Digest:
    return digest_of(measure(person.root / path))


def plant(person: Person, envelope: Envelope, name: str | None = None) -> Path:
    """Put a statement into ``.mlsc/claims``, in the file of its subject's digest or under another name."""
    if name is None:
        subject = json.loads(envelope.payload)["subject"][0]
        name = next(iter(subject["digest"].values())) + ".jsonl"
    target = person.root / ".mlsc" / "claims" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("ab") as file:
        file.write(envelope.to_json() + b"\n")
    return target


def plant_beside(person: Person, envelope: Envelope, path: str) -> Path:
    """Put a statement beside the artifact."""
    return person.write(path + ".claims.jsonl", envelope.to_json() + b"\n")


def without_own_records(person: Person) -> None:
    """As a fresh clone has it: no ledger, so that only the files of the project speak; and nothing remembered of one."""
    for file in (person.root / ".mlsc").glob("ledger.db*"):
        file.unlink()
    for file in (person.home / "mlsc").glob("checkpoints.db*"):
        file.unlink()


def accept(person: Person, text: str | None = None, *, change: Callable[[str], str] = str) -> None:
    """Write a policy and accept it, as `mlsc policy trust` does."""
    file = person.root / "mlsc.toml"
    file.write_text(change(file.read_text() if text is None else text))
    project = person.project
    ledger = project.books.ledger
    counter = project.trust.layer.counter + 1
    AcceptedPolicies(project.home.accepted).accept(project.project_id, file.read_bytes(), counter, None if ledger is None else ledger.origin, now())
    assert person.project.trust.state == "accepted"


def codes(verdict: Verdict) -> list[str]:
    """Why it fails."""
    return [r.code for r in verdict.reasons if r.fails]


def assert_refused(person: Person, path: str, *expected: str, run: Run | None = None) -> Verdict:
    """Every gate of this project refuses the artifact, for the same reasons. Returns the verdict of `verify`."""
    verdict = person.verify(path)
    assert codes(verdict) == list(expected)
    assert not verdict.allowed
    assert not verdict.verified
    with pytest.raises(BlockedArtifactError) as caught:
        person.load(path, run)
    assert codes(caught.value.verdict) == list(expected)
    project = person.project
    with pytest.raises(BlockedArtifactError):
        project.open(person.root / path, run or Run(project.project_id))
    return verdict


def assert_fine(person: Person, path: str) -> Verdict:
    """Every gate lets it through, as verified."""
    verdict = person.verify(path)
    assert codes(verdict) == []
    assert verdict.verified
    person.load(path)
    return verdict


def changed_byte(path: Path, at: int = -2) -> bytes:
    """Flip one bit of a file in place; returns what it was."""
    before = path.read_bytes()
    data = bytearray(before)
    data[at] ^= 1
    path.write_bytes(data)
    return before


def python(person: Person, code: str) -> subprocess.CompletedProcess[str]:
    """A script of this person's in a process of its own, in the project's folder."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=person.root, env=person.environ, capture_output=True, text=True, check=False, timeout=300)


def edited(envelope: Envelope, change: Callable[[dict[str, Any]], None]) -> Envelope:
    """The envelope with its statement edited and its signatures left as they were."""
    body = json.loads(envelope.payload)
    change(body)
    return replace(envelope, payload=json.dumps(body).encode())
