"""skops: a document that names the types to be made. Judged by the allowlist that the loader uses, without skops."""

from __future__ import annotations

from collections.abc import Iterable
from zipfile import ZipFile

from jupyter_mlsc.formats.recognition import zip_names
from jupyter_mlsc.formats.skops_names import HOLDERS, MADE_BY_NODE, NODES, SCHEMA, nodes
from jupyter_mlsc.scan import allowlist
from jupyter_mlsc.scan.documents import json_of
from jupyter_mlsc.scan.finding import Finding, LimitReachedError
from jupyter_mlsc.scan.known_dangers import runs_code
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner


def _recognise(piece: Piece) -> bool:
    return SCHEMA in zip_names(piece.head, piece.stream)


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    with ZipFile(piece.rewound()) as archive:
        if archive.getinfo(SCHEMA).file_size > scanning.limits.text:
            raise LimitReachedError(f"its {SCHEMA} is too large")
        schema = json_of(archive.read(SCHEMA).decode("utf-8", "replace"))
    told = set()
    for node in nodes(schema):
        loader, module, name = (str(node[key]) for key in ("__loader__", "__module__", "__class__"))
        named = f"{module}.{name}"
        if loader == "CachedNode" or MADE_BY_NODE.get(loader) == named or (loader, named) in told:
            continue
        told.add((loader, named))
        if loader in HOLDERS:
            if named not in HOLDERS[loader]:
                yield scanning.found("skops-holder", piece, SCHEMA, what=named)
        elif loader not in NODES:
            yield scanning.found("skops-node", piece, SCHEMA, what=f"{loader} of {named}")
        elif not allowlist.is_allowed(module, name, scanning.allow) and not allowlist.is_allowed_if_checked(module, name):
            yield scanning.found("pickle-code" if runs_code(module, name) else "pickle-unlisted", piece, SCHEMA, global_name=named)


SCANNERS: tuple[Scanner, ...] = (Scanner("a skops file", _recognise, _scan, claims=(".skops",)),)
