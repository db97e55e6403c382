"""The scanners that there are, in the order in which they are asked, and signs by which most of them need not be asked. A new family is one row here.

Rules kept: a family's module is imported when a piece first bears its signs; signs may let too much through and never too little (the tests hold every
scanner's claims and the whole corpus against them); no scanner imports a library of its format before it meets a file that needs it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlsc.formats.recognition import is_zip, zip_names

if TYPE_CHECKING:
    from jupyter_mlsc.scan.piece import Piece
    from jupyter_mlsc.scan.scanner import Scanner

_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 66_000
"""Bytes at the end of a file in which a zip archive's directory ends, with the longest comment."""
HDF5_PLACES = (0, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Where an HDF5 file may begin: a block of somebody else's, of 512, 1024, 2048 ... bytes, may come first."""
_OCTAL = re.compile(rb"[0-7 \0]{8}")


def _ends_as_zip(piece: Piece) -> bool:
    """Whether a zip archive may end where the piece does, whatever it begins with."""
    if piece.head.startswith(b"PK"):
        return True
    if not piece.whole:
        return False
    if piece.size <= len(piece.head):
        return _ZIP_END in piece.head
    piece.stream.seek(max(0, piece.size - _ZIP_TAIL))
    return _ZIP_END in piece.stream.read(_ZIP_TAIL)


def _holds(piece: Piece, ends: tuple[str, ...]) -> bool:
    """Whether the piece is a zip archive with a member whose name ends so; what can be read once is not read for that."""
    return is_zip(piece.head) and (not piece.whole or any(name.endswith(ends) for name in zip_names(piece.head, piece.stream)))


def _may_be_archive(piece: Piece) -> bool:
    head = piece.head
    return head.startswith(b"Rar!") or head[257:262] == b"ustar" or (len(head) >= 512 and _OCTAL.fullmatch(head[148:156]) is not None)


def _says(piece: Piece) -> bytes:
    """The head behind what may stand before a text; a copy only where something does."""
    return piece.head.lstrip(b"\xef\xbb\xbf \t\r\n")


def _may_be_keras(piece: Piece) -> bool:
    return _says(piece).startswith(b"{") and b'"class_name"' in piece.head


def _may_be_notebook(piece: Piece) -> bool:
    return _says(piece).startswith(b"{") and (b'"nbformat"' in piece.head or b'"cells"' in piece.head)


def _may_be_xml(piece: Piece) -> bool:
    return _says(piece).startswith((b"<?xml", b"<PMML", b"<!DOCTYPE"))


def _may_be_hdf5(piece: Piece) -> bool:
    return any(piece.head.startswith(b"\x89HDF\r\n\x1a\n", at) for at in HDF5_PLACES)


def _has_python_tags(piece: Piece) -> bool:
    return b"\0" not in piece.head and b"python/" in piece.head


def _has_json_behind_length(piece: Piece) -> bool:
    return piece.head[8:9] == b"{"


class Family(NamedTuple):
    """A module with a tuple ``SCANNERS``, and the signs of what it may recognise or claim: any one of them is enough, and none at all means every piece.

    ``begins`` are first bytes, ``suffixes`` ends of a name in lower case, ``bears`` asks for more; ``zips`` where whatever ends as a zip archive does
    may be this, ``holds`` ends of names, one of which a member of the zip archive that it is must have.
    """

    module: str
    begins: tuple[bytes, ...] = ()
    suffixes: tuple[str, ...] = ()
    bears: Callable[[Piece], bool] | None = None
    zips: bool = False
    holds: tuple[str, ...] = ()

    def may_be(self, piece: Piece, lowered: str, ends_as_zip: Callable[[], bool]) -> bool:
        """Whether the piece, whose name in lower case is given, bears a sign of this family."""
        if not (self.begins or self.suffixes or self.bears or self.zips or self.holds):
            return True
        return (
            piece.head.startswith(self.begins)
            or lowered.endswith(self.suffixes)
            or (self.bears is not None and self.bears(piece))
            or (self.zips and ends_as_zip())
            or (bool(self.holds) and _holds(piece, self.holds))
        )


_FAMILIES = (
    Family("pickles"),
    Family(
        "compressed",
        (
            b"\x1f\x8b",
            b"\x28\xb5\x2f\xfd",
            b"BZh",
            b"\xfd7zXZ",
            b"\x04\x22\x4d\x18",
            b"\x5d\x00\x00",
            b"\x78\x01",
            b"\x78\x5e",
            b"\x78\x9c",
            b"\x78\xda",
            b"ZF0x",
        ),
    ),
    Family("archives", suffixes=(".zip", ".npz", ".pt", ".keras", ".skops", ".pt2", ".ptl", ".mar", ".tar", ".nemo", ".rar"), bears=_may_be_archive, zips=True),
    Family("sevenzip", (b"7z\xbc\xaf\x27\x1c",), suffixes=(".7z",)),
    Family("arrays", (b"\x93NUMPY",), suffixes=(".npy",)),
    Family("torch_files", holds=("constants.pkl", "archive_format", "serialized_exported_program.json")),
    Family("safetensors_files", suffixes=(".safetensors",), bears=_has_json_behind_length),
    Family("gguf_files", (b"GGUF", b"FUGG"), suffixes=(".gguf",)),
    Family("keras_configs", suffixes=(".keras",), bears=_may_be_keras, holds=("config.json",)),
    Family("hdf5_files", suffixes=(".h5", ".hdf5", ".hdf"), bears=_may_be_hdf5),
    Family("onnx_files", (b"\x08",), suffixes=(".onnx",)),
    Family("savedmodels", (b"\x08\x01\x12",), suffixes=(".pb",)),
    Family("skops_files", suffixes=(".skops",), holds=("schema.json",)),
    Family("xml_files", (b"\xff\xfe<\0", b"\xfe\xff\0<"), suffixes=(".pmml",), bears=_may_be_xml),
    Family("rds_files", (b"RDX", b"RDB", b"RDA", b"X\n", b"B\n", b"A\n"), suffixes=(".rds", ".rda", ".rdata")),
    Family("message_files", (b"{", b"[", b" ", b"\n", b"\r", b"\t", b"\xef\xbb\xbf"), suffixes=(".msgpack", ".msgpck", ".mpk")),
    Family("model_folders", suffixes=(".json", ".jinja", ".jinja2", ".j2")),
    Family("yaml_files", suffixes=(".yaml", ".yml", "mlmodel", "mlproject", "dvc.lock"), bears=_has_python_tags),
    Family("small_files", suffixes=(".pth", ".txt", ".in", ".csv", ".tsv", "kernel.json")),
    Family("notebooks", suffixes=(".ipynb",), bears=_may_be_notebook),
)


@cache
def _scanners_of(module: str) -> tuple[Scanner, ...]:
    found: tuple[Scanner, ...] = importlib.import_module(f"jupyter_mlsc.scan.{module}").SCANNERS
    return found


def scanners() -> tuple[Scanner, ...]:
    """Every scanner of files."""
    return tuple(each for family in _FAMILIES for each in _scanners_of(family.module))


def scanners_for(piece: Piece) -> Iterator[Scanner]:
    """The scanners that may recognise a piece, or that its name claims."""
    lowered, ends_as_zip = piece.lowered, cache(lambda: _ends_as_zip(piece))
    for family in _FAMILIES:
        if family.may_be(piece, lowered, ends_as_zip):
            yield from _scanners_of(family.module)


def families() -> tuple[Family, ...]:
    """Every family."""
    return _FAMILIES


LIST_VERSION = 2
"""Raised with every change of what the scanners find, so that statements of earlier ones are not taken for this one's."""
