"""What runs inside the guarded kernel: honest models, frames and values through the same loaders. Imported there, not collected here."""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "formats"))

import cloudpickle
import dill
import honest_objects
import joblib
import numpy as np
import pandas as pd
import torch


def loaders(value: Any, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Ways to write and read one value; files go below ``folder``."""
    data = pickle.dumps(value)
    file, packed = folder / "a.pkl", folder / "a.joblib"
    file.write_bytes(data)
    joblib.dump(value, packed, compress=1)
    yield "pickle.loads", lambda: pickle.loads(data)
    yield "pickle._loads", lambda: pickle._loads(pickle.dumps(value, 2))  # type: ignore[attr-defined]  # the Python twin
    yield "pickle.load", lambda: _opened(file)
    yield "joblib.load", lambda: joblib.load(packed)
    yield "pandas.read_pickle", lambda: pd.read_pickle(file)
    yield "dill.loads", lambda: dill.loads(data)
    yield "cloudpickle.loads", lambda: cloudpickle.loads(data)
    yield "numpy.load", lambda: np.load(_array(value), allow_pickle=True)


def _opened(file: Path) -> object:
    with open(file, "rb") as stream:
        return pickle.load(stream)


def _array(value: Any) -> io.BytesIO:
    stream, array = io.BytesIO(), np.empty(1, object)
    array[0] = value
    np.save(stream, array)
    stream.seek(0)
    return stream


def load_all(kinds: list[str], folder: Path, every: int = 1) -> tuple[int, dict[str, str]]:
    """How many objects loaded through every loader, and what went wrong."""
    wrong: dict[str, str] = {}
    loaded = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in kinds:
            for name, value in list(getattr(honest_objects, kind)().items())[::every]:
                data = pickle.dumps(value, 2)
                if b"sklearn.metrics._scorer" in data or b"getattr" in data:
                    continue  # for this package's own loaders only: docs/unpickle.md says why
                for loader, load in _torch(value, folder) if kind == "torch_objects" else loaders(value, folder):
                    try:
                        load()
                    except Exception as err:  # noqa: BLE001  # whatever a library makes of the refusal
                        wrong[f"{name} through {loader}"] = f"{type(err).__name__}: {err}"
                loaded += 1
    return loaded, wrong


def _torch(value: Any, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    torch.save(value, folder / "a.pt")
    torch.save(value, folder / "old.pt", _use_new_zipfile_serialization=False)
    yield "torch.load", lambda: torch.load(folder / "a.pt", weights_only=False)
    if _old_format_holds(value):
        yield "torch.load, legacy", lambda: torch.load(folder / "old.pt", weights_only=False)


def _old_format_holds(value: Any) -> bool:
    """Storages and the newest dtypes can be written in torch's old format, and not read back."""
    return not isinstance(value, torch.UntypedStorage) and not (isinstance(value, dict) and "float8_e4m3fn" in value)
