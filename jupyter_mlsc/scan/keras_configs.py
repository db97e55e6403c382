"""Keras: what a model's configuration names. A Lambda layer carries code; a custom object only says that code installed elsewhere is used.

Rules kept: Keras is not imported, its own tables of what reaches out of a file are those of the loader; archives and HDF5 files hand their documents in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zipfile import ZipFile

from jupyter_mlsc.formats.keras_names import MEMBER, NO_OBJECT, OWN_MODULE, REACHES_OUT
from jupyter_mlsc.formats.recognition import zip_names
from jupyter_mlsc.scan.documents import json_of, parts, text_of
from jupyter_mlsc.scan.finding import Finding, LimitReachedError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_WRAPS_FRAMEWORKS = frozenset({"TFOpLambda", "SlicingOpLambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
_FILES = ("vocabulary", "filepath", "file_path", "filename")


def _recognise_archive(piece: Piece) -> bool:
    names = zip_names(piece.head, piece.stream)
    return "config.json" in names and ("metadata.json" in names or any(name.startswith("model.weights.") for name in names) or piece.lowered.endswith(".keras"))


def _scan_archive(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    with ZipFile(piece.rewound()) as archive:
        for member in archive.infolist():
            if not MEMBER.fullmatch(member.filename):
                yield scanning.found("keras-member", piece, member.filename, name=member.filename)
        if archive.getinfo("config.json").file_size > scanning.limits.text:
            raise LimitReachedError("its config.json is too large")
        document = json_of(archive.read("config.json").decode("utf-8", "replace"))
    yield from judged(piece, scanning, document, "config.json")


def _recognise_document(piece: Piece) -> bool:
    """A configuration by itself, as ``model.to_json()`` gives it: an object with the class of a model and its configuration."""
    begun = piece.head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return begun.startswith(b"{") and b'"class_name"' in piece.head and b'"config"' in piece.head


def _scan_document(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    yield from judged(piece, scanning, json_of(text_of(piece, scanning)), "")


def judged(piece: Piece, scanning: Scanning, document: object, where: str) -> Iterator[Finding]:
    """Findings on a configuration, each part once. ``where`` is its place in the piece."""
    told = set()
    for place, part in parts(document):
        if not isinstance(part, dict):
            continue
        at = ", ".join(each for each in (where, place) if each)
        for code, facts in _of_part(part, scanning.allow):
            if (code, facts) not in told:
                told.add((code, facts))
                yield scanning.found(code, piece, at, what=facts)


def _of_part(part: dict[str, object], allow: frozenset[str]) -> Iterator[tuple[str, str]]:
    kind, module, alias = part.get("class_name"), part.get("module"), part.get("registered_name")
    for key in _FILES:
        if isinstance(value := part.get(key), str) and ("/" in value or "\\" in value or key == "vocabulary"):
            yield "keras-file", value
    if not isinstance(kind, str):
        return
    bare = kind.rpartition(">")[2]
    reason = REACHES_OUT.get(kind) or REACHES_OUT.get(bare) or REACHES_OUT.get(str(alias))
    if reason is not None:
        yield "keras-code", reason
        return
    if bare in _WRAPS_FRAMEWORKS:
        yield "keras-framework", kind
        return
    if module is not None and not isinstance(module, str):
        yield "keras-code", f"an object of the class {kind} from a module that is no text"
        return
    own = part.get("config") if kind == "function" and isinstance(part.get("config"), str) else kind
    if not module:
        return  # an older file: Keras looks the name up among its own and what is registered
    if OWN_MODULE.fullmatch(module):
        return
    if kind in NO_OBJECT and kind != "function":
        return
    named = f"{module}.{own}"
    if named in allow or f"{module}:{own}" in allow:
        return
    # Keras imports the module and looks the name up in it: with a package that is installed anywhere, that can be any function.
    registered = isinstance(alias, str) and ">" in alias
    yield ("keras-custom" if registered and kind != "function" else "keras-import"), named


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a Keras model", _recognise_archive, _scan_archive, claims=(".keras",)),
    Scanner("a Keras configuration", _recognise_document, _scan_document),
)
