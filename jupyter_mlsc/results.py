"""What the verbs give back: frozen values that every face shows in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.profiles import DatasetFacts
from jupyter_mlsc.replays import EQUAL, WITHIN, ReplayBody
from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.verdict import Decision, Reason, Verdict

if TYPE_CHECKING:
    from jupyter_mlsc.attestation import Statement
    from jupyter_mlsc.ledger import Entry
    from jupyter_mlsc.scan.finding import Finding
    from jupyter_mlsc.story import NotebookStory, RecordedRun, Touch


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load gave: the value, and the verdict under which it was let through."""

    value: object
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save wrote: name, digest, format, the inputs that were recorded, and how the policy judges the result."""

    path: str
    digest: Digest
    format: str
    inputs: tuple[str, ...]
    verdict: Verdict
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature: ``index`` is its ledger entry, None where another user keeps the ledger; ``verdict`` is the policy's on the result.

    Where the policy does not name the key (``named``), the signature is written down and counts for nothing.
    """

    path: str
    digest: Digest
    kind: str
    signer: str
    key: str
    index: int | None
    verdict: Verdict | None
    named: bool = True
    profile: DatasetFacts | None = None
    """What the profile that was signed with it says of the data set."""
    unprofiled: str = ""
    """Why a data set has no profile, where it should have one."""
    findings: tuple[Finding, ...] = ()
    """What was found by the scan that went before, where there was one."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was signed: what (`approved`, `rejected`, `revoked`, `overridden`, `promoted`), about what, by whom, and how things stand now.

    ``index`` is its ledger entry, None where another user keeps the ledger. ``done`` is false for a promotion that waits for others; it was
    ``recorded`` unless something else than others' agreement is missing too.
    """

    decision: str
    path: str
    digests: tuple[Digest, ...]
    signer: str
    key: str
    at: datetime
    why: str
    index: int | None
    verdict: Verdict | None = None
    until: datetime | None = None
    source: str | None = None
    done: bool = True
    recorded: bool = True
    seen: int = 0
    """Inputs and outputs of a notebook that the decision is bound to."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded run that was run again, as the signed statement says it; ``signer`` is the run identity, or None where the policy names no such key.

    ``why_not`` says of outputs that differ why nothing can be said of how much. ``other_versions`` are distributions that are not what they were.
    """

    body: ReplayBody
    signer: str | None
    index: int | None
    why_not: Mapping[str, str]
    other_versions: tuple[str, ...]
    error: str | None
    kept: str | None = None
    """The folder that the replay was made in, where it was kept."""

    @property
    def is_same(self) -> bool:
        """True where every output came out the same, or within the tolerance."""
        return self.body.result in (EQUAL, WITHIN)


@dataclass(frozen=True, slots=True)
class Status:
    """The project at a glance; ``rows`` are labelled facts for a person, ``document`` the same for a program."""

    rows: tuple[tuple[str, str], ...]
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RowSeen:
    """A read or write on record beside how the artifact stands now. ``verdict`` is None unless ``state`` is ``judged``; then ``decision`` is on record."""

    touch: Touch
    verdict: Verdict | None
    decision: Decision
    state: Literal["judged", "missing", "unreadable", "unmeasured"]
    reasons: tuple[Reason, ...]
    changed: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class NotebookOverview:
    """A notebook at a glance; ``runs`` are all of its runs, newest first, ``chosen`` the one that is shown, ``own`` the verdict on its file.

    ``decision`` is the strictest of its verdicts, ``headline`` says so in a sentence, ``failing`` has each reason that fails once.
    """

    decision: Decision
    headline: str
    failing: tuple[Reason, ...]
    story: NotebookStory
    chosen: RecordedRun | None
    runs: tuple[RecordedRun, ...]
    rows: tuple[RowSeen, ...]
    own: Verdict | None


@dataclass(frozen=True, slots=True)
class StatementSeen:
    """A statement about an artifact: where it stands, what it says, and each signature's key with whether it holds. ``problem`` is why it cannot be read."""

    predicate_type: str
    envelope: str
    source: str
    subjects: tuple[tuple[str, str], ...]
    statement: Statement | None = None
    signatures: tuple[tuple[str, bool], ...] = ()
    entry: Entry | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """Bytes that were once signed, read or written under a name; ``at`` is RFC 3339, ``kind`` the ledger's."""

    digest: str
    at: str
    kind: str
    by: str | None


@dataclass(frozen=True, slots=True)
class ArtifactEvidence:
    """All that is on record of some bytes, newest first; ``left`` counts statements that are not in it."""

    digest: Digest
    name: str | None
    statements: tuple[StatementSeen, ...]
    left: int
    versions: tuple[VersionSeen, ...]


@dataclass(frozen=True, slots=True)
class SaveJudged:
    """A notebook that is about to be saved: ``decision`` by its rule and mode, with the reason where it blocks or warns."""

    decision: Decision
    findings: tuple[Finding, ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Entitled:
    """Whether this user may do something here; ``why`` says why not."""

    allowed: bool
    why: str = ""
