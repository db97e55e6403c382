"""What runs inside the guarded kernel: every hostile pickle through every loader, from memory and from files. Imported there, not collected here."""

from __future__ import annotations

import contextlib
import dbm.dumb
import gzip
import io
import os
import pickle
import shelve
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "formats"))

import cloudpickle
import dill
import joblib
import numpy as np
import pandas as pd
import torch
from hostile_pickles import Hostile, as_legacy_torch, as_npy, as_npz, as_torch, hostile_pickles

Load = Callable[[], object]


def from_memory(data: bytes) -> Iterator[tuple[str, Load]]:
    """Bytes that were read before, through the loaders of all common libraries."""
    yield "pickle.loads", lambda: pickle.loads(data)
    yield "pickle.load", lambda: pickle.load(io.BytesIO(data))
    yield "pickle.Unpickler", lambda: pickle.Unpickler(io.BytesIO(data)).load()
    yield "pickle._Unpickler", lambda: pickle._Unpickler(io.BytesIO(data)).load()  # type: ignore[attr-defined]  # the Python twin
    yield "dill.loads", lambda: dill.loads(data)
    yield "cloudpickle.loads", lambda: cloudpickle.loads(data)
    yield "joblib.load", lambda: joblib.load(io.BytesIO(data))
    yield "joblib.load, compressed", lambda: joblib.load(io.BytesIO(zlib.compress(data)))
    yield "pandas.read_pickle", lambda: pd.read_pickle(io.BytesIO(data))
    yield "numpy.load", lambda: np.load(io.BytesIO(as_npy(data)), allow_pickle=True)
    yield "numpy.load, npz", lambda: np.load(io.BytesIO(as_npz(data)), allow_pickle=True)["a"]
    yield "torch.load", lambda: torch.load(io.BytesIO(as_torch(data)), weights_only=False)
    yield "torch.load, legacy", lambda: torch.load(io.BytesIO(as_legacy_torch(data)), weights_only=False)


def from_files(data: bytes, folder: Path) -> Iterator[tuple[str, Load]]:
    """The same from files, which this writes; ``folder`` may be governed or not."""

    def file(name: str, content: bytes) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    def opened(load: Callable[[io.BufferedReader], object], path: Path) -> object:
        with open(path, "rb") as stream:
            return load(stream)

    plain, packed, array = file("a.pkl", data), file("a.pkl.gz", gzip.compress(data)), file("a.npy", as_npy(data))
    arrays, model, squeezed = file("a.npz", as_npz(data)), file("a.pt", as_torch(data)), file("a.joblib", zlib.compress(data))
    with contextlib.closing(dbm.dumb.open(str(folder / "shelf"), "n")) as table:
        table[b"k"] = data
    yield "pickle.load", lambda: opened(pickle.load, plain)
    yield "pickle.Unpickler", lambda: opened(lambda stream: pickle.Unpickler(stream).load(), plain)
    yield "pickle._Unpickler", lambda: opened(lambda stream: pickle._Unpickler(stream).load(), plain)  # type: ignore[attr-defined]  # the Python twin
    yield "pickle.loads of what was read", lambda: pickle.loads(plain.read_bytes())
    yield "dill.load", lambda: opened(dill.load, plain)
    yield "cloudpickle.load", lambda: opened(cloudpickle.load, plain)
    yield "joblib.load", lambda: joblib.load(plain)
    yield "joblib.load, compressed", lambda: joblib.load(squeezed)
    yield "pandas.read_pickle", lambda: pd.read_pickle(plain)
    yield "pandas.read_pickle, gzip", lambda: pd.read_pickle(packed)
    yield "numpy.load", lambda: np.load(array, allow_pickle=True)
    yield "numpy.load, npz", lambda: np.load(arrays, allow_pickle=True)["a"]
    yield "torch.load", lambda: torch.load(model, weights_only=False)
    yield "shelve", lambda: _from_shelf(folder)


def _from_shelf(folder: Path) -> object:
    with contextlib.closing(shelve.Shelf(dbm.dumb.open(str(folder / "shelf"), "r"))) as shelf:
        return shelf["k"]


def attack(words: list[str], folder: Path | None, marker: Path) -> dict[str, str]:
    """Try everything; what is returned went wrong. ``folder`` None: from memory."""
    wrong: dict[str, str] = {}
    payloads = hostile_pickles(str(marker))
    for word in words or sorted(payloads):
        hostile = payloads[word]
        for loader, load in from_memory(hostile.data) if folder is None else from_files(hostile.data, folder):
            told = _try(hostile, load)
            if marker.exists() or os.path.exists(f"{marker}.prof"):
                told = "it ran"
                marker.unlink()
            if told is not None:
                wrong[f"{word} through {loader}"] = told
    return wrong


def _try(hostile: Hostile, load: Load) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load()
    except Exception as err:  # noqa: BLE001  # whatever a library makes of the refusal
        told = "\n".join(_messages(err))
        if "blocked\n" in told and "next: " in told:
            return None  # policy refused the whole file
        if hostile.names not in told or "next: " not in told:
            return f"refused, but not told why: {told}"
        return None
    return "it loaded"


def _messages(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__
