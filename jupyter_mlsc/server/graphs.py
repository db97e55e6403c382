"""Lineage and impact as nodes and edges, for a client that draws them: artifacts, and between them the cells that made one of others. Pure."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.lineage import Direction, GraphLink, GraphNode, Neighbourhood, Origin
from jupyter_mlsc.predicates import rfc3339
from jupyter_mlsc.server import shapes
from jupyter_mlsc.server.places import Places

_VERDICTS: dict[str, shapes.VerdictWord] = {"allow": "allow", "warn": "warn", "block": "block"}


def drawn(found: Neighbourhood, root: Path, places: Places) -> shapes.Graph:
    """A neighbourhood as a graph. The artifact that was asked for stands at level 0, what it was made from below and what was made from it above.

    Outputs of one cell that have the same inputs share its node, so that no link is drawn that is not on record.
    """
    sign = -1 if found.direction == "lineage" else 1
    levels = {node.id: 2 * sign * node.level for node in found.nodes}
    judged = {link.source: link.verdict for link in found.links if link.verdict is not None}
    nodes = {node.id: _artifact(node, levels[node.id], judged.get(node.id), root, places) for node in found.nodes}
    used: dict[tuple[str, str, str | None], list[str]] = {}
    for link in found.links:
        if link.origin is not None:
            used.setdefault((link.target, link.origin.run, link.origin.cell), []).append(link.source)
    edges: dict[tuple[str, str], shapes.Edge] = {}
    for link in found.links:
        if link.source not in nodes or link.target not in nodes:
            continue  # left out by the limit
        if link.origin is None:
            _join(edges, link.source, link.target, link)
            continue
        cell = _cell_id(link.origin, used[link.target, link.origin.run, link.origin.cell])
        if cell not in nodes:
            level = levels[link.target] - 1 if sign < 0 else levels[link.source] + 1
            nodes[cell] = _cell(cell, link.origin, level, root, places)
        _join(edges, link.source, cell, link)
        _join(edges, cell, link.target, link, verdict=False)
    return shapes.Graph(root=found.root, direction=found.direction, nodes=tuple(nodes.values()), edges=tuple(edges.values()), left=found.left)


def alone(direction: Direction, path: str, digest: Digest, root: Path, places: Places) -> shapes.Graph:
    """An artifact that no run made or used."""
    node = GraphNode(f"{digest} {path}", path, digest, None, 0, None, True, False, False, (), None)
    return shapes.Graph(root=node.id, direction=direction, nodes=(_artifact(node, 0, None, root, places),), edges=(), left=0)


def _join(edges: dict[tuple[str, str], shapes.Edge], source: str, target: str, link: GraphLink, *, verdict: bool = True) -> None:
    told = _VERDICTS.get(link.verdict or "") if verdict else None
    edges[source, target] = shapes.Edge(source=source, target=target, verdict=told, precise=link.precise)


def _cell_id(origin: Origin, inputs: list[str]) -> str:
    told = hashlib.sha256("\n".join(sorted(inputs)).encode()).hexdigest()[:12]
    return f"cell:{origin.run}:{origin.cell or ''}:{told}"


def _artifact(node: GraphNode, level: int, verdict: str | None, root: Path, places: Places) -> shapes.Node:
    origin = node.origin
    return shapes.Node(
        id=node.id,
        type="artifact",
        label=node.path,
        path=node.path,
        server_path=places.named(root / node.path),
        digest=None if node.digest is None else str(node.digest),
        kind=node.kind,
        level=level,
        revoked=node.revoked or node.input_revoked,
        verdict=_VERDICTS.get(verdict or ""),
        more=node.more is not None,
        notebook=None if origin is None else origin.notebook,
        cell=None if origin is None else origin.cell,
        run=None if origin is None else origin.run,
        tier=None if origin is None else origin.tier,
        at=None if origin is None else rfc3339(origin.at),
        signer=None if origin is None else origin.signer,
    )


def _cell(name: str, origin: Origin, level: int, root: Path, places: Places) -> shapes.Node:
    where = origin.notebook or "a script"
    return shapes.Node(
        id=name,
        type="cell",
        label=f"{where} · cell {origin.cell}" if origin.cell else where,
        path=origin.notebook,
        server_path=None if origin.notebook is None else places.named(root / origin.notebook),
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
