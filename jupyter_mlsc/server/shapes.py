"""The wire types of the REST interface: what each route is asked and answers, as msgspec Structs from which the OpenAPI document is made.

Rules kept: names of fields are those of the command line's JSON; paths of artifacts are relative to the project, and ``server_path`` is the same
file as the server's clients name it, null where it lies outside the server's folder; digests are ``sha256:<hex>`` or ``dirhash:<hex>``; times are
RFC 3339 in UTC. Unknown fields of a request are refused, so that a misspelt one is not ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

VerdictWord = Literal["allow", "warn", "block"]
ModeWord = Literal["observe", "warn", "enforce"]
KindWord = Literal["dataset", "model", "notebook", "environment", "config"]
Operation = Literal["read", "write"]
State = Literal["ready", "no-project", "policy-invalid", "ledger-unreadable", "server-supervised"]
Mark = Literal["signed", "changed", "blocked", "warned", "noted", "unknown"]

Path = Annotated[str, Meta(max_length=4096, description="Relative to the server's folder, with '/'.")]
Words = Annotated[str, Meta(min_length=1, max_length=4000, description="What a person says, for others to read.")]
Depth = Annotated[int, Meta(ge=1, le=32, description="Levels of the graph.")]
Size = Annotated[int, Meta(ge=0, le=2**53)]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server answers, or a part of it."""


AnswerT = TypeVar("AnswerT", bound=Answer)


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client asks, in a query or a body."""


# ---- parts -------------------------------------------------------------------------------------------------------------------------------


class Problem(Answer, frozen=True):
    """Every error: a stable code, a sentence that says what happened to what and why, and the next step."""

    code: str
    message: str
    next: str | None


class Reason(Answer, frozen=True):
    """Why a verdict is what it is. A note (``fails`` false) costs nothing."""

    code: str
    message: str
    next: str
    fails: bool


class Signer(Answer, frozen=True):
    """Who stands behind a verdict: an identity of the policy, the key's id, and the time that the statement gives."""

    identity: str | None
    key: str
    at: str


class Decision(Answer, frozen=True):
    """What a person decided: ``approved``, ``rejected``, ``promoted``, ``revoked`` or ``overridden``."""

    decision: str
    by: str
    at: str
    why: str
    until: str | None
    about: str | None


class Judged(Answer, frozen=True):
    """An artifact and the policy's verdict on it, as in ``mlsc verify --json``."""

    path: str
    server_path: str | None
    digest: str | None
    kind: str | None
    verdict: VerdictWord
    verified: bool
    governed: bool
    tier: str | None
    signers: tuple[Signer, ...]
    reasons: tuple[Reason, ...]
    decisions: tuple[Decision, ...]


class Finding(Answer, frozen=True):
    """Something that a scan found, as in ``mlsc scan --json``."""

    path: str
    code: str
    severity: str
    message: str
    where: str | None
    fix: str | None


# ---- status ------------------------------------------------------------------------------------------------------------------------------


class Entitlement(Answer, frozen=True):
    """Whether this server's user may do something here, and, where not, why not in words."""

    allowed: bool
    why: str


class Entitlements(Answer, frozen=True):
    """Who may do what: each write asks the policy again when it is made."""

    sign: Entitlement
    review: Entitlement
    revoke: Entitlement
    override: Entitlement
    init: Entitlement


class LedgerState(Answer, frozen=True):
    """The ledger: its own random name, entries, the root of its tree in hex, and whether this user's key keeps it."""

    origin: str
    size: int
    root: str
    writable: bool


class StandingException(Answer, frozen=True):
    """An exception that is in force."""

    path: str
    digest: str
    by: str
    at: str
    why: str
    until: str


class Revoked(Answer, frozen=True):
    """A revocation that stands."""

    what: str
    by: str
    at: str
    why: str
    key: str | None


class Key(Answer, frozen=True):
    """One of this user's keys: the public side only."""

    name: str
    role: str
    id: str
    algorithm: str
    identity: str | None


