"""Notebooks: secrets in cells, outputs and metadata, commands worth a look, code that hides in outputs, and, where asked, personal data.

Rules kept: every finding names the cell and the line; a secret is never repeated; an output is text to us, whatever its type says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from jupyter_mlsc.scan.finding import Finding, NotUnderstoodError
from jupyter_mlsc.scan.indexes import is_named
from jupyter_mlsc.scan.notebooks import commands, markup, personal, secrets
from jupyter_mlsc.scan.notebooks.texts import Text, texts_of
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_CERTAIN = {"token": "secret-token", "assigned": "secret-assigned", "random": "secret-random"}
PERSONAL = "personal"
"""What a scan must be asked for besides, to look for personal data."""


def _recognise(piece: Piece) -> bool:
    head = piece.head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"{") and (piece.lowered.endswith(".ipynb") or b'"nbformat"' in piece.head or (b'"cells"' in head[:4096] and b'"cell_type"' in head))


def _scan(piece: Piece, scanning: Scanning) -> Iterator[Finding]:
    if piece.size > scanning.limits.text:
        raise NotUnderstoodError(f"it is longer than {scanning.limits.text >> 20} MiB")
    try:
        document = msgspec.json.decode(piece.rewound().read().removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise NotUnderstoodError(f"it is no JSON: {err}") from err
    for text in texts_of(document):
        yield from _look(text, piece, scanning)


def _look(text: Text, piece: Piece, scanning: Scanning) -> Iterator[Finding]:
    # A picture's base64 is no text in which anything could be read.
    if not text.mime.startswith(("image/", "audio/", "video/", "font/")) or text.mime == "image/svg+xml":
        name = text.where.rpartition(": ")[2] if text.role == "metadata" and ": " in text.where else ""
        for secret in secrets.find(text.text, code=text.role in ("code", "raw"), name=name):
            yield scanning.found(_CERTAIN[secret.certainty], piece, f"{text.where}, line {secret.line}", what=secret.what)
        if PERSONAL in scanning.also:
            for what, line in personal.find(text.text):
                yield scanning.found("personal-data", piece, f"{text.where}, line {line}", what=what)
    if text.role == "code":
        found: Iterable[tuple[str, int, str]] = (*commands.find(text.text), *markup.invisible(text.text))
        if text.hidden:
            found = (*found, ("code-hidden", 1, ""))
    elif text.role == "markdown" or text.mime in markup.MARKED_UP:
        found = markup.find(text.text)
    elif text.mime in markup.SCRIPTS:
        found = (("output-script", 1, f"of type {text.mime}"),)
    else:
        found = ()
    for code, line, what in found:
        if code == "install-index" and is_named(what.partition(" ")[2], scanning.indexes):
            continue
        yield scanning.found(code, piece, f"{text.where}, line {line}", what=what)


SCANNERS = (Scanner("a notebook", _recognise, _scan, claims=(".ipynb",)),)
