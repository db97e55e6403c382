"""What torch writes beside pickles: TorchScript archives, whose code runs in torch's own interpreter, and exported programs, which name operators.

Rules kept: the archive's members are looked at by the other scanners too; here only what is torch's own is judged: operators that touch files, and
targets that are no operators of torch's.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator

from jupyter_mlsc.formats.recognition import zip_names
from jupyter_mlsc.scan.archives import is_torchscript
from jupyter_mlsc.scan.documents import json_of, parts
from jupyter_mlsc.scan.finding import Finding, LimitReachedError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_FILE_CALLS = re.compile(
    r"\b(?:torch|aten|ops\.aten)\.(?:from_file|save|load|_save|_load|save_to_file|package)\b"
    r"|\bops\.(?:image|torchaudio|torchvision)\.\w*(?:read|write|load|save)\w*"
)
_OPERATORS = re.compile(r"\bops\.(\w+)\.(\w+)")
_OWN_NAMED = "aten prim prims quantized _quantized quantized_decomposed inductor torchvision torchaudio mkldnn mkldnn_prepacked cuda"
_OWN = frozenset(_OWN_NAMED.split())
_TARGET = re.compile(r"torch\.ops\.(?P<space>\w+)\.[\w.]+|_?operator\.\w+|math\.\w+|torch\.(?:_?sym_\w+)|builtins\.(?:int|float|bool|max|min|round|getitem)")
_OPS = frozenset({*_OWN, "higher_order", "export", "symm_mem"})


def _names(piece: Piece) -> tuple[str, ...]:
    return zip_names(piece.head, piece.stream)


def _recognise_script(piece: Piece) -> bool:
    return is_torchscript(_names(piece))


def _scan_script(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    yield scanning.found("torchscript", piece)
    with zipfile.ZipFile(piece.rewound()) as archive:
        for name in archive.namelist():
            if "/code/" in f"/{name}" and name.endswith(".py"):
                text = _read(archive, name, scanning)
                for found in _FILE_CALLS.finditer(text):
                    yield scanning.found("torchscript-files", piece, f"{name}, line {text.count(chr(10), 0, found.start()) + 1}", what=found[0])
                for space, operator in dict.fromkeys(_OPERATORS.findall(text)):
                    if space not in _OWN:
                        yield scanning.found("torch-custom-operator", piece, name, what=f"{space}.{operator}")


def _recognise_exported(piece: Piece) -> bool:
    names = _names(piece)
    return any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names)


def _scan_exported(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    with zipfile.ZipFile(piece.rewound()) as archive:
        for name in archive.namelist():
            if name.endswith(".json") and ("/models/" in f"/{name}" or name.endswith("serialized_exported_program.json")):
                yield from _targets(piece, scanning, name, json_of(_read(archive, name, scanning)))
            elif name.endswith((".so", ".dll", ".dylib", ".cubin", ".cpp", ".o")):
                yield scanning.found("torch-native-code", piece, name, name=name)


def _targets(piece: Piece, scanning: Scanning, name: str, document: object) -> Iterator[Finding]:
    said = set()
    for place, value in parts(document):
        if not isinstance(value, dict) or "target" not in value or not isinstance(value["target"], str) or "inputs" not in value:
            continue
        target = value["target"]
        if target in said:
            continue
        said.add(target)
        matched = _TARGET.fullmatch(target)
        if matched is None:
            yield scanning.found("torch-export-target", piece, f"{name}, {place}", what=target)
        elif matched["space"] is not None and matched["space"] not in _OPS:
            yield scanning.found("torch-custom-operator", piece, f"{name}, {place}", what=target)


def _read(archive: zipfile.ZipFile, name: str, scanning: Scanning) -> str:
    if archive.getinfo(name).file_size > scanning.limits.text:
        raise LimitReachedError(f"{name} is larger than {scanning.limits.text >> 20:,} MiB")
    data = archive.read(name)
    scanning.spend_bytes(len(data))
    return data.decode("utf-8", "replace")


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a TorchScript archive", _recognise_script, _scan_script),
    Scanner("an exported torch program", _recognise_exported, _scan_exported),
)