class Status(Answer, frozen=True):
    """A project at a glance. Where ``state`` is not ``ready``, the fields of the project are null or empty and ``notes`` say what to do."""

    state: State
    path: str
    project: str | None
    """The project's folder relative to the server's: empty for the same folder, ``..`` where it lies above."""
    project_id: str | None
    mode: ModeWord | None
    policy: Literal["named", "accepted", "changed", "untrusted"] | None
    policy_digest: str | None
    tier: str | None
    """How kernels that are started here are observed, as far as the server knows; a notebook's own runs say it in ``runs``."""
    ledger: LedgerState | None
    keys: tuple[Key, ...]
    notes: tuple[Reason, ...]
    revocations: tuple[Revoked, ...]
    overrides: tuple[StandingException, ...]
    may: Entitlements
    unlocked: bool
    """Whether the server holds the passphrase of the vouching key."""
    version: str


# ---- a notebook's runs -------------------------------------------------------------------------------------------------------------------


class Row(Answer, frozen=True):
    """One artifact that the notebook's last run read or wrote, with the verdict on it as it is now."""

    path: str
    server_path: str | None
    op: Operation
    kind: str | None
    digest: str
    """As it was recorded."""
    verdict: VerdictWord
    verified: bool
    reasons: tuple[Reason, ...]
    signers: tuple[Signer, ...]
    decisions: tuple[Decision, ...]
    at: str
    cell_id: str | None
    execution_count: int | None
    tier: str | None
    stale: bool
    """The file, or the cell that touched it, was changed since."""
    changed: bool
    """The bytes that lie there now are not those that were recorded."""
    missing: bool
    recorded: str | None
    """The verdict of that moment."""
    judged: Literal["now", "record"]
    """Whether ``verdict`` is of the bytes as they are now, or, while a large file is measured and where nothing lies there, of the record."""
    index: int | None
    """The ledger's entry."""


class Cell(Answer, frozen=True):
    """A code cell of the notebook as saved, beside what ran. ``verdict`` is the strictest of its rows, null where it touched nothing."""

    id: str
    state: Literal["ran", "edited", "stale", "never-run", "unseen"]
    execution_count: int | None
    verdict: VerdictWord | None
    reads: int
    writes: int


class Gap(Answer, frozen=True):
    """Something that was not observed, counted."""

    code: str
    count: int
    meaning: str


class Environment(Answer, frozen=True):
    """The installed distributions of the run: the digest over their sorted ``name==version`` lines, and these lines."""

    digest: str
    packages: tuple[str, ...]


class RunLine(Answer, frozen=True):
    """One run of the notebook, newest first."""

    run: str
    tier: str
    began: str
    complete: bool
    reads: int
    writes: int


class NotebookRuns(Answer, frozen=True):
    """What the panel shows of a notebook: a verdict with its reasons, what its last run read and wrote, its cells, what was not observed."""

    path: str
    server_path: str
    project: str
    mode: ModeWord
    verdict: VerdictWord
    headline: str
    """One sentence: whether the notebook is in order."""
    reasons: tuple[Reason, ...]
    own: Judged | None
    """The verdict on the notebook's own file; null for one that was never saved."""
    tier: str | None
    tier_meaning: str | None
    run: str | None
    complete: bool
    at: str | None
    rows: tuple[Row, ...]
    rows_left: int
    """Rows beyond the most that are sent."""
    cells: tuple[Cell, ...]
    gone: tuple[int, ...]
    """Execution counts of code that ran and stands in no cell of the file."""
    coverage: tuple[Gap, ...]
    environment: Environment | None
    findings: tuple[Finding, ...]
    runs: tuple[RunLine, ...]
    ledger_size: int


# ---- an artifact -------------------------------------------------------------------------------------------------------------------------


class Signature(Answer, frozen=True):
    """A signature of an envelope: whether it holds, by which key, and whose that is. A key that nobody knows proves nothing."""

    key: str
    identity: str | None
    holds: bool


class Inclusion(Answer, frozen=True):
    """Enough to check with SHA-256 alone that an entry stands in the ledger that the checkpoint signs (RFC 6962).

    ``leaf`` is the entry's record in base64; its hash is SHA-256 over a zero byte and the record; ``path`` is the audit path in hex, from the leaf
    upwards; ``checkpoint`` is the signed note (C2SP), whose second line is ``size`` and whose third is the root in base64; ``vkey`` is the key
    that signs it, and ``proof_file`` the same proof for other people's tools (C2SP tlog-proof).
    """

    index: int
    size: int
    leaf: str
    leaf_hash: str
    path: tuple[str, ...]
    root: str
    checkpoint: str
    vkey: str
    proof_file: str


