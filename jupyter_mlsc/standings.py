"""How artifacts stand now: verdicts on names, made anew only where something that they rest on changed.

For faces that show many artifacts again and again. Rules kept: bytes are taken to be the same only while device, inode, size, mtime and ctime are
and the ctime is older than two seconds, by this process's own memory and no file's; a verdict is dropped when the ledger has anything new that
could bear on it, and after some minutes, since rules have ages too. No gate asks here: what lets bytes through judges them itself.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.chronicle import RUN_KINDS, News
from jupyter_mlsc.digest_cache import RACY_NS
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.format_choice import families_of, identify_path, mismatch_faults
from jupyter_mlsc.judging import target_of

if TYPE_CHECKING:
    from jupyter_mlsc.gathering import Gatherer
    from jupyter_mlsc.judging import Judge
    from jupyter_mlsc.policy import Policy
    from jupyter_mlsc.verdict import Verdict

KEPT_FOR = timedelta(minutes=5)
"""How long a verdict is kept at most: by the clock alone it changes when a signature grows too old or an exception ends."""

MOST_MEASUREMENTS = 200_000
"""Measurements that are kept, of some 300 bytes each; then all are dropped."""

UNASKED = 64 << 20
"""Bytes that are hashed for one look without anybody having asked for it; larger files are measured when somebody waits for them."""

MOST_JUDGED = 150
"""Names that are judged for one look: each takes some milliseconds, and somebody waits. What is kept is not counted."""

_BESIDE = (".sig", ".claims.jsonl")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one name stands. ``verdict`` and ``digest`` are None unless ``state`` is ``judged``; ``why`` says what was wrong with the file."""

    state: Literal["judged", "missing", "unreadable", "unmeasured"]
    verdict: Verdict | None = None
    digest: Digest | None = None
    why: str = ""


@dataclass
class Budget:
    """Bytes that may still be hashed, and names that may still be judged, in one look; None for no limit."""

    left: int | None = UNASKED
    judgements: int | None = MOST_JUDGED

    @classmethod
    def endless(cls) -> Budget:
        """For who waits as long as it takes."""
        return cls(None, None)

    def spend(self, size: int) -> bool:
        """Whether a name may be judged for which so much must be hashed, and then it is."""
        if (self.left is not None and size > self.left) or self.judgements == 0:
            return False
        self.left = None if self.left is None else self.left - size
        self.judgements = None if self.judgements is None else self.judgements - 1
        return True


class _Measured:
    """The memory of measurements that `digests.measure` asks."""

    def __init__(self) -> None:
        self._known: dict[FileIdentity, Measurement] = {}

    def recall(self, identities: Sequence[FileIdentity]) -> Sequence[Measurement | None]:
        now = time.time_ns()
        return [self._known.get(each) if now - each.ctime_ns > RACY_NS else None for each in identities]

    def learn(self, measured: Iterable[tuple[FileIdentity, Measurement]]) -> None:
        now = time.time_ns()
        if len(self._known) > MOST_MEASUREMENTS:
            self._known.clear()
        self._known.update((identity, each) for identity, each in measured if now - identity.ctime_ns > RACY_NS)


@dataclass(frozen=True, slots=True)
class _Kept:
    standing: Standing
    seen: tuple[FileIdentity | None, ...]
    at: datetime
    names: tuple[str, ...]


