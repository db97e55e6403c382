"""The table of load paths: how libraries and languages get at a file, each with how such a file is made and what a load of it is worth.

Rules kept: a row names one call as people write it; what it returns is plain JSON, so that two processes can compare it; a row whose handle reads
later (a mapping, an open file) is read only when the value is asked for.

    python load_paths.py make FOLDER SEEDS    every row's file in a folder for each column, and on stdout the value of each
    python load_paths.py drive FOLDER         the rows' columns, as tests/sandbox/test_load_paths.py asks for them on stdin
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.load_path_calls import (
    arrow_csv,
    copied,
    dataset,
    duckdb_file,
    feather,
    gzipped,
    h5,
    json_file,
    lightgbm_model,
    listed,
    mat,
    memory_map,
    netcdf,
    of_columns,
    of_duckdb,
    of_joblib,
    of_numpy,
    of_pandas,
    of_polars,
    of_torch,
    of_x,
    onnx_model,
    onnx_session,
    open_descriptor,
    open_file,
    open_mapped,
    open_with_c,
    orc,
    parquet,
    picture,
    pixels,
    plain,
    printed,
    read_descriptor,
    rows_of,
    safetensors,
    safetensors_torch,
    sqlite_file,
    sqlite_plain,
    tarred,
    unpickled,
    xgboost_model,
    zipped,
)
from tests.sandbox.load_path_files import (
    make_arrow,
    make_csv,
    make_duckdb,
    make_feather,
    make_gzip,
    make_h5,
    make_hdf,
    make_joblib,
    make_json,
    make_lightgbm,
    make_mat,
    make_netcdf,
    make_npy,
    make_npz,
    make_onnx,
    make_orc,
    make_parquet,
    make_pickle,
    make_png,
    make_safetensors,
    make_sqlite,
    make_tar,
    make_torch,
    make_xgboost,
    make_xlsx,
    make_zip,
    text,
)


@dataclass(frozen=True)
class Row:
    """One load path. ``opened`` is the call, ``value`` what is read from what it returned; ``says`` is part of the refusal's text:
    some libraries have one sentence for every file that they could not open."""

    name: str
    file: str
    make: Callable[[Path, int], None]
    opened: Callable[[str], Any]
    value: Callable[[Any], Any] = lambda found: found
    says: str = "permission denied"
    read_only: bool = True
    """Whether the file is opened for reading only: nobody else's writer is then in the way."""


