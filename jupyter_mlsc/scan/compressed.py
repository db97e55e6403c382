"""Compressed layers: gzip, bzip2, xz, lzma, zlib, zstd, lz4, and the zlib files of joblib before 0.10. What is inside is looked at as any file is.

Rules kept: what was found before a layer breaks stands, since a loader would have come as far; a layer that nothing here can open is a finding where
its name claims what can run code.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

from jupyter_mlsc.errors import MissingLibraryError
from jupyter_mlsc.formats import compression
from jupyter_mlsc.formats.libraries import broken_errors
from jupyter_mlsc.scan.finding import BrokenLayerError, Finding, NotUnderstoodError
from jupyter_mlsc.scan.pickles import SUFFIXES
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".lzma", ".zst", ".lz4", ".z", ".zlib")
_JOBLIB_PREFIX = b"ZF0x"
_JOBLIB_LENGTH = 21
"""``ZF`` and a hexadecimal length, padded to 19 characters."""
_VAGUE = frozenset({"zlib", "lzma"})
"""Layers whose first bytes are so short that much else begins like them."""


def _layer(piece: Piece) -> str | None:
    return "zlib" if piece.head.startswith(_JOBLIB_PREFIX) else compression.layer(piece.head)


def _recognise(piece: Piece) -> bool:
    return _layer(piece) is not None


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    layer = _layer(piece)
    assert layer is not None
    claimed = piece.lowered.endswith((*SUFFIXES, *(f"{a}{b}" for a in SUFFIXES for b in _PACKED_SUFFIXES)))
    if layer in _VAGUE and not claimed and not _opens(piece, layer):
        return
    if piece.head.startswith(_JOBLIB_PREFIX):
        piece.stream.read(_JOBLIB_LENGTH)
    try:
        yield from scanning.inside(piece, layer, compression.opened_layer(layer, piece.stream, "scanning it"), named=_inner_name(piece.name))
    except BrokenLayerError as err:
        # A loader, too, comes as far as the bytes are sound: all that was looked at.
        if claimed or err.announced:
            raise
    except MissingLibraryError as err:
        if claimed:
            raise NotUnderstoodError(err.message) from err
        raise


def _opens(piece: Piece, layer: str) -> bool:
    """Whether bytes that begin like a layer are one."""
    begun = piece.head[_JOBLIB_LENGTH:] if piece.head.startswith(_JOBLIB_PREFIX) else piece.head
    try:
        return bool(compression.opened_layer(layer, io.BytesIO(begun), "scanning it").read(1))
    except broken_errors():
        return False


def _inner_name(name: str) -> str:
    """What the name claims for the inside: without the suffix of the layer."""
    return next((name[: -len(each)] for each in _PACKED_SUFFIXES if name.lower().endswith(each)), name)


SCANNERS: tuple[Scanner, ...] = (Scanner("a compressed file", _recognise, _scan, claims=(), runs_code=False, streams=True),)
