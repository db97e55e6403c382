"""The walk over the graph, level by level: what was met, how it hangs together, and what was left out.

Rules kept: each level is asked for at once; nothing is opened twice, so that a cycle ends and ways that meet cost nothing; the walk is bounded in depth and in
number. A folder leads to its files, and a file to the folders that it lies in, but never by way of a folder to the files beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from jupyter_mlsc.artifacts import MOST_ARTIFACTS, Digest
from jupyter_mlsc.lineage.values import Artifact, Mark, Omitted, Production

Direction = Literal["lineage", "impact"]
"""Towards what was used, or towards what was made."""


@dataclass(frozen=True, slots=True)
class Before:
    """What an artifact was made from: by a run; the files of a folder that runs made; the folders that a file lies in."""

    production: Production | None = None
    files: tuple[Artifact, ...] = ()
    folders: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class After:
    """What was made from bytes, each version as the newest run made it, oldest first; files of a folder that runs used; folders that a file lies in.

    ``left`` counts what is known besides, beyond what was asked for.
    """

    productions: tuple[Production, ...] = ()
    files: tuple[Artifact, ...] = ()
    folders: tuple[Artifact, ...] = ()
    left: int = 0


class Statements(Protocol):
    """Where statements about artifacts are found, many artifacts at once. What is not in an answer has nothing."""

    def before(self, artifacts: Sequence[Artifact], most: int) -> Mapping[Artifact, Before]:
        """How artifacts were made; ``most`` bounds the files of folders."""

    def after(self, digests: Sequence[Digest], most: int) -> Mapping[Digest, After]:
        """What was made from bytes; at most about so much."""

    def with_more_after(self, digests: Sequence[Digest]) -> Collection[Digest]:
        """Those of these bytes from which something was made."""

    def marks(self, digests: Sequence[Digest]) -> Mapping[Digest, Mark]:
        """What else is to be said of bytes."""


Relation = Literal["made", "part"]
"""How two artifacts hang together: one was made from the other by a run, or a file lies in a folder."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk: to which artifact, how, and by which statement; ``goes_down`` where its files may be looked at, if it is a folder."""

    to: Artifact
    relation: Relation
    production: Production | None = None
    goes_down: bool = True


@dataclass(slots=True)
class Met:
    """An artifact where the walk met it first."""

    level: int
    above: Artifact | None
    production: Production | None = None
    steps: list[Step] = field(default_factory=list)
    omitted: Omitted | None = None


class Walk:
    """From one artifact in one direction. ``met`` is in the order in which things were met."""

    def __init__(
        self, statements: Statements, root: Artifact, direction: Direction, *, depth: int, most: int = MOST_ARTIFACTS, more: tuple[Production, ...] = ()
    ) -> None:
        """Walk. ``more`` is what was made by the root where it is a notebook or a script, which only a name tells."""
        self.root = root
        self.direction = direction
        self.met: dict[Artifact, Met] = {root: Met(0, None)}
        self.openers: dict[object, Artifact] = {}
        self._statements = statements
        self._most = most
        self._more = more
        self._left = 0
        self._left_out: set[Artifact] = set()
        self._gone_down: set[object] = set()
        level, current = 0, [(root, True)]
        while current:
            current = self._backwards(current, level, last=level >= depth) if direction == "lineage" else self._onwards(current, level, last=level >= depth)
            level += 1
        self.marks = statements.marks(list(dict.fromkeys(each.digest for each in self.met if each.digest is not None)))

    def opens(self, artifact: Artifact) -> bool:
        """Whether what lies behind an artifact is listed here, and not where the same bytes were met first."""
        return self.openers.get(self._key(artifact)) == artifact

    @property
    def left(self) -> int:
        """How many artifacts are known that the limit left out; behind them may be more."""
        return self._left + len(self._left_out - self.met.keys())

    def mark(self, digest: Digest | None) -> Mark:
        """What else is to be said of bytes."""
        return _PLAIN if digest is None else self.marks.get(digest, _PLAIN)

    def has_more(self, artifact: Artifact) -> bool:
        """Whether something lies behind an artifact, wherever it is listed."""
        opener = self.met.get(self.openers.get(self._key(artifact), artifact))
        return opener is not None and bool(opener.steps or opener.omitted)

    def _key(self, artifact: Artifact) -> object:
        """What is opened once: backwards an artifact, since the name tells how it was made; onwards its bytes."""
        return artifact if self.direction == "lineage" else artifact.digest

    def _backwards(self, current: list[tuple[Artifact, bool]], level: int, *, last: bool) -> list[tuple[Artifact, bool]]:
        found = self._statements.before([artifact for artifact, _ in current], self._most)
        following: list[tuple[Artifact, bool]] = []
        for artifact, goes_down in current:
            before, met = found.get(artifact, Before()), self.met[artifact]
            steps: list[Step] = []
            if self._opens_now(artifact):
                met.production = before.production
                if before.production is not None:
                    steps = [Step(Artifact(edge.path, edge.digest), "made", before.production) for edge in before.production.inputs]
                if before.production is None:
                    steps += [Step(folder, "part", goes_down=False) for folder in before.folders]
            if goes_down and self._goes_down_now(artifact):
                steps += [Step(file, "part") for file in before.files]
            self._take(artifact, steps, level, following, last=last)
        return following

    def _onwards(self, current: list[tuple[Artifact, bool]], level: int, *, last: bool) -> list[tuple[Artifact, bool]]:
        following: list[tuple[Artifact, bool]] = []
        if last:
            more = self._statements.with_more_after([each.digest for each, _ in current if each.digest is not None])
            for artifact, _ in current:
                if self._opens_now(artifact) and (artifact.digest in more or (artifact == self.root and self._more)):
                    self.met[artifact].omitted = "depth"
            return following
        found = self._statements.after([each.digest for each, _ in current if each.digest is not None], max(1, self._most - len(self.met) + 1))
        for artifact, goes_down in current:
            after = found.get(artifact.digest, After()) if artifact.digest is not None else After()
            steps: list[Step] = []
            if self._opens_now(artifact):
                made_of_it = {made.artifact: made for made in (*(self._more if artifact == self.root else ()), *after.productions)}
                steps = [Step(to, "made", made) for to, made in made_of_it.items()]
                steps += [Step(folder, "part", goes_down=False) for folder in after.folders]
                if after.left:
                    self.met[artifact].omitted = "limit"
                    self._left += after.left
            if goes_down and self._goes_down_now(artifact):
                steps += [Step(file, "part") for file in after.files]
            self._take(artifact, steps, level, following, last=False)
        return following

    def _opens_now(self, artifact: Artifact) -> bool:
        return self.openers.setdefault(self._key(artifact), artifact) == artifact and not self.met[artifact].steps

    def _goes_down_now(self, artifact: Artifact) -> bool:
        key = self._key(artifact)
        if key in self._gone_down:
            return False
        self._gone_down.add(key)
        return True

    def _take(self, artifact: Artifact, steps: list[Step], level: int, following: list[tuple[Artifact, bool]], *, last: bool) -> None:
        met = self.met[artifact]
        if last:
            if steps:
                met.omitted = "depth"
            return
        for step in steps:
            if step.to not in self.met:
                if len(self.met) >= self._most:
                    met.omitted = "limit"
                    self._left_out.add(step.to)
                    continue
                self.met[step.to] = Met(level + 1, artifact)
                following.append((step.to, step.goes_down))
            elif step.goes_down and self._key(step.to) not in self._gone_down and step.to.digest is not None and step.to.digest.algorithm == "dirhash":
                following.append((step.to, True))
            met.steps.append(step)


_PLAIN = Mark()
