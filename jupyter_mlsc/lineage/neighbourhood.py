"""A neighbourhood: what lies around one artifact, as nodes and links, for whoever draws a graph and asks on."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.lineage.values import Artifact, Omitted, Origin, Place
from jupyter_mlsc.lineage.walk import Direction, Relation, Step, Walk


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One artifact. ``more`` says why there are neighbours in this direction that are not here, if there are: it can be asked for itself.

    ``origin`` is the run that made it (onwards: from what it was met under). ``kind`` is what the run said, or what the name says of code.
    """

    id: str
    path: str
    digest: Digest | None
    kind: str | None
    level: int
    origin: Origin | None
    precise: bool
    """False where the inputs are all that the run had read so far."""
    revoked: bool
    input_revoked: bool
    places: tuple[Place, ...]
    more: Omitted | None


@dataclass(frozen=True, slots=True)
class GraphLink:
    """From what was used to what was made of it (``made``), or from a file to the folder that it lies in (``part``); ids of nodes.

    ``run``, ``cell``, ``at`` say who made it and where it was read; ``verdict`` is how the input was judged when it was read.
    """

    source: str
    target: str
    relation: Relation
    origin: Origin | None = None
    read_in: str | None = None
    verdict: str | None = None
    precise: bool = True


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What lies around an artifact in one direction, each artifact once.

    ``cut`` are the reasons for which something is not here, ``left`` counts what is known that the limit left out.
    """

    root: str
    direction: Direction
    nodes: tuple[GraphNode, ...]
    links: tuple[GraphLink, ...]
    cut: tuple[Omitted, ...]
    left: int = 0


def id_of(artifact: Artifact) -> str:
    """A node's id: the same in every answer about the same bytes under the same name."""
    return f"{artifact.digest or 'unknown'} {artifact.path}"


def neighbourhood_of(walk: Walk) -> Neighbourhood:
    """The nodes and links that a walk met."""
    productions = {step.to: step.production for met in walk.met.values() for step in met.steps if step.production is not None and walk.direction == "impact"}
    nodes, links = [], []
    for artifact, met in walk.met.items():
        production = met.production or productions.get(artifact)
        mark = walk.mark(artifact.digest)
        kind = production.kind if production is not None else kind_by_name(artifact.path)
        nodes.append(
            GraphNode(
                id_of(artifact),
                artifact.path,
                artifact.digest,
                kind,
                met.level,
                None if production is None else production.origin,
                production is None or production.precise,
                mark.revoked,
                mark.input_revoked,
                mark.places,
                met.omitted,
            )
        )
        links += [_link(artifact, step, walk.direction) for step in met.steps]
    cut = tuple(dict.fromkeys(met.omitted for met in walk.met.values() if met.omitted is not None))
    return Neighbourhood(id_of(walk.root), walk.direction, tuple(nodes), tuple(dict.fromkeys(links)), cut, walk.left)


def _link(artifact: Artifact, step: Step, direction: Direction) -> GraphLink:
    if step.relation == "part":
        file, folder = (step.to, artifact) if step.goes_down else (artifact, step.to)
        return GraphLink(id_of(file), id_of(folder), "part")
    used, made = (step.to, artifact) if direction == "lineage" else (artifact, step.to)
    production = step.production
    assert production is not None  # whatever was made has one
    edge = None if used.digest is None else production.edge_from(used.digest)
    read_in, verdict = (None, None) if edge is None else (edge.cell, edge.verdict)
    return GraphLink(id_of(used), id_of(made), "made", production.origin, read_in, verdict, production.precise)


_KINDS = {".ipynb": "notebook", ".py": "code"}


def kind_by_name(path: str) -> str | None:
    """A notebook or code, where the name says so."""
    return next((kind for suffix, kind in _KINDS.items() if path.endswith(suffix)), None)
