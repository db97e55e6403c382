"""What came from what: a graph over provenance statements. Pure: it is handed typed statements and asked for ancestors and descendants.

Rules kept: an artifact is a node by its name and digest. For what it was made from, a later statement about the same bytes under the same name
replaces an earlier one, since it is the newer word on how they were made. For what was made from it every statement counts, and bytes are the
same bytes under whatever name they were read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

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


Omitted = Literal["repeated", "depth"]
"""Why what was made from an artifact is not listed under it: it is listed where the same bytes stand first, or lies deeper than was asked for."""


@dataclass(frozen=True, slots=True)
class ImpactNode:
    """An artifact with what was made from it. ``origin`` is the newest run that made it from what it stands under; None for the one that was asked about."""

    path: str
    digest: Digest
    origin: Origin | None = None
    outputs: tuple[ImpactNode, ...] = ()
    omitted: Omitted | None = None
    revoked: bool = False
    precise: bool = True


@dataclass(frozen=True, slots=True)
class Impact:
    """What was made from an artifact. ``other_versions`` are other bytes that runs used under its name, from which something was made as well."""

    artifact: ImpactNode
    other_versions: tuple[Digest, ...] = ()


class LineageGraph:
    """Productions by (name, digest), by digest alone for artifacts that were copied or renamed, and by the digests that they were made from."""

    def __init__(self, productions: Iterable[Production]) -> None:
        self._by_name: dict[tuple[str, Digest], Production] = {}
        self._by_digest: dict[Digest, Production] = {}
        self._made: dict[str, Digest] = {}
        self._read: dict[str, dict[Digest, None]] = {}
        self._names_read: dict[Digest, str] = {}
        self._uses: dict[Digest, dict[tuple[str, Digest], Production]] = {}
        for made in sorted(productions, key=lambda p: p.origin.at):
            self._by_name[made.path, made.digest] = made
            self._by_digest[made.digest] = made
            self._made[made.path] = made.digest
            for edge in made.inputs:
                versions = self._read.setdefault(edge.path, {})
                versions.pop(edge.digest, None)  # the newest stands last
                versions[edge.digest] = None
                self._names_read.setdefault(edge.digest, edge.path)
                self._uses.setdefault(edge.digest, {})[made.path, made.digest] = made

    def newest_made(self, name: str) -> Digest | None:
        """The bytes that were made last under a name."""
        return self._made.get(name)

    def newest_read(self, name: str) -> Digest | None:
        """The bytes under a name that were the last from which something was made."""
        return next(reversed(self._read.get(name, {})), None)

    def name_of(self, digest: Digest) -> str | None:
        """The name under which bytes were made last, or used first; None where nothing mentions them."""
        made = self._by_digest.get(digest)
        return self._names_read.get(digest) if made is None else made.path

    def ancestors(self, path: str, digest: Digest | None, *, depth: int) -> LineageNode:
        """The artifact and ``depth`` levels of what it was made from. A cycle (a file read and overwritten) ends where it closes."""
        return self._walk(path, digest, depth, frozenset())

    def descendants(self, path: str, digest: Digest, *, depth: int, revoked: Callable[[Digest], bool] = lambda digest: False) -> Impact:
        """The artifact and ``depth`` levels of what was made from it; ``revoked`` says of which bytes that is to be marked.

        What was made from the same bytes is listed once, at the least depth: so the answer is never larger than the graph, and a cycle ends.
        """
        listed: dict[Digest, tuple[int, Digest | None, str]] = {digest: (0, None, path)}
        waiting = deque([digest])
        while waiting:
            current = waiting.popleft()
            level = listed[current][0]
            for made in self._outputs(current) if level < depth else ():
                if made.digest not in listed:
                    listed[made.digest] = (level + 1, current, made.path)
                    waiting.append(made.digest)

        def node(made: Production, level: int, parent: Digest) -> ImpactNode:
            first = listed[made.digest] == (level, parent, made.path)
            outputs, omitted = below(made.digest, level) if first else ((), "repeated" if made.digest in self._uses else None)
            return ImpactNode(made.path, made.digest, made.origin, outputs, omitted, revoked(made.digest), made.precise)

        def below(above: Digest, level: int) -> tuple[tuple[ImpactNode, ...], Omitted | None]:
            if level >= depth:
                return (), "depth" if above in self._uses else None
            return tuple(node(made, level + 1, above) for made in self._outputs(above)), None

        outputs, omitted = below(digest, 0)
        others = tuple(other for other in self._read.get(path, {}) if other != digest)
        return Impact(ImpactNode(path, digest, None, outputs, omitted, revoked(digest)), others)

    def _outputs(self, digest: Digest) -> Iterator[Production]:
        """What was made from these bytes, each version once, as the newest run made it from them; oldest first."""
        return iter(sorted(self._uses.get(digest, {}).values(), key=lambda made: (made.origin.at, made.path)))

    def _walk(self, path: str, digest: Digest | None, depth: int, above: frozenset[Digest]) -> LineageNode:
        made = None if digest is None else self._by_name.get((path, digest)) or self._by_digest.get(digest)
        if made is None or digest is None or digest in above:
            return LineageNode(path, digest)
        if depth <= 0:
            return LineageNode(path, digest, made.origin, (), made.precise)
        seen = above | {digest}
        inputs = tuple((edge, self._walk(edge.path, edge.digest, depth - 1, seen)) for edge in made.inputs)
        return LineageNode(path, digest, made.origin, inputs, made.precise)
