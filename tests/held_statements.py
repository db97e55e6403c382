"""Statements for the tests of walks and drawings, held in memory: productions by what was made and by what was used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from jupyter_mlsc.artifacts import MOST_ARTIFACTS, Digest
from jupyter_mlsc.lineage import After, Artifact, Before, Impact, LineageNode, Mark, Production, Walk, impact_tree, lineage_tree


class HeldStatements:
    """Productions by (name, digest), by digest alone for artifacts that were copied or renamed, and by the digests that they were made from."""

    def __init__(self, productions: Iterable[Production], revoked: Callable[[Digest], bool] = lambda digest: False) -> None:
        self._revoked = revoked
        self._by_name: dict[Artifact, Production] = {}
        self._by_digest: dict[Digest, Production] = {}
        self._read: dict[str, dict[Digest, None]] = {}
        self._uses: dict[Digest, dict[Artifact, Production]] = {}
        for made in sorted(productions, key=lambda p: p.origin.at):
            self._by_name[made.artifact] = made
            if made.edge_from(made.digest) is None:
                self._by_digest[made.digest] = made
            for edge in made.inputs:
                versions = self._read.setdefault(edge.path, {})
                versions.pop(edge.digest, None)  # the newest stands last
                versions[edge.digest] = None
                self._uses.setdefault(edge.digest, {})[made.artifact] = made

    def ancestors(self, path: str, digest: Digest | None, *, depth: int, most: int = MOST_ARTIFACTS) -> LineageNode:
        """The artifact and ``depth`` levels of what it was made from."""
        return lineage_tree(Walk(self, Artifact(path, digest), "lineage", depth=depth, most=most))

    def descendants(self, path: str, digest: Digest, *, depth: int, most: int = MOST_ARTIFACTS) -> Impact:
        """The artifact and ``depth`` levels of what was made from it."""
        others = tuple(other for other in self._read.get(path, {}) if other != digest)
        return impact_tree(Walk(self, Artifact(path, digest), "impact", depth=depth, most=most), others)

    def before(self, artifacts: Sequence[Artifact], most: int) -> Mapping[Artifact, Before]:
        """As `Statements.before`."""
        del most
        return {each: Before(self._making(each)) for each in artifacts}

    def after(self, digests: Sequence[Digest], most: int) -> Mapping[Digest, After]:
        """As `Statements.after`."""
        found = {}
        for digest in digests:
            made = sorted(self._uses.get(digest, {}).values(), key=lambda each: (each.origin.at, each.path))
            found[digest] = After(tuple(made[:most]), left=max(0, len(made) - most))
        return found

    def with_more_after(self, digests: Sequence[Digest]) -> Collection[Digest]:
        """As `Statements.with_more_after`."""
        return {each for each in digests if each in self._uses}

    def marks(self, digests: Sequence[Digest]) -> Mapping[Digest, Mark]:
        """As `Statements.marks`."""
        return {each: Mark(self._revoked(each)) for each in digests}

    def _making(self, artifact: Artifact) -> Production | None:
        return self._by_name.get(artifact) or (None if artifact.digest is None else self._by_digest.get(artifact.digest))
