"""Pickle and joblib files, also compressed. Loading them runs code, so they are loaded from private bytes and under the allowlist."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any, BinaryIO

from jupyter_mlsc.formats import compression
from jupyter_mlsc.formats.format import HEAD_SIZE, Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, writing
from jupyter_mlsc.formats.recognition import TORCH_MAGIC, is_pickle

_JOBLIB = re.compile(rb"joblib\.numpy_pickle")
_JOBLIB_COMPRESSED = {".z": "zlib", ".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".lzma": "lzma"}


def _readable_head(head: bytes, opened: Opened) -> bytes:
    """The first bytes of the pickle itself, below a compressed layer if there is one."""
    return head if compression.layer(head) is None or isinstance(opened, Path) else compression.inner_head(head, opened)


def recognise_pickle(head: bytes, opened: Opened) -> bool:
    """A pickle of any protocol, also compressed, that torch did not write."""
    inner = _readable_head(head, opened)
    return is_pickle(inner) and not TORCH_MAGIC.match(inner)


def _consistent(head: bytes, opened: Opened) -> bool:
    """Whether bytes that are named as a pickle can be one: less is asked of them."""
    return is_pickle(_readable_head(head, opened), lenient=True)


def recognise_joblib(head: bytes, opened: Opened) -> bool:
    """A pickle whose first bytes name joblib's array placeholder; one without arrays is a plain pickle to any eye."""
    return recognise_pickle(head, opened) and _JOBLIB.search(_readable_head(head, opened)) is not None


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    import importlib.util

    from jupyter_mlsc.formats.strict_unpickler import ArraysFollow
    from jupyter_mlsc.formats.unpickling import unpickling

    source = source.private()
    stream = source.stream()
    packed = compression.layer(stream.read(HEAD_SIZE))
    stream.seek(0)
    with reading(source.name, "pickle or joblib file"), unpickling(source.name, lifted=lifted, allow=allow):
        if packed is None:
            try:
                return _unpickler(stream, lifted=lifted).load()
            except ArraysFollow:
                stream.seek(0)
                return _joblib_unpickler(stream, source.name, lifted=lifted).load()
        layer = compression.opened_layer(packed, stream, f"loading {source.name}")
        # joblib's unpickler reads plain pickles as well, so it is right for all compressed ones.
        with_arrays = importlib.util.find_spec("joblib") is not None
        loaded = (_joblib_unpickler(layer, source.name, lifted=lifted) if with_arrays else _unpickler(layer, lifted=lifted)).load()
        # The check sum stands at the end, behind the pickle's own end.
        while layer.read(HEAD_SIZE):
            pass
        return loaded


def _unpickler(stream: BinaryIO, *, lifted: bool) -> Any:
    from jupyter_mlsc.formats.strict_unpickler import CUnpickler, StrictUnpickler

    return (CUnpickler if lifted else StrictUnpickler)(stream)


def _joblib_unpickler(stream: BinaryIO, name: str, *, lifted: bool) -> Any:
    from jupyter_mlsc.formats.strict_unpickler import strict_joblib_unpickler

    numpy_pickle = library("joblib.numpy_pickle", f"loading {name}")
    return numpy_pickle.NumpyUnpickler("", stream, ensure_native_byte_order=True) if lifted else strict_joblib_unpickler()(stream)


def _save_pickle(obj: object, target: Target, packed: str | None = None) -> None:
    with writing("a pickle", "define its classes and functions in an importable module, or save its data as parquet, npz or safetensors"):
        import pickle

        stream = writable(target)
        if packed is None:
            pickle.dump(obj, stream)
            return
        with compression.packed(packed, stream) as layer:
            pickle.dump(obj, layer)


def _save_joblib(obj: object, target: Target, packed: str | None = None) -> None:
    joblib = library("joblib", "saving a joblib file")
    with writing("a joblib file", "define its classes and functions in an importable module, or save its data as parquet, npz or safetensors"):
        joblib.dump(obj, writable(target), compress=0 if packed is None else (packed, 3))


def _pickle(suffixes: tuple[str, ...], packed: str | None) -> Format:
    return Format(
        name="pickle" if packed is None else f"pickle-{packed}",
        families=frozenset({"pickle"}),
        suffixes=suffixes,
        runs_code=True,
        extra=None,
        recognise=_consistent,
        load=_load,
        save=functools.partial(_save_pickle, packed=packed),
        recognised_by="its opcodes, any protocol" if packed is None else f"{packed}, opcodes below",
    )


def _joblib(suffix: str, packed: str | None) -> Format:
    return Format(
        name="joblib" if packed is None else f"joblib-{packed}",
        families=frozenset({"joblib", "pickle"}),
        suffixes=(suffix,),
        runs_code=True,
        extra="models",
        recognise=_consistent,
        load=_load,
        save=functools.partial(_save_joblib, packed=packed),
        library="joblib",
        recognised_by="a pickle that names joblib's array placeholder" if packed is None else f"{packed}, a pickle below",
    )


PICKLE = _pickle((".pkl", ".pickle"), None)
JOBLIB = _joblib(".joblib", None)
FORMATS: tuple[Format, ...] = (
    PICKLE,
    *(_pickle((f".pkl{suffix}", f".pickle{suffix}"), name) for name, suffix in compression.SUFFIX_OF.items()),
    JOBLIB,
    *(_joblib(f".joblib{suffix}", name) for suffix, name in _JOBLIB_COMPRESSED.items()),
)
