"""What came from what: a graph over provenance statements. Pure: it is handed typed statements and asked for ancestors.

An artifact is a node by its name and digest. A later statement about the same bytes under the same name replaces an earlier one, since it
is the newer word on how they were made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jupyter_mlsc.artifacts import Digest


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that made an artifact: ids and paths only."""

    run: str
    notebook: str | None
    cell: str | None
    tier: str
    at: datetime
    signer: str | None


@dataclass(frozen=True, slots=True)
class InputEdge:
    """One input as the run recorded it: name, digest, the cell that read it, the verdict at that moment."""

    path: str
    digest: Digest
    cell: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Production:
    """How one artifact was made."""

    path: str
    digest: Digest
    origin: Origin
    inputs: tuple[InputEdge, ...]
    precise: bool


@dataclass(frozen=True, slots=True)
class LineageNode:
    """An artifact with what it was made from, to the depth that was asked for; ``origin`` is None where no run is known."""

    path: str
    digest: Digest | None
    origin: Origin | None = None
    inputs: tuple[tuple[InputEdge, LineageNode], ...] = ()
    precise: bool = True


class LineageGraph:
    """Productions by (name, digest), and by digest alone for artifacts that were copied or renamed."""

    def __init__(self, productions: Iterable[Production]) -> None:
        self._by_name: dict[tuple[str, Digest], Production] = {}
        self._by_digest: dict[Digest, Production] = {}
        for made in sorted(productions, key=lambda p: p.origin.at):
            self._by_name[made.path, made.digest] = made
            self._by_digest[made.digest] = made

    def ancestors(self, path: str, digest: Digest | None, *, depth: int) -> LineageNode:
        """The artifact and ``depth`` levels of what it was made from. A cycle (a file read and overwritten) ends where it closes."""
        return self._walk(path, digest, depth, frozenset())

    def _walk(self, path: str, digest: Digest | None, depth: int, above: frozenset[Digest]) -> LineageNode:
        made = None if digest is None else self._by_name.get((path, digest)) or self._by_digest.get(digest)
        if made is None or digest is None or digest in above:
            return LineageNode(path, digest)
        if depth <= 0:
            return LineageNode(path, digest, made.origin, (), made.precise)
        seen = above | {digest}
        inputs = tuple((edge, self._walk(edge.path, edge.digest, depth - 1, seen)) for edge in made.inputs)
        return LineageNode(path, digest, made.origin, inputs, made.precise)