ROWS = (
    Row("open", "open.txt", text, open_file, lambda found: found.read().decode()),
    Row("pathlib", "pathlib.txt", text, lambda path: Path(path).read_text()),
    Row("os.open", "os.txt", text, open_descriptor, read_descriptor),
    Row("mmap", "mmap.txt", text, open_mapped, lambda found: found[:].decode()),
    Row("fopen", "fopen.txt", text, open_with_c),
    Row("shutil.copy", "copy.txt", text, copied),
    Row("json.load", "values.json", make_json, json_file),
    Row("numpy.load", "load.npy", make_npy, of_numpy("load"), plain),
    Row("numpy.load mmap_mode", "mapped.npy", make_npy, of_numpy("load", mmap_mode="r"), plain),
    Row("numpy.load npz", "load.npz", make_npz, of_numpy("load"), of_x),
    Row("numpy.memmap", "memmap.npy", make_npy, of_numpy("memmap", mode="r", dtype="int64"), plain),
    Row("numpy.loadtxt", "loadtxt.txt", text, of_numpy("loadtxt", skiprows=1), plain),
    Row("numpy.fromfile", "fromfile.npy", make_npy, of_numpy("fromfile", dtype="int64"), plain),
    Row("scipy.io.loadmat", "matrix.mat", make_mat, mat, lambda found: plain(found["x"][0])),
    Row("pandas.read_csv", "pandas.csv", make_csv, of_pandas("read_csv"), listed),
    Row("pandas.read_csv pyarrow", "pandas-arrow.csv", make_csv, of_pandas("read_csv", engine="pyarrow"), listed),
    Row("pandas.read_parquet", "pandas.parquet", make_parquet, of_pandas("read_parquet"), listed),
    Row("pandas.read_excel", "pandas.xlsx", make_xlsx, of_pandas("read_excel"), listed),
    Row("pandas.read_feather", "pandas.feather", make_feather, of_pandas("read_feather"), listed),
    Row("pandas.read_hdf", "pandas.h5", make_hdf, of_pandas("read_hdf"), listed),
    Row("pyarrow.parquet.read_table", "arrow.parquet", make_parquet, parquet, of_columns),
    Row("pyarrow.csv.read_csv", "arrow.csv", make_csv, arrow_csv, of_columns),
    Row("pyarrow.dataset", "dataset.parquet", make_parquet, dataset, of_columns),
    Row("pyarrow.feather", "arrow.feather", make_feather, feather, of_columns),
    Row("pyarrow.memory_map", "mapped.arrow", make_arrow, memory_map, of_columns),
    Row("pyarrow.orc", "arrow.orc", make_orc, orc, of_columns),
    Row("polars.read_csv", "polars.csv", make_csv, of_polars("read_csv"), listed),
    Row("polars.scan_csv", "polars-scan.csv", make_csv, of_polars("scan_csv"), listed),
    Row("polars.read_parquet", "polars.parquet", make_parquet, of_polars("read_parquet"), listed),
    Row("polars.scan_parquet", "polars-scan.parquet", make_parquet, of_polars("scan_parquet"), listed),
    Row("polars.read_ipc", "polars.arrow", make_arrow, of_polars("read_ipc"), listed),
    Row("duckdb csv", "duck.csv", make_csv, of_duckdb("select x, y from read_csv('{}')")),
    Row("duckdb parquet", "duck.parquet", make_parquet, of_duckdb("select x, y from '{}'")),
    Row("duckdb.connect", "base.duckdb", make_duckdb, duckdb_file, lambda found: rows_of(found.execute("select x, y from t").fetchall())),
    Row("sqlite3 read-only", "ro.db", make_sqlite, sqlite_file, rows_of, says="unable to open database file"),
    Row("sqlite3.connect", "base.db", make_sqlite, sqlite_plain, rows_of, says="unable to open database file", read_only=False),
    Row("h5py", "tensors.h5", make_h5, h5, of_x),
    Row("netCDF4", "grid.nc", make_netcdf, netcdf, lambda found: plain(found["x"][:])),
    Row("pickle", "value.pkl", make_pickle, unpickled, of_x),
    Row("joblib", "value.joblib", make_joblib, of_joblib(), of_x),
    Row("joblib mmap_mode", "mapped.joblib", make_joblib, of_joblib(mmap_mode="r"), of_x),
    Row("torch.load", "load.pt", make_torch, of_torch(), of_x),
    Row("torch.load mmap", "mapped.pt", make_torch, of_torch(mmap=True), of_x),
    Row("safetensors.safe_open", "open.safetensors", make_safetensors, safetensors, lambda found: plain(found.get_tensor("x")), says="no such file"),
    Row("safetensors.torch", "torch.safetensors", make_safetensors, safetensors_torch, of_x, says="no such file"),
    Row("xgboost", "model.ubj", make_xgboost, xgboost_model),
    Row("lightgbm", "lightgbm.txt", make_lightgbm, lightgbm_model, says="could not open"),
    Row("onnx", "model.onnx", make_onnx, onnx_model),
    Row("onnxruntime", "session.onnx", make_onnx, onnx_session, says="system error number 13"),
    Row("PIL", "picture.png", make_png, picture, pixels),
    Row("zipfile", "archive.zip", make_zip, zipped, lambda found: found.read("x").decode()),
    Row("tarfile", "archive.tar", make_tar, tarred, lambda found: found.extractfile("x").read().decode()),
    Row("gzip", "lines.gz", make_gzip, gzipped, lambda found: found.read().decode()),
    Row("cat", "cat.txt", text, printed("cat", "{}")),
    Row("head", "head.txt", text, printed("head", "-n", "20", "{}")),
    Row("awk", "awk.txt", text, printed("awk", "{s += $1} END {print s}", "{}")),
    Row("perl", "perl.txt", text, printed("perl", "-e", 'open(my $f, "<", "{}") or die $!; print while <$f>;')),
    Row("sh", "sh.txt", text, printed("sh", "-c", "while read x; do echo $x; done < '{}'")),
    Row("sqlite3 shell", "shell.db", make_sqlite, printed("sqlite3", "-readonly", "{}", "select x from t"), says="unable to open database"),
)


def attempt(call: Callable[[], Any]) -> dict[str, Any]:
    """What a call gives: {"value": ...} or {"error": text, "type": class and its bases}."""
    try:
        return {"value": call()}
    except Exception as err:  # noqa: BLE001  # what any library raises for a refusal is what the table is about
        return {"error": str(err), "types": [base.__name__ for base in type(err).__mro__]}


def drive(folder: Path) -> None:
    """First all columns as they are; then, after a line on stdin, what became of those that somebody outside changed meanwhile."""
    found: dict[str, dict[str, Any]] = {row.name: {} for row in ROWS}
    kept: dict[str, Any] = {}

    def path(row: Row, column: str) -> str:
        return str(folder / column / row.file)

    def load(row: Row, column: str) -> dict[str, Any]:
        return attempt(lambda: row.value(row.opened(path(row, column))))

    def hold(row: Row) -> dict[str, Any]:
        kept[row.name] = row.opened(path(row, "held"))
        return {}

    for row in ROWS:
        found[row.name] = {column: load(row, column) for column in ("unsigned", "signed", "changed")}
        if row.read_only:
            found[row.name]["opened"] = attempt(lambda row=row: hold(row))  # type: ignore[misc]  # bound now
    print("\nFIRST", flush=True)
    sys.stdin.readline()
    for row in ROWS:
        found[row.name]["changed again"] = load(row, "changed")
        if row.name in kept:
            found[row.name]["held"] = attempt(lambda row=row: row.value(kept.pop(row.name)))  # type: ignore[misc]
            found[row.name]["held again"] = load(row, "held")
    print("\nRESULT " + json.dumps(found), flush=True)


def make(folder: Path, seeds: dict[str, int]) -> None:
    """The files of columns, each from its seed. On stdout: what each row's load gives, for each column."""
    found: dict[str, dict[str, Any]] = {}
    for column, seed in seeds.items():
        (folder / column).mkdir(parents=True)
        for row in ROWS:
            row.make(folder / column / row.file, seed)
            found.setdefault(column, {})[row.name] = row.value(row.opened(str(folder / column / row.file)))
    print("\nRESULT " + json.dumps(found), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), json.loads(sys.argv[3]))
    else:
        drive(Path(sys.argv[2]))
