"""Answers from the record: an artifact's statements with their proofs, lineage and impact, the ledger's checkpoint, a fresh verification."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.errors import ArtifactMissingError, LedgerError, UsageError
from jupyter_mlsc.server import graphs, shapes, wording
from jupyter_mlsc.server.desk import Desk
from jupyter_mlsc.server.looks import LARGEST_UNASKED

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Ledger
    from jupyter_mlsc.project import Project
    from jupyter_mlsc.results import ArtifactEvidence, StatementSeen

LONGEST_PREDICATE = 20_000
"""Characters of a statement's body that are sent; the whole of it is in the ledger."""


def artifact(desk: Desk, asked: shapes.ArtifactQuery, parameters: Mapping[str, str]) -> shapes.Artifact:
    """All that is known of some bytes."""
    digest = Digest.parse(parameters["digest"])
    place = desk.places.locate(asked.path)
    with desk.projects.at(place).looking() as project, project.gatherer.one_look():
        found = _artifact(desk, project, digest, project.target(place).asked if place.exists() and not place.samefile(project.root) else None)
    return _looked_into(desk, found, project.root, patient=asked.thorough)


def _artifact(desk: Desk, project: Project, digest: Digest, name: str | None) -> shapes.Artifact:
    from jupyter_mlsc.standings import Budget

    found = project.evidence(digest, name)
    if not found.statements and name is None:
        raise ArtifactMissingError(f"nothing here mentions {digest}", next_step="see what is known: mlsc log show")
    standing = None if found.name is None else project.standings.of(found.name, Budget.endless())
    verdict = standing.verdict if standing is not None and standing.digest == digest else None
    where = None if found.name is None else project.root / found.name
    return shapes.Artifact(
        digest=str(digest),
        path=found.name,
        server_path=None if where is None else desk.places.named(where),
        kind=None if verdict is None else verdict.kind,
        present=verdict is not None,
        size=where.stat().st_size if verdict is not None and where is not None and where.is_file() else None,
        judged=None if verdict is None else wording.judged(verdict, project.root, desk.places),
        statements=tuple(_statement(project, each) for each in found.statements),
        statements_left=found.left,
        versions=_versions(found, None if standing is None else standing.digest),
        findings=(),
        difference=None,
    )


def _looked_into(desk: Desk, found: shapes.Artifact, root: Path, *, patient: bool) -> shapes.Artifact:
    """With what a scan finds in the file, and what changed in it since it was signed."""
    if found.path is None or not (place := root / found.path).is_file():
        return found
    if place.stat().st_size > LARGEST_UNASKED and not patient:
        return found
    project = desk.projects.fresh(root)
    findings = desk.looks.findings(project, place, found.path) if found.present else ()
    return msgspec.structs.replace(found, findings=findings, difference=desk.looks.difference(project, place))


def _versions(found: ArtifactEvidence, present: Digest | None) -> tuple[shapes.Version, ...]:
    return tuple(
        shapes.Version(digest=each.digest, at=each.at, by=each.by, kind=each.kind, present=present is not None and each.digest == str(present))
        for each in found.versions
    )


def _statement(project: Project, seen: StatementSeen) -> shapes.Statement:
    from jupyter_mlsc.verbs.telling import log_document

    entry = seen.entry
    told = {} if entry is None else log_document(project, entry)
    text = "" if seen.statement is None else msgspec.json.format(msgspec.json.encode(dict(seen.statement.predicate)), indent=1).decode()
    ledger = project.books.ledger
    return shapes.Statement(
        index=None if entry is None else entry.index,
        at=told.get("time"),
        kind=None if entry is None else entry.kind,
        predicate_type=seen.predicate_type,
        envelope=seen.envelope,
        source=seen.source,
        subjects=tuple(shapes.Named(name=name, digest=digest) for name, digest in seen.subjects),
        signatures=tuple(shapes.Signature(key=key, identity=project.identity_of(key) if holds else None, holds=holds) for key, holds in seen.signatures),
        signer=told.get("signer"),
        tier=told.get("tier"),
        notebook=told.get("notebook"),
        cell_id=told.get("cell_id"),
        execution_count=told.get("execution_count"),
        decision=told.get("decision"),
        why=told.get("why"),
        until=told.get("until"),
        predicate=text if len(text) <= LONGEST_PREDICATE else text[:LONGEST_PREDICATE] + "\n…",
        problem=seen.problem,
        inclusion=None if entry is None or ledger is None else _inclusion(ledger, entry.index),
    )


