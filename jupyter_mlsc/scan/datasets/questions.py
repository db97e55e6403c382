"""What is asked of the process that parses data sets, and what it answers: values that both sides read as claims."""

from __future__ import annotations

import msgspec

from jupyter_mlsc.profiles import DatasetFacts, Differences


class Limits(msgspec.Struct, frozen=True):
    """What one data set may cost. Sizes in bytes, times in seconds."""

    memory: int = 2 << 30
    """Private memory of the process; the file itself is mapped and not counted."""
    seconds: float = 60.0
    """CPU time for a file; added to it is what its size takes at `bytes_per_second`."""
    bytes_per_second: int = 2 << 20

    def seconds_for(self, size: int) -> float:
        """Seconds for a file of this size."""
        return self.seconds + size / self.bytes_per_second


DEFAULT_LIMITS = Limits()


class Signed(msgspec.Struct, frozen=True):
    """The profile to compare with."""

    facts: DatasetFacts
    has_rows: bool


class Question(msgspec.Struct, frozen=True):
    """Look at a data set. ``label`` is named by a rule, or guessed where it is None and ``guess`` says so; ``key`` (hex) keys the digests of rows."""

    family: str
    key: str
    separator: str = ","
    packed: str | None = None
    label: str | None = None
    guess: bool = True
    rows: bool = True
    hashed: bool = False
    against: Signed | None = None
    limits: Limits = DEFAULT_LIMITS


class Answer(msgspec.Struct, frozen=True):
    """What was found, or why nothing was."""

    facts: DatasetFacts | None = None
    differences: Differences | None = None
    block: int = 0
    """Rows that a written digest stands for; 0 where none were written."""
    sha256: str = ""
    """Of the file, where it was asked for."""
    problem: str = ""
    next: str = ""
