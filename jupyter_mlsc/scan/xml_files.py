"""XML documents that describe models (PMML and others): entities that read files or addresses, entities that grow without end, code in extensions.

Rules kept: nothing is expanded: declarations are read from the text of the document's own head, before any parser would act on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jupyter_mlsc.scan.documents import text_of
from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_ENTITY = re.compile(r"<!ENTITY\s+(?:%\s+)?(\S+)\s+(?:(SYSTEM|PUBLIC)\s|([\"']))", re.IGNORECASE)
_DOCTYPE_OUTSIDE = re.compile(r"<!DOCTYPE\s+[^\s\[>]+\s+(?:SYSTEM|PUBLIC)\s+(?:[\"'][^\"']*[\"']\s+)?[\"']([^\"']+)[\"']", re.IGNORECASE)
_REFERENCES = re.compile(r"&[\w.-]+;")
_INCLUDE = re.compile(r"<(?:\w+:)?include\b[^>]*\bhref\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_CODE = re.compile(r"<(?:\w+:)?script\b|<\?xml-stylesheet\b|\bjava\.lang\.(?:Runtime|ProcessBuilder)\b|\bmsxsl:script\b", re.IGNORECASE)


def _recognise(piece: Piece) -> bool:
    begun = piece.head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    return begun.startswith((b"<?xml", b"<PMML", b"<!DOCTYPE")) or piece.head.startswith((b"\xff\xfe<\0", b"\xfe\xff\0<"))


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    text = text_of(piece, scanning)
    if re.match(r"\s*<!doctype\s+html", text, re.IGNORECASE):
        return
    outside = _DOCTYPE_OUTSIDE.search(text)
    if outside is not None:
        yield scanning.found("xml-outside", piece, _line(text, outside.start()), what=outside[1])
    internal = 0
    for entity in _ENTITY.finditer(text):
        if entity[2]:
            yield scanning.found("xml-outside", piece, _line(text, entity.start()), what=f"the entity {entity[1]}")
        else:
            internal += len(_REFERENCES.findall(text[entity.end() : entity.end() + 10_000].split(entity[3], 1)[0]))
    if internal > 1:
        yield scanning.found("xml-grows", piece)
    for included in _INCLUDE.finditer(text):
        yield scanning.found("xml-outside", piece, _line(text, included.start()), what=included[1])
    code = _CODE.search(text)
    if code is not None:
        yield scanning.found("xml-code", piece, _line(text, code.start()), what=code[0])


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}"


SCANNERS: tuple[Scanner, ...] = (Scanner("an XML document", _recognise, _scan, claims=(".pmml",)),)
