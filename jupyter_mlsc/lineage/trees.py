"""Lineage and impact as trees: what a walk met, each thing once, and where it is met again a word instead of its branch."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.lineage.values import Artifact, InputEdge, Omitted, Origin, Place
from jupyter_mlsc.lineage.walk import Relation, Step, Walk


@dataclass(frozen=True, slots=True)
class LineageNode:
    """An artifact with what it was made from, to the depth that was asked for; ``origin`` is None where no run is known.

    ``files`` are those of its files that runs made by themselves, where it is a folder; ``folders`` those that it lies in, where no run is known.
    """

    path: str
    digest: Digest | None
    origin: Origin | None = None
    inputs: tuple[tuple[InputEdge, LineageNode], ...] = ()
    precise: bool = True
    files: tuple[LineageNode, ...] = ()
    folders: tuple[LineageNode, ...] = ()
    omitted: Omitted | None = None
    revoked: bool = False
    input_revoked: bool = False
    places: tuple[Place, ...] = ()
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class ImpactNode:
    """An artifact with what was made from it. ``origin`` is the newest run that made it from what it stands under; None for the one that was asked about.

    ``relation`` says how it hangs together with what it stands under: made from it, or a file and a folder.
    """

    path: str
    digest: Digest
    origin: Origin | None = None
    outputs: tuple[ImpactNode, ...] = ()
    omitted: Omitted | None = None
    revoked: bool = False
    precise: bool = True
    relation: Relation = "made"
    input_revoked: bool = False
    places: tuple[Place, ...] = ()
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """What was made from an artifact. ``other_versions`` are other bytes that runs used under its name, from which something was made as well."""

    artifact: ImpactNode
    other_versions: tuple[Digest, ...] = ()


def lineage_tree(walk: Walk) -> LineageNode:
    """The tree of a walk back."""
    return _lineage(walk, walk.root, None, frozenset())


def _lineage(walk: Walk, artifact: Artifact, above: Artifact | None, open_: frozenset[Artifact]) -> LineageNode:
    met, mark = walk.met[artifact], walk.mark(artifact.digest)
    production = met.production
    origin, precise, kind = (None, True, None) if production is None else (production.origin, production.precise, production.kind)
    inputs: list[tuple[InputEdge, LineageNode]] = []
    files: list[LineageNode] = []
    folders: list[LineageNode] = []
    omitted = met.omitted
    if met.above == above and artifact not in open_:
        for step in met.steps:
            child = _lineage(walk, step.to, artifact, open_ | {artifact})
            if step.relation == "part":
                (files if step.goes_down else folders).append(child)
            else:
                inputs += [(edge, child) for edge in _edges(step) if edge.path == step.to.path]
    elif met.steps or omitted:
        omitted = "repeated"
    return LineageNode(
        artifact.path,
        artifact.digest,
        origin,
        tuple(inputs),
        precise,
        tuple(files),
        tuple(folders),
        omitted,
        mark.revoked,
        mark.input_revoked,
        mark.places,
        kind,
    )


def _edges(step: Step) -> tuple[InputEdge, ...]:
    assert step.production is not None  # a step that is no part is a statement of a run
    return tuple(edge for edge in step.production.inputs if edge.digest == step.to.digest and edge.path == step.to.path)[:1]


def impact_tree(walk: Walk, other_versions: tuple[Digest, ...] = ()) -> Impact:
    """The tree of a walk on."""
    return Impact(_impact(walk, Step(walk.root, "made"), None, set()), other_versions)


def _impact(walk: Walk, step: Step, above: Artifact | None, opened: set[Artifact]) -> ImpactNode:
    artifact = step.to
    assert artifact.digest is not None  # onwards bytes are followed
    met, mark = walk.met[artifact], walk.mark(artifact.digest)
    outputs: tuple[ImpactNode, ...] = ()
    omitted: Omitted | None = None
    if met.above == above and artifact not in opened and walk.opens(artifact):
        opened.add(artifact)
        outputs, omitted = tuple(_impact(walk, each, artifact, opened) for each in met.steps), met.omitted
    elif walk.has_more(artifact):
        omitted = "repeated"
    made = step.production
    return ImpactNode(
        artifact.path,
        artifact.digest,
        None if made is None else made.origin,
        outputs,
        omitted,
        mark.revoked,
        made is None or made.precise,
        step.relation,
        mark.input_revoked,
        mark.places,
        None if made is None else made.kind,
    )
