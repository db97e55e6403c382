"""numpy's npy and npz. Arrays of numbers are inert; arrays of Python objects hold pickles, and are a format of their own that can run code."""

from __future__ import annotations

import functools
from pathlib import Path
from tokenize import TokenError
from typing import Any

from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing
from jupyter_mlsc.formats.recognition import npy_holds_objects, zip_names

_MAGIC = b"\x93NUMPY"
_BROKEN_HEADERS = (SyntaxError, TokenError)
"""What numpy lets through of the parsers that it gives a header to, besides what every library raises."""


def _recognise_npy(head: bytes, opened: Opened, objects: bool) -> bool:
    if not head.startswith(_MAGIC) or isinstance(opened, Path):
        return False
    opened.seek(0)
    return npy_holds_objects(opened) is objects


def _recognise_npz(head: bytes, opened: Opened, objects: bool) -> bool:
    names = zip_names(head, opened)
    if not names or isinstance(opened, Path) or not all(name.endswith(".npy") for name in names):
        return False
    return _any_objects(opened) is objects


def _any_objects(opened: Any) -> bool:
    import zipfile

    opened.seek(0)
    try:
        with zipfile.ZipFile(opened) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    if npy_holds_objects(file):  # type: ignore[arg-type]  # a ZipExtFile reads as a BinaryIO does
                        return True
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        return True
    return False


def _load_npy(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    numpy = library("numpy", f"loading {source.name}")
    with reading(source.name, "npy file", *_BROKEN_HEADERS):
        if source.file is not None:
            # numpy reads a real file without copies, but asks for its position, which must be that of the descriptor.
            source.file.seek(0)
        return _array(numpy, numpy.load(source.stream(), allow_pickle=False))


def _load_npy_objects(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    from jupyter_mlsc.formats.unpickling import unpickling

    numpy = library("numpy", f"loading {source.name}")
    with reading(source.name, "npy file", *_BROKEN_HEADERS), unpickling(source.name, lifted=lifted, allow=allow):
        return _array(numpy, numpy.load(source.private().stream(), allow_pickle=True))


def _array(numpy: Any, loaded: Any) -> Any:
    """``numpy.load`` also opens npz files and bare pickles; only an array is what was asked for."""
    if not isinstance(loaded, numpy.ndarray):
        raise TypeError("it holds no array")
    return loaded


def _load_npz(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    numpy = library("numpy", f"loading {source.name}")
    with reading(source.name, "npz file", *_BROKEN_HEADERS), numpy.load(source.stream(), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _load_npz_objects(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    from jupyter_mlsc.formats.unpickling import unpickling

    numpy = library("numpy", f"loading {source.name}")
    with (
        reading(source.name, "npz file", *_BROKEN_HEADERS),
        unpickling(source.name, lifted=lifted, allow=allow),
        numpy.load(source.private().stream(), allow_pickle=True) as archive,
    ):
        return {name: archive[name] for name in archive.files}


def _save_npy(obj: object, target: Target) -> None:
    numpy = library("numpy", "saving an npy file")
    if not isinstance(obj, numpy.ndarray | numpy.generic):
        raise unsuitable(obj, "an npy file", "one numpy array", "use numpy.asarray first, save several arrays as .npz, a table as .parquet")
    with writing("an npy file", "save it as .joblib"):
        numpy.save(writable(target), obj)


def _save_npz(obj: object, target: Target) -> None:
    numpy = library("numpy", "saving an npz file")
    if not isinstance(obj, dict) or not all(isinstance(name, str) and isinstance(array, numpy.ndarray) for name, array in obj.items()):
        raise unsuitable(obj, "an npz file", "a dict of names to numpy arrays", "make such a dict, or save one array as .npy")
    with writing("an npz file", "save it as .joblib"):
        numpy.savez(writable(target), **obj)


def _format(name: str, families: set[str], objects: bool, **functions: Any) -> Format:
    return Format(
        name=f"{name}-objects" if objects else name,
        families=frozenset(families | ({"pickle"} if objects else set())),
        # The suffix cannot tell which of the two it is: the bytes do.
        suffixes=() if objects else (f".{name}",),
        runs_code=objects,
        extra="models",
        library="numpy",
        **functions,
    )


FORMATS: tuple[Format, ...] = tuple(
    format_
    for objects, load_npy, load_npz in ((False, _load_npy, _load_npz), (True, _load_npy_objects, _load_npz_objects))
    for format_ in (
        _format(
            "npy",
            {"npy"},
            objects,
            recognise=functools.partial(_recognise_npy, objects=objects),
            load=load_npy,
            save=_save_npy,
            recognised_by="`\\x93NUMPY`, a dtype " + ("with objects" if objects else "without objects"),
        ),
        _format(
            "npz",
            {"npz"},
            objects,
            recognise=functools.partial(_recognise_npz, objects=objects),
            load=load_npz,
            save=_save_npz,
            recognised_by="zip of `.npy` files, " + ("some with objects" if objects else "none with objects"),
        ),
    )
)