@dataclass
class Standings:
    """Verdicts on names of one project. One thread at a time."""

    root: Path
    policy: Policy
    judge: Judge
    gatherer: Gatherer
    _measured: _Measured = field(default_factory=_Measured)
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def of(self, name: str, budget: Budget) -> Standing:
        """How what lies under a name of the project stands. Names that lie outside and that no rule governs are not looked at: ``missing``."""
        return self.of_each([name], budget)[name]

    def of_each(self, names: Iterable[str], budget: Budget) -> dict[str, Standing]:
        """`of` for many names: what is to be judged anew is measured, and what speaks of it asked for, together."""
        found: dict[str, Standing] = {}
        new: dict[str, tuple[FileIdentity | None, ...]] = {}
        around: dict[str, frozenset[str]] = {}
        root, now, clock = os.fspath(self.root), self.judge.now(), time.time_ns()
        for name in dict.fromkeys(names):
            found[name] = Standing("missing")
            path = os.path.join(root, name)
            if not self._is_ours(name) or (status := _stat(path)) is None:
                continue
            identity, is_file = FileIdentity.of(status), stat.S_ISREG(status.st_mode)
            seen = (identity, *_beside(path, around))
            kept = self._kept.get(name)
            if kept is not None and is_file and clock - status.st_ctime_ns > RACY_NS and kept.seen == seen and now - kept.at < KEPT_FOR:
                found[name] = kept.standing
            elif budget.spend(status.st_size if is_file and self._measured.recall([identity])[0] is None else 0):
                new[name] = seen
            else:
                found[name] = Standing("unmeasured")
        if len(new) > 1:
            self._prepare(new)
        for name, seen in new.items():
            try:
                found[name], bound = self._judged(self.root / name)
                self._kept[name] = _Kept(found[name], seen, now, bound)
            except ArtifactError as err:
                found[name] = Standing("unreadable", why=err.message)
        return found

    def _prepare(self, names: Iterable[str]) -> None:
        about: list[tuple[str, Digest | None]] = []
        for name in names:
            # What cannot be measured says so when it is judged.
            with suppress(ArtifactError):
                about.append((name, self.measure(name).digest))
        self.gatherer.prepare(about)

    def measure(self, name: str) -> Measurement:
        """Hash what lies under a name, so that the next look knows it. In any thread. Raises ArtifactError."""
        return measure(self.root / name, sha256=True, content_tree=True, memory=self._measured)

    def tell(self, news: News) -> None:
        """The ledger has grown: drop the verdicts that the new entries could bear on."""
        about = [(name, digest) for kind, name, digest in news.subjects if kind not in RUN_KINDS or kind == "write"]
        if not about:
            return
        if any(kind not in RUN_KINDS | {"signature", "oms-signature", "review"} for kind in news.kinds):
            self._kept.clear()
            return
        names, digests = {name for name, _ in about}, {digest for _, digest in about}
        # On the name itself, on a tree that holds it, on what lies in it.
        trees = names.union(*(_parents(name) for name in names))
        for kept_name, kept in list(self._kept.items()):
            if str(kept.standing.digest) in digests or any(own in trees or not names.isdisjoint(_parents(own)) for own in kept.names):
                del self._kept[kept_name]

    def forget(self) -> None:
        """Drop all verdicts: claim files or something else changed that is not followed by name."""
        self._kept.clear()

    def _is_ours(self, name: str) -> bool:
        inside = not name.startswith(("/", "../")) and name not in ("", ".", "..")
        return inside or self.policy.governs(name)

    def _judged(self, path: Path) -> tuple[Standing, tuple[str, ...]]:
        target = target_of(self.root, path, self.policy)
        measured = measure(target.path, sha256=True, content_tree=True, memory=self._measured)
        identified = identify_path(target.asked, target.path)
        verdict = self.judge.judge(target, measured, lambda: measured, families=families_of(identified), faults=mismatch_faults(identified, target.asked))
        return Standing("judged", verdict, verdict.digest), target.names


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _beside(path: str, around: dict[str, frozenset[str]]) -> Iterator[FileIdentity | None]:
    """Which statements lie beside an artifact. ``around`` are the names in folders that were looked at: most of thousands of files have none beside them."""
    folder, name = os.path.split(path)
    if folder not in around:
        try:
            around[folder] = frozenset(each for each in os.listdir(folder) if each.endswith(_BESIDE))
        except OSError:
            around[folder] = frozenset()
    for suffix in _BESIDE:
        status = _stat(path + suffix) if name + suffix in around[folder] else None
        yield None if status is None else FileIdentity.of(status)


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
