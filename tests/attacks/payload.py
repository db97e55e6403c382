"""A pickle that would run code: it makes a marker file."""

from __future__ import annotations

from pathlib import Path


class Payload:
    """Pickles as a call of ``pathlib.Path.touch``'s elder brother: ``builtins.open(marker, "x")``."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.marker), "x")
