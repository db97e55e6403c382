"""How the files of the load path table are made: one function for each format, equal bytes for equal seeds where the format lets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

COUNT = 400


def numbers(seed: int) -> list[int]:
    return [(seed * 7919 + i * 104729) % 10007 for i in range(COUNT)]


def lines(seed: int) -> bytes:
    return b"x\n" + b"".join(b"%d\n" % n for n in numbers(seed))


def frame(seed: int) -> Any:
    import pandas

    return pandas.DataFrame({"x": numbers(seed), "y": [n / 2 for n in numbers(seed)]})


def text(path: Path, seed: int) -> None:
    path.write_bytes(lines(seed))


def array(seed: int) -> Any:
    import numpy

    return numpy.array(numbers(seed), dtype="int64")


def table(path: Path, seed: int) -> Any:
    import pyarrow

    del path
    return pyarrow.table({"x": numbers(seed), "y": [n / 2 for n in numbers(seed)]})


def make_npy(path: Path, seed: int) -> None:
    import numpy

    numpy.save(path, array(seed))


def make_npz(path: Path, seed: int) -> None:
    import numpy

    numpy.savez(path, x=array(seed))


def make_csv(path: Path, seed: int) -> None:
    frame(seed).to_csv(path, index=False)


def make_parquet(path: Path, seed: int) -> None:
    frame(seed).to_parquet(path)


def make_xlsx(path: Path, seed: int) -> None:
    frame(seed).to_excel(path, index=False)


def make_feather(path: Path, seed: int) -> None:
    frame(seed).to_feather(path)


def make_hdf(path: Path, seed: int) -> None:
    frame(seed).to_hdf(path, key="t")


def make_json(path: Path, seed: int) -> None:
    path.write_text(json.dumps(numbers(seed)))


def make_arrow(path: Path, seed: int) -> None:
    import pyarrow

    made = table(path, seed)
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made)


def make_orc(path: Path, seed: int) -> None:
    import pyarrow.orc

    pyarrow.orc.write_table(table(path, seed), str(path))


def make_duckdb(path: Path, seed: int) -> None:
    import duckdb

    with duckdb.connect(str(path)) as base:
        made = frame(seed)
        base.execute("create table t as select * from made")
        del made


def make_sqlite(path: Path, seed: int) -> None:
    import sqlite3

    base = sqlite3.connect(path)
    base.execute("create table t (x, y)")
    base.executemany("insert into t values (?, ?)", [(n, n / 2) for n in numbers(seed)])
    base.commit()
    base.close()


def make_h5(path: Path, seed: int) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["x"] = array(seed)


def make_netcdf(path: Path, seed: int) -> None:
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("n", COUNT)
        file.createVariable("x", "i8", ("n",))[:] = array(seed)


def make_joblib(path: Path, seed: int) -> None:
    import joblib

    joblib.dump({"x": array(seed)}, path)


def make_pickle(path: Path, seed: int) -> None:
    import pickle

    path.write_bytes(pickle.dumps({"x": numbers(seed)}))


def make_torch(path: Path, seed: int) -> None:
    import torch

    torch.save({"x": torch.tensor(numbers(seed))}, path)


def make_safetensors(path: Path, seed: int) -> None:
    from safetensors.numpy import save_file

    save_file({"x": array(seed)}, path)


def make_xgboost(path: Path, seed: int) -> None:
    import xgboost

    data = xgboost.DMatrix(array(seed).reshape(-1, 4), label=array(seed + 1)[: COUNT // 4] % 2)
    xgboost.train({"max_depth": 2, "nthread": 1}, data, 2).save_model(path)


def make_lightgbm(path: Path, seed: int) -> None:
    import lightgbm

    data = lightgbm.Dataset(array(seed).reshape(-1, 4).astype(float), label=array(seed + 1)[: COUNT // 4] % 2)
    lightgbm.train({"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 2}, data, 2).save_model(path)


def make_onnx(path: Path, seed: int) -> None:
    from onnx import TensorProto, helper, save

    shape = [1]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "b")]
    weight = helper.make_tensor("w", TensorProto.FLOAT, shape, [float(seed)])
    graph = helper.make_graph([helper.make_node("Add", ["a", "w"], ["b"])], "g", values[:1], values[1:], [weight])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def make_png(path: Path, seed: int) -> None:
    import numpy
    from PIL import Image

    Image.fromarray((numpy.array(numbers(seed)) % 256).astype("uint8").reshape(20, 20)).save(path)


def make_zip(path: Path, seed: int) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", lines(seed))


def make_tar(path: Path, seed: int) -> None:
    import io
    import tarfile

    with tarfile.open(path, "w") as file:
        member = tarfile.TarInfo("x")
        member.size = len(lines(seed))
        file.addfile(member, io.BytesIO(lines(seed)))


def make_gzip(path: Path, seed: int) -> None:
    import gzip

    path.write_bytes(gzip.compress(lines(seed), mtime=0))


def make_mat(path: Path, seed: int) -> None:
    import scipy.io

    scipy.io.savemat(path, {"x": array(seed)})
