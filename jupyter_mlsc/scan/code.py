"""What stands behind a finding's code: how bad it is, its sentence and its remedy."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Code(NamedTuple):
    """One row: the severity, and the sentence and remedy in which facts are filled in."""

    severity: Literal["low", "medium", "high", "critical"]
    message: str
    fix: str
