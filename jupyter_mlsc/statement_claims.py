"""From a statement to the Claims that policy decides on: one reader for each predicate type, strict about what the statement binds.

Rules kept: a statement's subject is the artifact that its predicate names; a manifest belongs to its digest; a file inside a tree is spoken
for by its line of the tree's manifest. No I/O, no signatures: the keys that verified are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from jupyter_mlsc import decisions, predicates, replays, scans
from jupyter_mlsc.artifacts import Digest, ManifestLine
from jupyter_mlsc.attestation import Statement
from jupyter_mlsc.digests import manifest_digest
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.policy.evidence import Claim, InputClaim, Revocation, Saw


def claims_of(statement: Statement, keys: Iterable[str], name: str) -> Iterator[Claim]:
    """What a statement, signed by these keys, claims about ``name``. Raises AttestationError for a malformed predicate."""
    read = _READERS.get(statement.predicate_type)
    if read is not None:
        yield from read(statement, tuple(keys), name)


def _from_artifact(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    body = predicates.from_predicate(statement.predicate, predicates.ArtifactBody)
    digest = _one_subject(statement, body.name)
    root = None if body.content_tree is None else _root(body.content_tree)
    whole = Claim(predicates.ARTIFACT, body.name, body.kind, body.project, digest, keys, body.signed_at, "", root, body.size, channel=body.channel)
    yield from _whole_and_member(whole, body.files, name)


def _from_provenance(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    body = predicates.from_predicate(statement.predicate, predicates.ProvenanceBody)
    made = body.artifact
    digest = _one_subject(statement, made.name)
    if body.facts.project != made.project:
        raise AttestationError(f"provenance of {made.name} names two projects")
    inputs = tuple(InputClaim(n, d, note.verified, note.cell, note.code) for n, d, note in body.inputs)
    root = None if made.content_tree is None else _root(made.content_tree)
    whole = Claim(
        predicates.PROVENANCE,
        made.name,
        made.kind,
        made.project,
        digest,
        keys,
        body.finished_on,
        "",
        root,
        made.size,
        tier=body.facts.tier,
        run=body.facts.run,
        inputs=inputs,
    )
    yield from _whole_and_member(whole, made.files, name)


def _from_oms(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    """The OMS twin of a vouching statement in the ledger or the claim files: it binds bytes only, so policy counts it as unbound."""
    del name
    from jupyter_mlsc.export.oms import oms_manifest

    yield Claim(predicates.OMS_SIGNATURE, None, None, None, oms_digest(oms_manifest(statement).resources), keys, None, "")


def _from_verification(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    """An SVR: an approval or a promotion where it says so in our words, and nothing to us where it does not."""
    body = predicates.from_predicate(statement.predicate, decisions.VerificationBody)
    if body.mlsc is None or body.decision is None:
        return
    if body.decision == decisions.PROMOTED and body.mlsc.source is None:
        raise AttestationError(f"the promotion of {body.mlsc.name} does not say what was promoted")
    yield from _whole_and_member(_decided(statement, decisions.SVR, body.decision, body.mlsc, keys, body.time_created), body.mlsc.files, name)


def _from_rejection(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    """A VSA: a rejection where a person made it; one about a judged load is a record."""
    if "review" not in statement.predicate:
        return
    body = predicates.from_predicate(statement.predicate, decisions.RejectionBody)
    if body.verification_result != "FAILED":
        raise AttestationError(f"the rejection of {body.review.name} does not say FAILED")
    yield from _whole_and_member(_decided(statement, decisions.REJECTION, decisions.REJECTED, body.review, keys, body.time_verified), body.review.files, name)


def _from_override(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    del name
    body = predicates.from_predicate(statement.predicate, decisions.OverrideBody)
    yield Claim(
        decisions.OVERRIDE,
        body.name,
        None,
        body.project,
        _one_subject(statement, body.name),
        keys,
        body.signed_at,
        "",
        None if body.content_tree is None else _root(body.content_tree),
        body.size,
        channel=body.channel,
        decision=decisions.OVERRIDDEN,
        note=body.why,
        until=body.until,
        covers=body.covers,
    )


def _decided(statement: Statement, predicate_type: str, decision: str, told: decisions.DecisionBody, keys: tuple[str, ...], at: datetime) -> Claim:
    return Claim(
        predicate_type,
        told.name,
        told.kind,
        told.project,
        _one_subject(statement, told.name),
        keys,
        at,
        "",
        None if told.content_tree is None else _root(told.content_tree),
        told.size,
        channel=told.channel,
        decision=decision,
        note=told.note,
        promoted_from=told.source if decision == decisions.PROMOTED else None,
        saw=(*_saw("input", told.inputs), *_saw("output", told.outputs)),
    )


def _saw(role: Literal["input", "output"], bound: tuple[decisions.Bound, ...]) -> Iterator[Saw]:
    for each in bound:
        try:
            yield Saw(each.name, role, Digest.parse(each.digest))
        except ValueError as err:
            raise AttestationError(f"a decision is bound to {each.name!r} with something that is no digest") from err


def _from_replay(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    """What a replay says of each output, and of the notebook what holds of all of them."""
    del name
    body = predicates.from_predicate(statement.predicate, replays.ReplayBody)
    replays.check(body)
    told = {each.name: (each.digest, each.result, each.content_tree) for each in body.outputs}
    told[body.notebook.name] = (body.notebook.digest, body.result, None)
    for subject in statement.subjects:
        said, digest = told.get(subject.name), Digest.from_in_toto(subject.digest)
        if said is None or digest is None or str(digest) != said[0]:
            raise AttestationError(f"a replay has the subject {subject.name}, of which its predicate says something else")
        root = None if said[2] is None else _root(said[2])
        kind = (body.project, digest, keys, body.at, "", root)
        yield Claim(replays.REPLAY, subject.name, None, *kind, tier=body.facts.tier, run=body.facts.run, replayed=said[1], tolerance=body.tolerance)


def _from_scan(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    """A test-result of ours; another tool's is a record."""
    if "mlsc" not in statement.predicate:
        return
    body = predicates.from_predicate(statement.predicate, scans.ScanBody)
    told = body.mlsc
    assert told is not None  # it is there, and of the right type
    if scans.scan_body(told, body.warned_tests).result != body.result or body.result not in (scans.PASSED, scans.WARNED, scans.FAILED):
        raise AttestationError(f"the scan of {told.name} says {body.result}, which its findings do not")
    root = None if told.content_tree is None else _root(told.content_tree)
    kind = (told.project, _one_subject(statement, told.name), keys, told.at, "", root, told.size)
    whole = Claim(scans.TEST_RESULT, told.name, None, *kind, scanned=body.result, scanner=told.scanner, failed_tests=body.failed_tests)
    yield from _whole_and_member(whole, told.files, name)