def _inclusion(ledger: Ledger, index: int) -> shapes.Inclusion:
    shown = ledger.included(index)
    return shapes.Inclusion(
        index=index,
        size=shown.checkpoint.size,
        leaf=base64.b64encode(shown.leaf).decode("ascii"),
        leaf_hash=shown.inclusion.leaf_hash.hex(),
        path=tuple(each.hex() for each in shown.inclusion.proof),
        root=shown.checkpoint.root.hex(),
        checkpoint=shown.checkpoint.note,
        vkey=ledger.verifier.vkey,
        proof_file=shown.file,
    )


def lineage(desk: Desk, asked: shapes.GraphQuery, parameters: Mapping[str, str]) -> shapes.Graph:
    """What it was made from."""
    digest = Digest.parse(parameters["digest"])
    with desk.projects.at(desk.places.locate(asked.path)).looking() as project:
        project.require_trusted()
        name = _name(project, digest)
        try:
            return graphs.drawn(project.neighbourhood(str(digest), "lineage", depth=asked.depth), project.root, desk.places)
        except UsageError:
            # No run mentions it: a graph of one.
            return graphs.alone("lineage", name, digest, project.root, desk.places)


def impact(desk: Desk, asked: shapes.GraphQuery, parameters: Mapping[str, str]) -> shapes.Graph:
    """What was made from it."""
    digest = Digest.parse(parameters["digest"])
    with desk.projects.at(desk.places.locate(asked.path)).looking() as project:
        project.require_trusted()
        name = _name(project, digest)
        try:
            return graphs.drawn(project.neighbourhood(str(digest), "impact", depth=asked.depth), project.root, desk.places)
        except UsageError:
            return graphs.alone("impact", name, digest, project.root, desk.places)


def _name(project: Project, digest: Digest) -> str:
    """The name under which a digest is known. Raises ArtifactMissingError for one that nothing here mentions."""
    ledger = project.books.ledger
    entries = [] if ledger is None else ledger.find(digest=str(digest))
    found = next((name for entry in reversed(entries) for name, of in entry.subjects if of == str(digest)), None)
    found = found or next((each.subjects[0][0] for each in project.evidence(digest, None).statements if each.subjects), None)
    if found is None and not _is_input(project, digest):
        raise ArtifactMissingError(f"nothing here mentions {digest}", next_step="see what is known: mlsc log show")
    return found or str(digest)


def _is_input(project: Project, digest: Digest) -> bool:
    """Whether a run names it as an input and nothing else speaks of it."""
    return any(touch.digest == digest for run in project.chronicle.runs().values() for touch in run.touches.values())


def verify(desk: Desk, asked: shapes.VerifyQuery | shapes.VerifyRequest, parameters: Mapping[str, str]) -> shapes.Verified:
    """Hash afresh and judge; a notebook with all that its last run read and wrote."""
    place = desk.places.existing(asked.path)
    project = desk.projects.fresh(place)
    project.require_trusted()
    verdicts, _ = project.verify_with_stories([place], full=asked.full)
    return shapes.Verified(
        ok=all(each.allowed for each in verdicts),
        mode=project.policy.mode.value,
        artifacts=tuple(wording.judged(each, project.root, desk.places) for each in verdicts),
    )


def checkpoint(desk: Desk, asked: shapes.CheckpointQuery, parameters: Mapping[str, str]) -> shapes.Checkpoint:
    """The newest checkpoint, with the proof that it extends the one that a client has seen."""
    with desk.projects.at(desk.places.locate(asked.path)).looking() as project:
        ledger = _ledger(project)
        newest = ledger.checkpoint()
        consistency = None
        if asked.since is not msgspec.UNSET:
            proof = ledger.prove_consistency(asked.since, newest.size)
            consistency = shapes.Consistency(old_size=proof.old_size, new_size=proof.new_size, proof=tuple(each.hex() for each in proof.proof))
        return shapes.Checkpoint(
            origin=newest.origin,
            size=newest.size,
            root=newest.root.hex(),
            note=newest.note,
            vkey=ledger.verifier.vkey,
            consistency=consistency,
            faults=wording.reasons(project.books.faults),
        )


def proof(desk: Desk, asked: shapes.PathQuery, parameters: Mapping[str, str]) -> shapes.Inclusion:
    """That an entry stands in the ledger. Raises ArtifactMissingError for one that does not."""
    index = int(parameters["index"])
    with desk.projects.at(desk.places.locate(asked.path)).looking() as project:
        ledger = _ledger(project)
        if index >= ledger.size:
            raise ArtifactMissingError(f"the ledger has no entry {index}", next_step="see its size: log/checkpoint")
        return _inclusion(ledger, index)


def _ledger(project: Project) -> Ledger:
    ledger = project.books.ledger
    if ledger is None:
        raise LedgerError(f"there is no ledger at {Path('.mlsc') / 'ledger.db'}", next_step="run: mlsc init, or sign something")
    return ledger
