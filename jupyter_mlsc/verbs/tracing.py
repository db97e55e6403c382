"""Where an artifact comes from, and what was made from it: the statements of runs, read into a graph. Reads only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import open_envelope, read_unverified
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactMissingError, AttestationError, UsageError
from jupyter_mlsc.lineage import Impact, InputEdge, LineageGraph, LineageNode, Origin, Production
from jupyter_mlsc.policy.revoking import revoker

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def lineage(project: ProjectState, reference: str, depth: int) -> LineageNode:
    """Ancestors of an artifact named by its path or its digest. Raises ArtifactMissingError, or UsageError for a digest, where nothing here mentions it."""
    graph = LineageGraph(_productions(project))
    if is_digest(reference):
        return graph.ancestors(*_by_digest(graph, reference), depth=depth)
    target = project.target(Path(reference))
    if os.path.exists(target.path):
        return graph.ancestors(target.asked, measure(target.path).digest, depth=depth)
    made = graph.newest_made(target.asked)
    if made is None:
        raise ArtifactMissingError(f"{reference} does not exist, and no run says that it made it", next_step="check the path, or name a digest")
    return graph.ancestors(target.asked, made, depth=depth)


def impact(project: ProjectState, reference: str, depth: int) -> Impact:
    """What was made from an artifact, and from that. Raises ArtifactMissingError, or UsageError for a digest, where nothing here mentions it."""
    graph = LineageGraph(_productions(project))
    revoked = _revoked(project)
    if is_digest(reference):
        return graph.descendants(*_by_digest(graph, reference), depth=depth, revoked=revoked)
    target = project.target(Path(reference))
    if os.path.exists(target.path):
        present = measure(target.path).digest
        assert present is not None  # a whole artifact was measured
        return graph.descendants(target.asked, present, depth=depth, revoked=revoked)
    last = graph.newest_made(target.asked) or graph.newest_read(target.asked)
    if last is None:
        raise ArtifactMissingError(f"{reference} does not exist, and no run says that it made or used it", next_step="check the path, or name a digest")
    return graph.descendants(target.asked, last, depth=depth, revoked=revoked)


def is_digest(reference: str) -> bool:
    """Whether a reference means a digest and not a path."""
    return reference.startswith(("sha256:", "dirhash:"))


def _by_digest(graph: LineageGraph, reference: str) -> tuple[str, Digest]:
    try:
        digest = Digest.parse(reference)
    except ValueError as err:
        raise UsageError(f"{reference} is no digest", next_step="a digest is sha256: or dirhash: with 64 hex digits") from err
    name = graph.name_of(digest)
    if name is None:
        raise UsageError(f"nothing here mentions {reference}", next_step="see what is known: mlsc log show")
    return name, digest


def _revoked(project: ProjectState) -> Callable[[Digest], bool]:
    """Whether somebody revoked these bytes who may, by a layer of the policy."""
    known = project.gatherer.revocations
    known.look()
    layers = project.policy.layers
    return lambda digest: any(revoker(layer, each, project.project_id) is not None for each in known.of([digest]) for layer in layers)


def _productions(project: ProjectState) -> Iterator[Production]:
    for envelope in project.books.statements("write", predicates.PROVENANCE):
        try:
            opened = open_envelope(envelope, project.identities)
            statement = opened.statement if opened.verified else read_unverified(envelope)
            body = predicates.from_predicate(statement.predicate, predicates.ProvenanceBody)
        except AttestationError:
            continue  # `verify` and `log verify` report it; it says nothing about where anything came from
        digest = Digest.from_in_toto(statement.subjects[0].digest)
        if digest is None or body.facts.project != project.project_id:
            continue
        facts = body.facts
        signer = project.identity_of(opened.verified[0]) if opened.verified else None
        cell = facts.cell_id or (str(facts.execution_count) if facts.execution_count is not None else None)
        tier = project.policy.tier_shown(facts.tier, opened.verified) if opened.verified else facts.tier
        origin = Origin(facts.run, facts.notebook, cell, tier or facts.tier, body.finished_on, signer)
        edges = tuple(InputEdge(name, d, note.cell, note.verdict) for name, d, note in body.inputs if d is not None)
        yield Production(body.artifact.name, digest, origin, edges, body.precise)