def _from_baseline(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    del name
    body = predicates.from_predicate(statement.predicate, scans.BaselineBody)
    root = None if body.content_tree is None else _root(body.content_tree)
    kind = (body.project, _one_subject(statement, body.name), keys, body.signed_at, "", root, body.size)
    yield Claim(scans.BASELINE, body.name, None, *kind, channel=body.channel, decision=scans.ACCEPTED, note=body.why, covers=body.accepted)


_READERS: dict[str, Callable[[Statement, tuple[str, ...], str], Iterator[Claim]]] = {
    predicates.ARTIFACT: _from_artifact,
    predicates.PROVENANCE: _from_provenance,
    predicates.OMS_SIGNATURE: _from_oms,
    decisions.SVR: _from_verification,
    decisions.REJECTION: _from_rejection,
    decisions.OVERRIDE: _from_override,
    replays.REPLAY: _from_replay,
    scans.TEST_RESULT: _from_scan,
    scans.BASELINE: _from_baseline,
}
STATEMENT_KINDS = frozenset(_READERS)
"""Predicate types that can speak for or against an artifact; all others are records."""


def read_revocation(statement: Statement, keys: Iterable[str], source: str) -> tuple[decisions.RevocationBody, tuple[Digest, ...], Revocation]:
    """What a revocation says: its body, the digests of its subjects, and the value for policy. Raises AttestationError for a malformed one."""
    body = predicates.from_predicate(statement.predicate, decisions.RevocationBody)
    found = tuple(digest for digest in (Digest.from_in_toto(subject.digest) for subject in statement.subjects) if digest is not None)
    if len(found) != len(statement.subjects):
        raise AttestationError("a revocation names a subject without a SHA-256 or dirHash digest")
    key = None
    if body.revokes == decisions.KEY_REVOKED:
        if len(found) != 1 or found[0].algorithm != "sha256":
            raise AttestationError("the revocation of a key names exactly one key")
        key = found[0].hex
    elif body.revokes != decisions.ARTIFACT_REVOKED:
        raise AttestationError(f"a revocation revokes {body.revokes!r}, which this version does not know")
    subject = body.name or statement.subjects[0].name
    return body, found, Revocation(body.project, subject, body.why, tuple(keys), body.signed_at, body.channel, source, key)


def _one_subject(statement: Statement, name: str) -> Digest:
    if len(statement.subjects) != 1 or statement.subjects[0].name != name:
        raise AttestationError(f"the statement's subject is not the artifact {name} that its predicate names")
    digest = Digest.from_in_toto(statement.subjects[0].digest)
    if digest is None:
        raise AttestationError(f"the statement about {name} carries no SHA-256 or dirHash digest")
    return digest


def _root(tree: predicates.ContentTree) -> str:
    if tree.block_size != predicates.CONTENT_BLOCK:
        raise AttestationError(f"the statement's content tree has blocks of {tree.block_size} bytes; this version reads {predicates.CONTENT_BLOCK}")
    return tree.root


def _whole_and_member(whole: Claim, files: tuple[predicates.FileLine, ...] | None, name: str) -> Iterator[Claim]:
    if files is not None and whole.digest != Digest("dirhash", manifest_digest(predicates.manifest_lines(files))):
        raise AttestationError(f"the manifest in the statement about {whole.name} does not belong to its digest")
    yield whole
    if files is None or whole.name is None or not name.startswith(whole.name + "/"):
        return
    inside = name.removeprefix(whole.name + "/")
    for line in files:
        if line.name == inside:
            yield replace(whole, name=name, digest=Digest("sha256", line.sha256), content_root=None, size=line.size, within=whole.name, tree=whole.digest)


def oms_digest(resources: Mapping[str, str], file: str | None = None) -> Digest:
    """The digest of an OMS resource map. A single file is named ``.``, or as ``file`` where the artifact is one of that name."""
    if len(resources) == 1 and set(resources) <= {".", file}:
        return Digest("sha256", next(iter(resources.values())))
    return Digest("dirhash", manifest_digest(tuple(ManifestLine(n, d, 0) for n, d in sorted(resources.items()))))
