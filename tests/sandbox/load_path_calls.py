"""How the files of the load path table are loaded, as people write it, and what is read from what a call returned.

Rules kept: a library is imported by the call that needs it; a value is plain JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def listed(found: Any) -> list[Any]:
    return [list(map(float, column)) for column in (found["x"], found["y"])]


def rows_of(found: Any) -> list[list[float]]:
    """Rows (x, y) of a database cursor as two columns."""
    return [list(map(float, column)) for column in zip(*found, strict=True)]


def open_file(path: str) -> Any:
    return open(path, "rb")


def open_mapped(path: str) -> Any:
    import mmap

    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def open_descriptor(path: str) -> Any:
    import os

    return os.open(path, os.O_RDONLY)


def read_descriptor(found: Any) -> Any:
    import os

    return os.pread(found, 1 << 20, 0).decode()


def open_with_c(path: str) -> Any:
    import ctypes
    import os

    libc = ctypes.CDLL(None, use_errno=True)
    libc.fopen.restype = ctypes.c_void_p
    stream = libc.fopen(path.encode(), b"r")
    if not stream:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        buffer = ctypes.create_string_buffer(1 << 16)
        return buffer.raw[: libc.fread(buffer, 1, len(buffer), ctypes.c_void_p(stream))].decode()
    finally:
        libc.fclose(ctypes.c_void_p(stream))


def printed(*argv: str) -> Callable[[str], Any]:
    """What a program prints for a file; its own words where it fails."""

    def load(path: str) -> Any:
        import subprocess

        done = subprocess.run([each.replace("{}", path) for each in argv], capture_output=True, text=True, check=False)
        if done.returncode or (done.stderr and not done.stdout):
            raise RuntimeError(done.stderr)
        return done.stdout

    return load


def of_numpy(name: str, **options: Any) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        import numpy

        return getattr(numpy, name)(path, **options)

    return load


def of_pandas(name: str, **options: Any) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        import pandas

        return getattr(pandas, name)(path, **options)

    return load


def of_polars(name: str) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        import polars

        found = getattr(polars, name)(path)
        return found.collect() if hasattr(found, "collect") else found

    return load


def of_duckdb(query: str) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        import duckdb

        return rows_of(duckdb.connect().execute(query.replace("{}", path)).fetchall())

    return load


def parquet(path: str) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path)


def arrow_csv(path: str) -> Any:
    import pyarrow.csv

    return pyarrow.csv.read_csv(path)


def dataset(path: str) -> Any:
    import pyarrow.dataset

    return pyarrow.dataset.dataset(path, format="parquet").to_table()


def feather(path: str) -> Any:
    import pyarrow.feather

    return pyarrow.feather.read_table(path, memory_map=True)


def memory_map(path: str) -> Any:
    import pyarrow

    return pyarrow.ipc.open_file(pyarrow.memory_map(path)).read_all()


def orc(path: str) -> Any:
    import pyarrow.orc

    return pyarrow.orc.read_table(path)


def duckdb_file(path: str) -> Any:
    import duckdb

    return duckdb.connect(path, read_only=True)


def sqlite_file(path: str) -> Any:
    import sqlite3

    return sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("select x, y from t").fetchall()


def sqlite_plain(path: str) -> Any:
    import sqlite3

    base = sqlite3.connect(path)
    try:
        return base.execute("select x, y from t").fetchall()
    finally:
        base.close()


def h5(path: str) -> Any:
    import h5py

    return h5py.File(path, "r")


def netcdf(path: str) -> Any:
    import netCDF4

    return netCDF4.Dataset(path)


def unpickled(path: str) -> Any:
    import pickle

    with open(path, "rb") as file:
        return pickle.load(file)


def of_joblib(**options: Any) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        import joblib

        return joblib.load(path, **options)

    return load


def of_torch(**options: Any) -> Callable[[str], Any]:
    def load(path: str) -> Any:
        import torch

        return torch.load(path, **options)

    return load


def safetensors(path: str) -> Any:
    from safetensors import safe_open

    return safe_open(path, framework="numpy")


def safetensors_torch(path: str) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


def xgboost_model(path: str) -> Any:
    import xgboost

    return list(xgboost.Booster(model_file=path).get_dump())


def lightgbm_model(path: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_file=path).model_to_string()


def onnx_model(path: str) -> Any:
    import onnx

    return onnx.load(path).SerializeToString().hex()


def onnx_session(path: str) -> Any:
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return float(session.run(None, {"a": numpy.zeros(1, dtype="float32")})[0][0])


def picture(path: str) -> Any:
    from PIL import Image

    return Image.open(path)


def pixels(found: Any) -> Any:
    return found.tobytes().hex()


def zipped(path: str) -> Any:
    import zipfile

    return zipfile.ZipFile(path)


def tarred(path: str) -> Any:
    import tarfile

    return tarfile.open(path)


def gzipped(path: str) -> Any:
    import gzip

    return gzip.open(path)


def mat(path: str) -> Any:
    import scipy.io

    return scipy.io.loadmat(path)


def json_file(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def copied(path: str) -> Any:
    import os
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return Path(shutil.copy(path, os.path.join(folder, "copy"))).read_text()


def plain(found: Any) -> Any:
    return [float(each) for each in found]


def of_x(found: Any) -> Any:
    return [float(each) for each in found["x"]]


def of_columns(found: Any) -> Any:
    return listed({"x": found["x"].to_pylist(), "y": found["y"].to_pylist()})
