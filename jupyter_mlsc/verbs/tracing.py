"""Where an artifact comes from, and what was made from it: statements of runs, walked as a graph. Reads only."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactMissingError, UsageError
from jupyter_mlsc.judging import whole_digest
from jupyter_mlsc.lineage import (
    Artifact,
    Direction,
    Impact,
    LineageNode,
    Neighbourhood,
    Production,
    Walk,
    impact_tree,
    lineage_tree,
    neighbourhood_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.provenance.questions import Question

MOST_VERSIONS = 50
"""Other bytes under the same name that are told."""


def lineage(project: ProjectState, reference: str, depth: int, most: int) -> LineageNode:
    """Ancestors of an artifact named by its path or its digest. Raises ArtifactMissingError, or UsageError for a digest, where nothing here mentions it."""
    with _walking(project, reference, "lineage", depth, most) as (walk, _):
        return lineage_tree(walk)


def impact(project: ProjectState, reference: str, depth: int, most: int) -> Impact:
    """What was made from an artifact, and from that. Raises ArtifactMissingError, or UsageError for a digest, where nothing here mentions it."""
    with _walking(project, reference, "impact", depth, most) as (walk, asking):
        others = () if is_digest(reference) else asking.versions_read(walk.root.path, MOST_VERSIONS)
        return impact_tree(walk, tuple(each for each in others if each != walk.root.digest))


def neighbourhood(project: ProjectState, reference: str, direction: Direction, depth: int, most: int) -> Neighbourhood:
    """What lies around an artifact in one direction, as nodes and links. Raises as `lineage` and `impact`."""
    with _walking(project, reference, direction, depth, most) as (walk, _):
        return neighbourhood_of(walk)


@contextmanager
def _walking(project: ProjectState, reference: str, direction: Direction, depth: int, most: int) -> Iterator[tuple[Walk, Question]]:
    with project.provenance.asking() as asking:
        root, more = _by_digest(asking, reference, most) if is_digest(reference) else _by_path(project, asking, reference, direction, most)
        yield Walk(asking, root, direction, depth=depth, most=most, more=more), asking


def is_digest(reference: str) -> bool:
    """Whether a reference means a digest and not a path."""
    return reference.startswith(("sha256:", "dirhash:"))


def _by_digest(asking: Question, reference: str, most: int) -> tuple[Artifact, tuple[Production, ...]]:
    try:
        digest = Digest.parse(reference)
    except ValueError as err:
        raise UsageError(f"{reference} is no digest", next_step="a digest is sha256: or dirhash: with 64 hex digits") from err
    made = asking.made_in_environment(digest, most)
    name = "environment" if made else asking.name_of(digest)
    if name is None:
        raise UsageError(f"nothing here mentions {reference}", next_step="see what is known: mlsc log show")
    return Artifact(name, digest), made


def _by_path(project: ProjectState, asking: Question, reference: str, direction: Direction, most: int) -> tuple[Artifact, tuple[Production, ...]]:
    target = project.target(Path(reference))
    name, onwards = target.asked, direction == "impact"
    made = asking.made_by_notebook(name, most) if onwards else ()
    if os.path.exists(target.path):
        return Artifact(name, whole_digest(measure(target.path))), made
    newest = asking.newest_made(name)
    last = newest.digest if newest is not None else next(reversed(asking.versions_read(name, MOST_VERSIONS)), None) if onwards else None
    if last is None and not made:
        told = "made or used it" if onwards else "made it"
        raise ArtifactMissingError(f"{reference} does not exist, and no run says that it {told}", next_step="check the path, or name a digest")
    return Artifact(name, last), made