class Named(Answer, frozen=True):
    """A name with a digest."""

    name: str
    digest: str


class Statement(Answer, frozen=True):
    """What somebody said of an artifact. ``predicate`` is its body as JSON text, cut where it is long."""

    index: int | None
    """The ledger's entry; null for one that only travels in a claim file."""
    at: str | None
    kind: str | None
    predicate_type: str
    envelope: str
    source: str
    subjects: tuple[Named, ...]
    signatures: tuple[Signature, ...]
    signer: str | None
    tier: str | None
    notebook: str | None
    cell_id: str | None
    execution_count: int | None
    decision: str | None
    why: str | None
    until: str | None
    predicate: str
    problem: str | None
    inclusion: Inclusion | None


class Version(Answer, frozen=True):
    """Bytes that were once signed, read or written under the artifact's name, newest first."""

    digest: str
    at: str
    by: str | None
    kind: str
    present: bool
    """These bytes lie there now."""


class ColumnDifference(Answer, frozen=True):
    """What changed in one column of a data set; distributions are counts by label or by the edges of bins, before and after."""

    name: str
    change: str
    message: str
    labels: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]


class Difference(Answer, frozen=True):
    """The data set as it is against the last signed profile, as in ``mlsc diff --json``."""

    against: str
    sentence: str
    rows_before: int | None
    rows_after: int | None
    rows_added: int | None
    rows_removed: int | None
    rows_changed: int | None
    columns: tuple[ColumnDifference, ...]


class Artifact(Answer, frozen=True):
    """All that is known of some bytes. ``judged`` is null where no file with these bytes lies in the project now."""

    digest: str
    path: str | None
    server_path: str | None
    kind: str | None
    present: bool
    size: int | None
    judged: Judged | None
    statements: tuple[Statement, ...]
    statements_left: int
    versions: tuple[Version, ...]
    findings: tuple[Finding, ...]
    difference: Difference | None


# ---- the graph ---------------------------------------------------------------------------------------------------------------------------


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


# ---- verify, the ledger, files -----------------------------------------------------------------------------------------------------------


class Verified(Answer, frozen=True):
    """As ``mlsc verify --json``: ``ok`` is false if a verdict is ``block``."""

    ok: bool
    mode: ModeWord
    artifacts: tuple[Judged, ...]


class Consistency(Answer, frozen=True):
    """That the tree of ``new_size`` entries extends the one of ``old_size``: hashes in hex, as RFC 6962 orders them."""

    old_size: int
    new_size: int
    proof: tuple[str, ...]


class Checkpoint(Answer, frozen=True):
    """The newest checkpoint of the ledger, as a signed note. ``faults`` say where the ledger contradicts what this user has seen."""

    origin: str
    size: int
    root: str
    note: str
    vkey: str
    consistency: Consistency | None
    faults: tuple[Reason, ...]


class FileMark(Answer, frozen=True):
    """How a file of a folder stands: ``signed`` satisfies its rule; ``changed`` has other bytes than were signed; ``unknown`` was not measured yet."""

    name: str
    server_path: str
    mark: Mark
    verdict: VerdictWord | None
    reason: Reason | None


class Files(Answer, frozen=True):
    """Marks for the governed files of one folder; files without a rule have none."""

    folder: str
    project: str | None
    marks: tuple[FileMark, ...]


# ---- what persons do ---------------------------------------------------------------------------------------------------------------------


class Signed(Answer, frozen=True):
    """One signature. ``named`` is false where the policy does not name the key, so that it counts for nothing."""

    path: str
    server_path: str | None
    digest: str
    kind: str
    signer: str
    key: str
    index: int | None
    named: bool
    judged: Judged | None


class Signatures(Answer, frozen=True):
    """What was signed."""

    signed: tuple[Signed, ...]


