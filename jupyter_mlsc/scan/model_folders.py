"""Small files of model folders: Hugging Face's configurations that ask for Python code, and tokenizers with templates."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jupyter_mlsc.scan.documents import json_of, parts, text_of
from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner
from jupyter_mlsc.scan.templates import reached_for

_ASKS_FOR_CODE = frozenset({"auto_map", "custom_pipelines"})
_SIGN = re.compile(rb'"(?:auto_map|custom_pipelines|trust_remote_code|chat_template|_target_|_class_name|template)"')
_TEMPLATES = (".jinja", ".jinja2", ".j2")


def _recognise(piece: Piece) -> bool:
    return piece.head[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and piece.lowered.endswith(".json") and _SIGN.search(piece.head) is not None


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    for place, value in parts(json_of(text_of(piece, scanning))):
        key = place.rpartition(".")[2]
        if key in _ASKS_FOR_CODE and value:
            what = next((each for _, each in parts(value) if isinstance(each, str)), key)
            yield scanning.found("remote-code", piece, place, what=what)
        elif key == "trust_remote_code" and value is True:
            yield scanning.found("remote-code", piece, place, what="trust_remote_code")
        elif isinstance(value, str) and ("chat_template" in place or key == "template") and "{" in value:
            reached = reached_for(value)
            if reached is not None:
                yield scanning.found("template-reaches", piece, place, what=reached)


def _recognise_template(piece: Piece) -> bool:
    return piece.lowered.endswith(_TEMPLATES)


def _scan_template(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    what = reached_for(text_of(piece, scanning))
    if what is not None:
        yield scanning.found("template-reaches", piece, what=what)


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a model's configuration", _recognise, _scan),
    Scanner("a template", _recognise_template, _scan_template),
)
