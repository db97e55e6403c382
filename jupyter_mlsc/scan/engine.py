"""Looks at one file with every scanner that recognises it, and with all of them again at what lies inside.

Rules kept: bytes decide, a name can only add a claim; a scanner that fails, in whatever way, is a finding and never a pass; nothing that is scanned is
imported, run or opened by name.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from jupyter_mlsc.errors import MissingLibraryError
from jupyter_mlsc.formats.libraries import broken_errors
from jupyter_mlsc.formats.recognition import archives_read_once
from jupyter_mlsc.scan.finding import Finding, LimitReachedError, NotUnderstoodError, finding
from jupyter_mlsc.scan.limits import DEFAULT, Limits
from jupyter_mlsc.scan.piece import Piece, Scanning, piece_of
from jupyter_mlsc.scan.registry import scanners_for
from jupyter_mlsc.scan.scanner import Scanner


def scan_stream(
    path: str,
    stream: BinaryIO,
    *,
    limits: Limits = DEFAULT,
    allow: frozenset[str] = frozenset(),
    also: frozenset[str] = frozenset(),
    indexes: frozenset[str] = frozenset(),
) -> tuple[Finding, ...]:
    """Findings on one file, which is open and can be moved in; ``path`` is for messages and for what the name claims."""
    scanning = Scanning(path, limits, allow, also, indexes, look)
    found: dict[Finding, None] = {}
    try:
        with archives_read_once():
            for each in itertools.islice(look(piece_of(path, stream), scanning, 0), limits.findings):
                found[each] = None
    except LimitReachedError as err:
        found[finding("limit-reached", path, why=err)] = None
    except MemoryError:
        found[finding("limit-reached", path, why=f"it needs more than {limits.memory >> 20:,} MiB of memory")] = None
    return tuple(found)


def look(piece: Piece, scanning: Scanning, depth: int) -> Iterator[Finding]:
    """Findings on a piece by all scanners that recognise it; ``depth`` is how many layers it lies in."""
    near = list(scanners_for(piece))
    asked = [each for each in near if (piece.whole or each.streams) and _recognises(each, piece)]
    if not piece.whole:
        # It can be read once: by the one that is sure of it.
        asked = ([each for each in asked if not each.tries] or asked)[:1]
    for each in asked:
        yield from _scanned(each, piece, scanning)
    if not piece.whole:
        begun = Piece(piece.name, piece.where, io.BytesIO(piece.head), len(piece.head), piece.head)
        unable = next((each for each in scanners_for(begun) if not each.streams and each.runs_code and _recognises(each, begun)), None)
        if unable is not None:
            raise LimitReachedError(f"{piece.where or piece.name}, {unable.name}, is larger than {scanning.limits.held >> 20:,} MiB once it is unpacked")
    claimed = next((each for each in near if each.runs_code and each.is_claimed(piece)), None)
    if claimed is not None and all(each.tries for each in asked) and piece.size != 0:
        yield scanning.found("not-understood", piece, what=claimed.name, why="its bytes are none of the kinds that its name claims")


def _recognises(scanner: Scanner, piece: Piece) -> bool:
    try:
        return scanner.recognise(piece)
    except broken_errors():
        return True  # it looks enough like it to have come this far: its scan will say what is wrong


def _scanned(scanner: Scanner, piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    if piece.whole:
        piece.rewound()
    try:
        yield from scanner.scan(piece, scanning)
    except LimitReachedError:
        raise
    except MemoryError as err:
        raise LimitReachedError(f"it needs more than {scanning.limits.memory >> 20:,} MiB of memory") from err
    except NotUnderstoodError as err:
        yield scanning.found("not-understood", piece, what=scanner.name, why=err)
    except MissingLibraryError as err:
        yield scanning.found("archive-unread", piece, name=piece.name, why=err.message)
    except broken_errors() as err:
        yield scanning.found("not-understood", piece, what=scanner.name, why=_first_line(err))


def _first_line(err: BaseException) -> str:
    text = str(err).strip()
    return text.splitlines()[0] if text else type(err).__name__