class Decided(Answer, frozen=True):
    """A decision that was signed: what, about what, by whom, and how things stand now."""

    decision: str
    path: str
    digests: tuple[str, ...]
    signer: str
    key: str
    at: str
    why: str
    index: int | None
    until: str | None
    seen: int
    judged: Judged | None


class Initialized(Answer, frozen=True):
    """What ``mlsc init`` made."""

    project: str
    project_id: str
    identity: str
    key: str
    created: tuple[str, ...]


class Lock(Answer, frozen=True):
    """Whether the server holds the passphrase of the vouching key, and of which; never the passphrase."""

    unlocked: bool
    key: str | None


class SignRequest(Asked, frozen=True):
    """Stand for artifacts."""

    paths: Annotated[tuple[Path, ...], Meta(min_length=1, max_length=1000)]
    kind: KindWord | None = None
    note: Annotated[str, Meta(max_length=4000)] = ""
    key: str | None = None


class ReviewRequest(Asked, frozen=True):
    """Approve or reject exactly the bytes that lie there; of a notebook, with what its last run read and wrote."""

    path: Path
    decision: Literal["approve", "reject"]
    note: Words
    key: str | None = None


class RevokeRequest(Asked, frozen=True):
    """Revoke bytes or a key: exactly one of ``digest``, ``path`` and ``revoked_key``. ``at`` says which project a digest or a key is revoked in."""

    why: Words
    digest: str | None = None
    path: Path | None = None
    revoked_key: str | None = None
    at: Path = ""
    key: str | None = None


class OverrideRequest(Asked, frozen=True):
    """Let one version of an artifact be used until a time, although it fails."""

    path: Path
    why: Words
    until: Annotated[str, Meta(max_length=40, description="RFC 3339, or a date, which ends with that day in UTC.")]
    key: str | None = None


class InitRequest(Asked, frozen=True):
    """Make a project of a folder. Where this user has no vouching key yet, one is made with the passphrase that the server was unlocked with."""

    path: Path = ""
    mode: ModeWord = "warn"
    name: Annotated[str, Meta(max_length=100)] | None = None


class UnlockRequest(Asked, frozen=True):
    """Hand the passphrase of the vouching key to the server, which keeps it in memory for its life."""

    passphrase: Annotated[str, Meta(min_length=1, max_length=4096)]
    path: Path = ""


class VerifyRequest(Asked, frozen=True):
    """Hash afresh and judge; ``full`` computes every digest."""

    path: Path
    full: bool = False


# ---- queries -----------------------------------------------------------------------------------------------------------------------------


class PathQuery(Asked, frozen=True):
    """A file or a folder."""

    path: Path = ""


class NotebookQuery(Asked, frozen=True):
    """A notebook; ``run`` asks for an earlier one than the last."""

    path: Path
    run: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET


class ArtifactQuery(Asked, frozen=True):
    """``path`` says which project, and, where it is a file, under which name; ``thorough`` also looks into a large file, which takes long."""

    path: Path = ""
    thorough: bool = False


class GraphQuery(Asked, frozen=True):
    """``path`` says which project."""

    path: Path = ""
    depth: Depth = 2


class CheckpointQuery(Asked, frozen=True):
    """``since`` is the size of a checkpoint that the client has seen."""

    path: Path = ""
    since: Size | UnsetType = UNSET


class VerifyQuery(Asked, frozen=True):
    """As ``VerifyRequest``."""

    path: Path
    full: bool = False


class Nothing(Asked, frozen=True):
    """No parameters."""


# ---- events ------------------------------------------------------------------------------------------------------------------------------


class LedgerEvent(Answer, frozen=True):
    """A project's record or rules changed: whoever shows it asks again. It says what kind of thing changed and never what it says.

    ``notebooks`` are those whose runs new entries name, as the server's clients name them; names and digests of artifacts are not in it.
    """

    project: str
    size: int
    kinds: tuple[str, ...]
    notebooks: tuple[str, ...]


class SaveEvent(Answer, frozen=True):
    """A notebook was judged when it was saved; ``findings`` counts, whoever may read them asks for them."""

    notebook: str
    outcome: Literal["saved", "refused", "unjudged"]
    verdict: VerdictWord | None
    findings: int
