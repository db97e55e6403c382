"""How artifacts stand now: verdicts on names, made anew only where something that they rest on changed.

For faces that show many artifacts again and again. Rules kept: bytes are taken to be the same only while device, inode, size, mtime and ctime are
and the ctime is older than two seconds, by this process's own memory and no file's; a verdict is dropped when the ledger has anything new that
could bear on it, and after some minutes, since rules have ages too. No gate asks here: what lets bytes through judges them itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
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
        path = self.root / name
        if not self._is_ours(name):
            return Standing("missing")
        try:
            status = os.stat(path)
        except OSError:
            return Standing("missing")
        seen = (FileIdentity.of(status), *(_identity(Path(f"{path}{suffix}")) for suffix in _BESIDE))
        kept, now = self._kept.get(name), self.judge.now()
        settled = time.time_ns() - status.st_ctime_ns > RACY_NS
        is_file = os.path.isfile(path)
        if kept is not None and is_file and settled and kept.seen == seen and now - kept.at < KEPT_FOR:
            return kept.standing
        identity = seen[0]
        assert identity is not None  # just made
        unknown = is_file and self._measured.recall([identity])[0] is None
        if not budget.spend(status.st_size if unknown else 0):
            return Standing("unmeasured")
        try:
            standing, names = self._judged(path)
        except ArtifactError as err:
            return Standing("unreadable", why=err.message)
        self._kept[name] = _Kept(standing, seen, now, names)
        return standing

    def measure(self, name: str) -> None:
        """Hash what lies under a name, so that the next look knows it. In any thread. Raises ArtifactError."""
        measure(self.root / name, sha256=True, content_tree=True, memory=self._measured)

    def tell(self, news: News) -> None:
        """The ledger has grown: drop the verdicts that the new entries could bear on."""
        about = [(name, digest) for kind, name, digest in news.subjects if kind not in RUN_KINDS or kind == "write"]
        if not about:
            return
        if any(kind not in RUN_KINDS | {"signature", "oms-signature", "review"} for kind in news.kinds):
            self._kept.clear()
            return
        names, digests = {name for name, _ in about}, {digest for _, digest in about}
        for kept_name in [each for each, kept in self._kept.items() if _bears_on(kept, names, digests)]:
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


def _identity(path: Path) -> FileIdentity | None:
    try:
        return FileIdentity.of(os.stat(path))
    except OSError:
        return None


def _bears_on(kept: _Kept, names: set[str], digests: set[str]) -> bool:
    """Whether statements about these names and digests may change a verdict: on the name, on a tree that holds it, on what lies in it."""
    if str(kept.standing.digest) in digests:
        return True
    return any(own == name or own.startswith(f"{name}/") or name.startswith(f"{own}/") for own in kept.names for name in names)
