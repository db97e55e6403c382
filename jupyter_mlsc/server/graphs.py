"""Lineage and impact as nodes and edges, for a client that draws them: artifacts, and between them the cells that made one of others. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.lineage import ImpactNode, LineageNode, Origin
from jupyter_mlsc.predicates import rfc3339
from jupyter_mlsc.server import shapes
from jupyter_mlsc.server.places import Places

MOST_NODES = 2_000
"""Nodes of one answer; a client asks on from the one that it is interested in."""

_VERDICTS: dict[str, shapes.VerdictWord] = {"allow": "allow", "warn": "warn", "block": "block"}


@dataclass
class _Drawing:
    direction: Literal["lineage", "impact"]
    root: Path
    places: Places
    nodes: dict[str, shapes.Node] = field(default_factory=dict)
    edges: dict[tuple[str, str], shapes.Edge] = field(default_factory=dict)
    left: int = 0

    def artifact(self, path: str, digest: Digest | None, level: int, *, verdict: str | None = None, more: bool = False, revoked: bool = False) -> str | None:
        """Add an artifact, once; its id, or None where there is no room for it."""
        name = f"artifact:{digest}" if digest is not None else f"artifact:{path}"
        known = self.nodes.get(name)
        if known is not None:
            return name
        return self._add(
            shapes.Node(
                id=name,
                type="artifact",
                label=path,
                path=path,
                server_path=self.places.named(self.root / path),
                digest=None if digest is None else str(digest),
                kind=None,
                level=level,
                revoked=revoked,
                verdict=None if verdict is None else _VERDICTS.get(verdict),
                more=more,
                notebook=None,
                cell=None,
                run=None,
                tier=None,
                at=None,
                signer=None,
            )
        )

    def cell(self, origin: Origin, inputs: Iterable[Digest | None], level: int) -> str | None:
        """Add the cell that made something. Outputs of one cell that have the same inputs share it, so that no link is drawn that is not on record."""
        told = hashlib.sha256("\n".join(sorted(map(str, inputs))).encode()).hexdigest()[:12]
        name = f"cell:{origin.run}:{origin.cell or ''}:{told}"
        if name in self.nodes:
            return name
        where = origin.notebook or "a script"
        return self._add(
            shapes.Node(
                id=name,
                type="cell",
                label=f"{where} · cell {origin.cell}" if origin.cell else where,
                path=origin.notebook,
                server_path=None if origin.notebook is None else self.places.named(self.root / origin.notebook),
                digest=None,
                kind=None,
                level=level,
                revoked=False,
                verdict=None,
                more=False,
                notebook=origin.notebook,
                cell=origin.cell,
                run=origin.run,
                tier=origin.tier,
                at=rfc3339(origin.at),
                signer=origin.signer,
            )
        )

    def edge(self, source: str, target: str, verdict: str | None, *, precise: bool) -> None:
        self.edges[source, target] = shapes.Edge(source=source, target=target, verdict=None if verdict is None else _VERDICTS.get(verdict), precise=precise)

    def done(self, root: str | None) -> shapes.Graph:
        assert root is not None  # the first node always has room
        return shapes.Graph(root=root, direction=self.direction, nodes=tuple(self.nodes.values()), edges=tuple(self.edges.values()), left=self.left)

    def _add(self, node: shapes.Node) -> str | None:
        if len(self.nodes) >= MOST_NODES:
            self.left += 1
            return None
        self.nodes[node.id] = node
        return node.id


def ancestors(node: LineageNode, root: Path, places: Places) -> shapes.Graph:
    """A tree of ancestors as a graph; the artifact that was asked for stands at level 0, what it was made from below."""
    drawing = _Drawing("lineage", root, places)
    first = drawing.artifact(node.path, node.digest, 0, more=_is_cut(node))
    waiting = [(node, first, 0)]
    while waiting:
        at, target, level = waiting.pop(0)
        if target is None or at.origin is None or not at.inputs:
            continue
        cell = drawing.cell(at.origin, (edge.digest for edge, _ in at.inputs), level - 1)
        if cell is None:
            continue
        drawing.edge(cell, target, None, precise=at.precise)
        for edge, behind in at.inputs:
            source = drawing.artifact(edge.path, edge.digest, level - 2, verdict=edge.verdict, more=_is_cut(behind))
            if source is not None:
                drawing.edge(source, cell, edge.verdict, precise=at.precise)
                waiting.append((behind, source, level - 2))
    return drawing.done(first)


def _is_cut(node: LineageNode) -> bool:
    """A run made it, and from what is not told."""
    return node.origin is not None and not node.inputs


def descendants(node: ImpactNode, root: Path, places: Places) -> shapes.Graph:
    """A tree of descendants as a graph; what was made from the artifact stands above it."""
    drawing = _Drawing("impact", root, places)
    first = drawing.artifact(node.path, node.digest, 0, more=node.omitted == "depth", revoked=node.revoked)
    waiting = [(node, first, 0)]
    while waiting:
        at, source, level = waiting.pop(0)
        for made in at.outputs if source is not None else ():
            if made.origin is None or source is None:
                continue
            cell = drawing.cell(made.origin, (at.digest,), level + 1)
            target = drawing.artifact(made.path, made.digest, level + 2, more=made.omitted == "depth", revoked=made.revoked)
            if cell is None or target is None:
                continue
            drawing.edge(source, cell, None, precise=made.precise)
            drawing.edge(cell, target, None, precise=made.precise)
            waiting.append((made, target, level + 2))
    return drawing.done(first)


def alone(direction: Literal["lineage", "impact"], path: str, digest: Digest, root: Path, places: Places) -> shapes.Graph:
    """An artifact that no run made or used."""
    drawing = _Drawing(direction, root, places)
    return drawing.done(drawing.artifact(path, digest, 0))
