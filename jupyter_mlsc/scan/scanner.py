"""What a scanner is: a frozen value with two functions. A new family is one file that makes one of these, and one line in `registry`.

Rules kept: recognising and scanning never import, run or open what the bytes name; what a file is comes from its bytes, its name can only claim more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.scan.piece import Piece, Scanning


class Scanner(NamedTuple):
    """One family. ``recognise(piece)`` tells whether the bytes can be this; every scanner that says so is asked, since a file can be several things.

    ``scan(piece, scanning)`` yields findings, and raises NotUnderstoodError where the bytes end to make sense: what it yielded before stands.
    ``claims`` are suffixes that claim this family: a file so named that no scanner recognises is `not-understood`, where the family ``runs_code``.
    ``streams`` says that the scanner reads once from front to back, so that it can be asked about what does not fit into memory.
    """

    name: str
    recognise: Callable[[Piece], bool]
    scan: Callable[[Piece, Scanning], Iterable[Finding]]
    claims: tuple[str, ...] = ()
    runs_code: bool = True
    streams: bool = False
    tries: bool = False
    """What it recognises is not sure to be anything: a file whose name claims more is still not understood."""

    def is_claimed(self, piece: Piece) -> bool:
        """Whether the piece is named like this family."""
        return piece.lowered.endswith(self.claims) if self.claims else False
