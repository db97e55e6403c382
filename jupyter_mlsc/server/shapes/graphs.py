"""The graph of what came from what: nodes and edges."""

from __future__ import annotations

from typing import Literal

from jupyter_mlsc.server.shapes.base import Answer, VerdictWord


class Node(Answer, frozen=True):
    """An artifact, or the cell of a run that stands between artifacts. ``level`` counts from the artifact that was asked for, downstream up."""

    id: str
    type: Literal["artifact", "cell"]
    label: str
    path: str | None
    server_path: str | None
    digest: str | None
    kind: str | None
    level: int
    revoked: bool
    verdict: VerdictWord | None
    """As the run recorded it; null where none did."""
    more: bool
    """There is more behind it: ask for it by its digest."""
    notebook: str | None
    cell: str | None
    run: str | None
    tier: str | None
    at: str | None
    signer: str | None


class Edge(Answer, frozen=True):
    """From what was used to what used it. ``precise`` is false where the link is 'all that was read before'."""

    source: str
    target: str
    verdict: VerdictWord | None
    precise: bool


class Graph(Answer, frozen=True):
    """A neighbourhood: ``root`` is the id of the node that was asked for."""

    root: str
    direction: Literal["lineage", "impact"]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left: int
    """Nodes beyond the most that are sent."""
