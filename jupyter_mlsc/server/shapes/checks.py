"""What is checked when somebody asks: artifacts hashed afresh, the ledger's checkpoint, the files of a folder."""

from __future__ import annotations

from jupyter_mlsc.server.shapes.base import Answer, Mark, ModeWord, VerdictWord
from jupyter_mlsc.server.shapes.parts import Judged, Reason


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
