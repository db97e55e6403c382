"""What a scan finds: a code from the one table, where it is, and what to do about it. Frozen values, nothing decides here.

Rules kept: a finding's severity, sentence and remedy come from `codes` and from nowhere else; texts that come from a file are made printable and short.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from jupyter_mlsc.printing import printable

LONGEST_FACT = 200
"""Characters of a text from a file that a message repeats."""


class Severity(StrEnum):
    """How bad a finding is. `high` and worse fail a scan."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def fails(self) -> bool:
        """True for what a scan does not pass with."""
        return self in (Severity.HIGH, Severity.CRITICAL)


SEVERITIES = tuple(Severity)
"""From the mildest to the worst."""


class Finding(NamedTuple):
    """One thing that is wrong: ``path`` names the file, ``where`` the place in it (a member, an offset, a line; empty for the whole file)."""

    path: str
    code: str
    severity: Severity
    message: str
    where: str
    fix: str

    def document(self) -> dict[str, str]:
        """The finding as ``mlsc scan --json`` gives it."""
        return {"path": self.path, "code": self.code, "severity": str(self.severity), "message": self.message, "where": self.where, "fix": self.fix}


class NotUnderstoodError(Exception):
    """A scanner met bytes that it cannot take apart; what it found before stands. The message says why, in one sentence without a full stop."""


class LimitReachedError(NotUnderstoodError):
    """A file asks for more time, memory, depth or members than it may have."""


class BrokenLayerError(NotUnderstoodError):
    """A compressed layer or member ends in bytes that cannot be unpacked; ``announced`` where what came before began like a pickle."""

    def __init__(self, message: str, *, announced: bool) -> None:
        super().__init__(message)
        self.announced = announced


def finding(code: str, path: str, where: str = "", **facts: object) -> Finding:
    """Make a finding by its code. Raises KeyError for a code or a fact that the table does not know."""
    from jupyter_mlsc.scan.codes import CODES  # most files have none

    row = CODES[code]
    shown = {name: shortened(str(fact)) for name, fact in facts.items()}
    return Finding(path, code, Severity(row.severity), row.message.format(**shown), shortened(where), row.fix.format(**shown))


def shortened(text: str) -> str:
    """A text from a file as a message may repeat it."""
    shown = printable(text)
    return shown if len(shown) <= LONGEST_FACT else shown[: LONGEST_FACT - 1] + "…"


def passes(findings: Iterable[Finding]) -> bool:
    """Whether nothing among the findings is `high` or worse."""
    return not any(each.severity.fails for each in findings)


class Scanned(NamedTuple):
    """What a scan found, in so many files, or of something else that can be looked at (``unit``)."""

    findings: tuple[Finding, ...]
    files: int
    unit: str = "file"
    accepted: tuple[Finding, ...] = ()
    """Findings that persons accepted for these very bytes; not among the others."""

    @property
    def ok(self) -> bool:
        """True when no finding is `high` or worse."""
        return passes(self.findings)
