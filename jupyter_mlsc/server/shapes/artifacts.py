"""One artifact in full: its statements with their signatures and proofs, its versions, what changed in a data set."""

from __future__ import annotations

from jupyter_mlsc.server.shapes.base import Answer
from jupyter_mlsc.server.shapes.parts import Finding, Judged


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
