"""The statements as a walk asks for them: entries that the index names, opened and looked at again, many artifacts at once.

Rules kept: a row of the index that its statement does not bear out is no answer; of statements on the same version the newest counts; under another
name a copy of the same bytes tells nothing of where they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.ledger import graph_queries
from jupyter_mlsc.ledger.index import key_of
from jupyter_mlsc.lineage import After, Artifact, Before, Mark, Production
from jupyter_mlsc.provenance.rows import key_of_notebook

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from jupyter_mlsc.provenance.reading import Provenance

MOST_BEHIND = 50_000
"""Artifacts that are looked at behind those of one answer, for revoked ones among them."""
_TRIED = 50
"""Statements on the same bytes that are opened before the rest of them is left."""

_T = TypeVar("_T")
_P = ParamSpec("_P")


class Question:
    """The statements as a walk asks for them, in one state of the ledger."""

    def __init__(self, known: Provenance, connections: Sequence[Connection]) -> None:
        self._read_by = known
        self._connections = connections

    def before(self, artifacts: Sequence[Artifact], most: int) -> Mapping[Artifact, Before]:
        """As `lineage.Statements.before`."""
        digests = {key_of(str(each.digest)): each.digest for each in artifacts if each.digest is not None}
        making: dict[bytes, list[tuple[bytes, int]]] = {}
        for _, entry, digest, name in sorted(self._each(graph_queries.makings, digests), reverse=True):
            making.setdefault(digest, []).append((name, entry))
        first = {each: self._in_order(each, making) for each in artifacts}
        self._read_by.read(entries[0] for entries in first.values() if entries)
        found = {each: self._making(each, first[each]) for each in artifacts}
        folders = self._folders([each.digest for each in artifacts if found[each] is None and each.digest is not None])
        files = self._files([each.digest for each in artifacts if each.digest is not None], most, made=True)
        nothing: tuple[Artifact, ...] = ()
        return {
            each: Before(made, files.get(each.digest, nothing), folders.get(each.digest, nothing) if made is None else nothing)
            for each, made in found.items()
            if each.digest is not None
        }

    def after(self, digests: Sequence[Digest], most: int) -> Mapping[Digest, After]:
        """As `lineage.Statements.after`."""
        by_key = {key_of(str(each)): each for each in digests}
        used: dict[int, list[bytes]] = {}
        limit = 4 * most + 1  # several statements may be about one version
        count = 0
        for digest, entry in self._each(graph_queries.uses, by_key, limit):
            used.setdefault(entry, []).append(digest)
            count += 1
        newest: dict[bytes, dict[tuple[bytes, bytes], tuple[int, int]]] = {}
        for entry, made, name, at in self._each(graph_queries.outputs, used):
            for digest in used[entry]:
                versions = newest.setdefault(digest, {})
                versions[made, name] = max(versions.get((made, name), (at, entry)), (at, entry))
        chosen = {digest: sorted(versions.values(), reverse=True) for digest, versions in newest.items()}
        read = self._read_by.read(entry for entries in chosen.values() for _, entry in entries[:most])
        folders, files = self._folders(digests), self._files(digests, most, made=False)
        found = {}
        for key, used_one in by_key.items():
            entries = chosen.get(key, [])
            productions = [self._read_by.production(read.get(entry)) for _, entry in entries[:most]]
            told = [each for each in productions if each is not None and each.edge_from(used_one) is not None]
            told.sort(key=lambda each: (each.origin.at, each.path))
            left = max(0, len(entries) - most) or int(count == limit)
            found[used_one] = After(tuple(told), files.get(used_one, ()), folders.get(used_one, ()), left)
        return found

    def with_more_after(self, digests: Sequence[Digest]) -> Collection[Digest]:
        """As `lineage.Statements.with_more_after`."""
        by_key = {key_of(str(each)): each for each in digests}
        used = set(self._each(graph_queries.used_ones, by_key))
        return {by_key[key] for key in used} | set(self._folders(digests))

    def marks(self, digests: Sequence[Digest]) -> Mapping[Digest, Mark]:
        """As `lineage.Statements.marks`."""
        by_key = {key_of(str(each)): each for each in digests}
        said: dict[bytes, list[int]] = {}
        for digest, entry in self._each(graph_queries.words, by_key):
            said.setdefault(digest, []).append(entry)
        read = self._read_by.read(entry for entries in said.values() for entry in entries)
        behind = self._behind_revoked(by_key)
        marks = {}
        for key, marked in by_key.items():
            places = (self._read_by.place(read[entry]) for entry in said.get(key, ()) if entry in read)
            marks[marked] = Mark(self._read_by.is_revoked(marked), key in behind, tuple(each for each in places if each is not None))
        return marks

    def newest_made(self, name: str) -> Production | None:
        """The newest statement on what was made under a name."""
        for _, entry in sorted(self._each(graph_queries.newest_made, key_of(name), _TRIED), reverse=True):
            made = self._read_by.production(self._read_by.read([entry]).get(entry))
            if made is not None and made.path == name:
                return made
        return None

    def versions_read(self, name: str, most: int) -> tuple[Digest, ...]:
        """The bytes that runs used under a name, the newest last."""
        newest = {entry for _, entry in self._each(graph_queries.newest_read, key_of(name), most)}
        read = self._read_by.read(newest)
        found: dict[Digest, None] = {}
        for entry in sorted(newest):
            made = self._read_by.production(read.get(entry))
            for edge in () if made is None else made.inputs:
                if edge.path == name:
                    found.pop(edge.digest, None)
                    found[edge.digest] = None
        return tuple(found)

    def name_of(self, digest: Digest) -> str | None:
        """The name under which bytes were made last, or used first; None where nothing mentions them."""
        made = self.before([Artifact("", digest)], 1).get(Artifact("", digest))
        if made is not None and made.production is not None:
            return made.production.path
        entries = [entry for _, entry in self._each(graph_queries.first_uses, key_of(str(digest)), _TRIED)]
        for entry in entries:
            production = self._read_by.production(self._read_by.read([entry]).get(entry))
            edge = None if production is None else production.edge_from(digest)
            if edge is not None:
                return edge.path
        if made is not None and made.folders:
            return made.folders[0].path
        return self._name_of_folder(digest)

    def made_by_notebook(self, path: str, most: int) -> tuple[Production, ...]:
        """What runs of a notebook or a script made, each version as the newest one made it, oldest first."""
        return self._made_in(key_of_notebook(path), most, lambda made: made.origin.notebook == path)

    def made_in_environment(self, digest: Digest, most: int) -> tuple[Production, ...]:
        """What was made in an environment."""
        return self._made_in(key_of(str(digest)), most, lambda made: made.origin.environment == digest)

    def _made_in(self, key: bytes, most: int, is_meant: Callable[[Production], bool]) -> tuple[Production, ...]:
        entries = sorted(self._each(graph_queries.made_in, key, most))
        read = self._read_by.read(entries)
        found: dict[Artifact, Production] = {}
        for entry in entries:
            made = self._read_by.production(read.get(entry))
            if made is not None and is_meant(made):
                found[made.artifact] = made
        return tuple(sorted(found.values(), key=lambda made: (made.origin.at, made.path)))

    def _each(self, ask: Callable[Concatenate[Connection, _P], Iterable[_T]], *keys: _P.args, **more: _P.kwargs) -> list[_T]:
        """One question, asked of the ledger's index and of that of the claim files."""
        return [each for connection in self._connections for each in ask(connection, *keys, **more)]

    def _in_order(self, artifact: Artifact, making: Mapping[bytes, list[tuple[bytes, int]]]) -> list[int]:
        """The statements on how an artifact was made: those under its own name first, the newest first."""
        found, name = making.get(key_of(str(artifact.digest)), []), key_of(artifact.path)
        return [entry for each, entry in found if each == name] + [entry for each, entry in found if each != name]

    def _making(self, artifact: Artifact, entries: Sequence[int]) -> Production | None:
        for entry in entries[:_TRIED]:
            made = self._read_by.production(self._read_by.read([entry]).get(entry))
            # Under another name, a copy of these bytes tells nothing of where they came from.
            if made is not None and made.digest == artifact.digest and (made.path == artifact.path or made.edge_from(made.digest) is None):
                return made
        return None

    def _folders(self, digests: Iterable[Digest]) -> dict[Digest, tuple[Artifact, ...]]:
        by_key = {key_of(str(each)): each for each in digests if each.algorithm == "sha256"}
        rows = self._each(graph_queries.wholes, by_key) if by_key else []
        read = self._read_by.read(entry for *_, entry in rows)
        found: dict[Digest, dict[Artifact, None]] = {}
        for file, tree, entry in rows:
            folder = self._read_by.folder(read.get(entry))
            digest = by_key[file]
            if folder is not None and key_of(str(folder[0].digest)) == tree and digest.hex in folder[1]:
                found.setdefault(digest, {})[folder[0]] = None
        return {digest: tuple(folders) for digest, folders in found.items()}

    def _files(self, digests: Iterable[Digest], most: int, *, made: bool) -> dict[Digest, tuple[Artifact, ...]]:
        by_key = {key_of(str(each)): each for each in digests if each.algorithm == "dirhash"}
        rows = self._each(graph_queries.parts, by_key, most, made=made) if by_key else []
        read = self._read_by.read(entry for *_, entry in rows)
        found: dict[Digest, dict[Artifact, None]] = {}
        wanted: dict[tuple[Digest, int], set[bytes]] = {}
        for tree, file, entry in rows:
            wanted.setdefault((by_key[tree], entry), set()).add(file)
        for (digest, entry), keys in wanted.items():
            folder = self._read_by.folder(read.get(entry))
            if folder is None or folder[0].digest != digest:
                continue
            for sha256, name in folder[1].items():
                if key_of(f"sha256:{sha256}") in keys:
                    found.setdefault(digest, {})[Artifact(f"{folder[0].path}/{name}", Digest("sha256", sha256))] = None
        return {digest: tuple(sorted(files, key=lambda each: each.path)) for digest, files in found.items()}

    def _name_of_folder(self, digest: Digest) -> str | None:
        for read in self._read_by.read(self._each(graph_queries.entries_of_tree, key_of(str(digest)))).values():
            folder = self._read_by.folder(read)
            if folder is not None and folder[0].digest == digest:
                return folder[0].path
        return None

    def _behind_revoked(self, keys: Collection[bytes]) -> set[bytes]:
        """Those of these digests that were made from revoked ones, by whatever statement and however far behind."""
        revoked = {key_of(str(each)) for each in self._read_by.revocations.digests if self._read_by.is_revoked(each)}
        if not revoked:
            return set()
        came_of: dict[bytes, set[bytes]] = {}
        seen, current = set(keys), set(keys)
        while current and len(seen) < MOST_BEHIND:
            made = {entry: digest for _, entry, digest, _ in self._each(graph_queries.makings, current)}
            behind = {(used, made[entry]) for entry, used in self._each(graph_queries.inputs, made)}
            behind |= {(tree, file) for file, tree, _ in self._each(graph_queries.wholes, current)}
            for used, digest in behind:
                came_of.setdefault(used, set()).add(digest)
            current = {used for used, _ in behind} - seen
            seen |= current
        found: set[bytes] = set()
        waiting = [key for key in came_of if key in revoked]
        while waiting:
            for digest in came_of.get(waiting.pop(), set()) - found:
                found.add(digest)
                waiting.append(digest)
        return found
