"""Every format, saved and loaded with the real libraries: the same as the plain call, from memory and from an open file, and clear about what is broken."""

from __future__ import annotations

import io
import os
import pickle
import random
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from jupyter_mlsc.errors import FormatError, MissingLibraryError, MlscError
from jupyter_mlsc.formats import FORMATS, Format, Source, for_saving, identify

NOTHING: frozenset[str] = frozenset()
FRAME = pd.DataFrame({"n": [1, 2, 3], "x": [0.1, None, 2.5], "s": ["a", "ü", None], "when": ["2020-01-01", "x", "y"]})
ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2], "int8")}
TENSORS = {"w": torch.arange(4.0).reshape(2, 2), "h": torch.ones(2, dtype=torch.bfloat16)}

# What is saved under a suffix, and the plain library call that loads it.
PLAIN: dict[str, tuple[Any, Callable[[Path], Any]]] = {
    **{f".csv{packing}": (FRAME, pd.read_csv) for packing in ("", ".gz", ".zst", ".bz2", ".xz")},
    **{f".tsv{packing}": (FRAME, lambda path: pd.read_csv(path, sep="\t")) for packing in ("", ".gz", ".zst")},
    **{f".jsonl{packing}": (FRAME, lambda path: pd.read_json(path, lines=True)) for packing in ("", ".gz", ".zst")},
    ".parquet": (FRAME, pd.read_parquet),
    ".feather": (FRAME, pd.read_feather),
    ".arrow": (FRAME, pd.read_feather),
    ".arrows": (FRAME, lambda path: pa.ipc.open_stream(path.read_bytes()).read_pandas()),
    ".xlsx": (FRAME, pd.read_excel),
    ".npy": (ARRAYS["a"], np.load),
    ".npz": (ARRAYS, lambda path: dict(np.load(path))),
    ".pkl": (FRAME, pd.read_pickle),
    ".pkl.gz": (FRAME, pd.read_pickle),
    ".pkl.zst": (FRAME, pd.read_pickle),
    ".joblib": (ARRAYS, joblib.load),
    ".joblib.z": (ARRAYS, joblib.load),
    ".joblib.gz": (ARRAYS, joblib.load),
    ".joblib.lzma": (ARRAYS, joblib.load),
    ".safetensors": (ARRAYS, safetensors.numpy.load_file),
    ".pt": (TENSORS, torch.load),
    ".pth": (TENSORS, torch.load),
    ".json": ({"a": [1, 2.5, None, "ü"]}, lambda path: __import__("json").loads(path.read_text())),
    ".txt": ("Grüße\nzwei", lambda path: path.read_text(encoding="utf-8")),
}


def _format(name: str) -> Format:
    return for_saving(name)


def _saved(name: str, obj: object) -> bytes:
    file = io.BytesIO()
    _format(name).save(obj, file)
    return file.getvalue()


def _load(name: str, data: bytes, *, lifted: bool = False) -> Any:
    found = identify(name, io.BytesIO(data)).format
    assert found is not None
    return found.load(Source(name, data=data), lifted=lifted, allow=NOTHING)


def _assert_same(ours: Any, plain: Any) -> None:
    assert type(ours) is type(plain)
    if isinstance(plain, pd.DataFrame):
        pd.testing.assert_frame_equal(ours, plain)
    elif isinstance(plain, dict):
        assert list(ours) == list(plain)
        for name in plain:
            _assert_same(ours[name], plain[name])
    elif isinstance(plain, torch.Tensor):
        assert ours.dtype == plain.dtype
        assert torch.equal(ours, plain)
    elif isinstance(plain, np.ndarray):
        assert ours.dtype == plain.dtype
        np.testing.assert_array_equal(ours, plain)
    else:
        assert ours == plain


@pytest.mark.parametrize("suffix", PLAIN)
def test_what_is_loaded_is_what_the_plain_call_gives(tmp_path: Path, suffix: str) -> None:
    obj, plain_load = PLAIN[suffix]
    path = tmp_path / f"thing{suffix}"
    path.write_bytes(_saved(path.name, obj))
    plain = plain_load(path)
    data = path.read_bytes()
    identified = identify(path.name, io.BytesIO(data))
    assert not identified.mismatch
    assert identified.format is not None
    load = identified.format.load
    _assert_same(load(Source("thing", data=data), lifted=False, allow=NOTHING), plain)
    _assert_same(load(Source("thing", data=memoryview(bytearray(data))), lifted=False, allow=NOTHING), plain)
    _assert_same(load(Source("thing", data=data), lifted=True, allow=NOTHING), plain)
    with path.open("rb") as file:
        # The name may lead elsewhere by now: what counts is the open file.
        path.rename(tmp_path / "elsewhere")
        path.write_bytes(b"another file by the same name")
        _assert_same(load(Source("thing", file=file), lifted=False, allow=NOTHING), plain)


@pytest.mark.parametrize("suffix", [suffix for suffix in PLAIN if suffix != ".xlsx"])
def test_the_same_object_gives_the_same_bytes(suffix: str) -> None:
    obj, _ = PLAIN[suffix]
    assert _saved(f"a{suffix}", obj) == _saved(f"b{suffix}", obj)


@pytest.mark.parametrize("suffix", PLAIN)
def test_broken_files_are_format_errors_that_name_the_file(suffix: str) -> None:
    name = f"thing{suffix}"
    data = _saved(name, PLAIN[suffix][0])
    # A part of a text can be a sound text, and a pickle ends where it says that it ends.
    must_fail = suffix not in (".csv", ".tsv", ".txt", ".jsonl", ".json", ".pkl")
    dice = random.Random(0)
    for broken in (data[: len(data) // 2], data[:-3], data[:10], b"\xff\xfe\x00garbage", data[:20] + bytes(reversed(data[20:])), bytes(dice.randbytes(200))):
        try:
            _format(name).load(Source(name, data=broken), lifted=False, allow=NOTHING)
        except MlscError as err:
            assert name in str(err)  # noqa: PT017 - a shorter text may be sound, so nothing need be raised
        else:
            assert not must_fail


@pytest.mark.parametrize("header", [b"{'descr': ',f8', 'fortran_order': False, 'shape': (1,)}", b"{'descr': '<f8', 'shape': (1,)", b"{'descr': '''<f8}"])
def test_a_header_that_numpys_own_parsers_break_at_is_a_format_error(header: bytes) -> None:
    array = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n" + bytes(8)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.npy", array)
    for name, data in (("a.npy", array), ("a.npz", archive.getvalue())):
        with pytest.raises(FormatError, match=name):
            _format(name).load(Source(name, data=data), lifted=False, allow=NOTHING)


def test_a_csv_without_rows_is_an_empty_frame_with_its_columns() -> None:
    loaded = _load("a.csv", b"a,b\n")
    assert list(loaded.columns) == ["a", "b"]
    assert len(loaded) == 0


def test_text_that_is_not_utf_8_is_named() -> None:
    for name in ("a.txt", "a.csv", "a.json"):
        with pytest.raises(FormatError, match=r"a\..*utf-8"):
            _load(name, b'"caf\xe9,1"\n')


def test_line_ends_are_read_as_python_reads_them() -> None:
    assert _load("a.txt", b"a\r\nb\rc\n") == "a\nb\nc\n"


def test_csv_keeps_an_index_that_says_something() -> None:
    frame = FRAME.set_index("s")
    assert _saved("a.csv", frame).startswith(b"s,n,")
    assert _saved("a.csv", FRAME).startswith(b"n,x,s")
    assert _saved("a.csv", FRAME["n"]).startswith(b"n\n1\n")
    assert _saved("a.csv", FRAME.iloc[1:]).startswith(b",n,")


@pytest.mark.parametrize(
    ("name", "obj"),
    [
        ("a.csv", {"a": 1}),
        ("a.parquet", [1]),
        ("a.feather", np.eye(2)),
        ("a.xlsx", "x"),
        ("a.jsonl", {"a": 1}),
        ("a.json", FRAME),
        ("a.json", np.eye(2)),
        ("a.npy", FRAME),
        ("a.npy", [1, 2]),
        ("a.npz", ARRAYS["a"]),
        ("a.npz", {"a": 1}),
        ("a.safetensors", {"a": 1}),
        ("a.safetensors", FRAME),
        ("a.sqlite", FRAME),
        ("a.txt", b"bytes"),
        ("a.txt", FRAME),
        ("a.pkl", lambda: 1),
        ("a.joblib", lambda: 1),
        ("a.pt", lambda: 1),
        ("a.parquet", pd.DataFrame({"a": [1, "x"]})),
        ("models/bert", FRAME),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_a_format_cannot_hold_is_refused_with_what_to_use_instead(name: str, obj: object, tmp_path: Path) -> None:
    found = for_saving(name)
    with pytest.raises(FormatError) as refused:
        found.save(obj, tmp_path if found.folder else io.BytesIO())
    assert refused.value.next_step


def test_a_disk_that_is_full_stays_an_error_of_the_disk() -> None:
    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            raise OSError(28, "No space left on device")

    for suffix in (".csv", ".json", ".parquet", ".npy", ".pkl", ".joblib", ".safetensors", ".pt", ".txt"):
        with pytest.raises(OSError, match="No space left"):
            _format(f"a{suffix}").save(PLAIN[suffix][0], Full())  # type: ignore[arg-type]  # a raw stream writes as a BinaryIO does


def test_a_database_is_a_read_only_copy_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    data = path.read_bytes()
    loaded = _load("a.sqlite", data)
    assert loaded.execute("SELECT a FROM t").fetchall() == [(1,)]
    with pytest.raises(sqlite3.OperationalError, match="attempt to write"):
        loaded.execute("INSERT INTO t VALUES (2)")
    assert path.read_bytes() == data
    again = _load("b.db", _saved("b.db", loaded))
    assert pd.read_sql("SELECT * FROM t", again).a.tolist() == [1]
    for broken in (data[:100], data[:-100], data[:200] + b"\xff" * (len(data) - 200)):
        with pytest.raises(FormatError, match=r"a\.sqlite"):
            _load("a.sqlite", broken)


def test_numpy_arrays_in_a_pickles_clothes_do_not_unpickle(tmp_path: Path) -> None:
    """`numpy.load` unpickles whatever is no array when it is allowed to; the inert format does not allow it, the other is judged."""
    data = pickle.dumps(os.getcwd)
    inert = next(found for found in FORMATS if found.name == "npy")
    with pytest.raises(FormatError):
        inert.load(Source("a.npy", data=data), lifted=False, allow=NOTHING)


def test_safetensors_that_numpy_cannot_hold_become_tensors() -> None:
    loaded = _load("a.safetensors", _saved("a.safetensors", TENSORS))
    _assert_same(dict(sorted(loaded.items())), dict(sorted(TENSORS.items())))
    mixed = {"a": torch.ones(2), "b": np.ones(2)}
    with pytest.raises(FormatError):
        _saved("a.safetensors", mixed)
    assert np.array_equal(_load("a.safetensors", _saved("a.safetensors", {"a": np.asfortranarray(np.arange(6.0).reshape(2, 3))}))["a"], ARRAYS["a"])


def test_what_was_loaded_does_not_change_with_the_file(tmp_path: Path) -> None:
    """torch maps safetensors by itself; what is mapped would change after the check."""
    path = tmp_path / "a.safetensors"
    data = _saved(path.name, TENSORS)
    path.write_bytes(data)
    with path.open("rb") as file:
        loaded: Any = _format(path.name).load(Source("a", file=file), lifted=False, allow=NOTHING)
    with path.open("r+b") as file:
        file.seek(len(data) - 20)
        file.write(b"\x00" * 20)
    _assert_same(dict(sorted(loaded.items())), dict(sorted(TENSORS.items())))


def test_torchscript_comes_with_code_and_is_refused() -> None:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1)), file)
    with pytest.raises(FormatError, match="TorchScript"):
        _load("a.pt", file.getvalue())
    loaded = _load("a.pt", file.getvalue(), lifted=True)
    assert loaded(torch.ones(1)).shape == (1,)


def test_the_oldest_torch_files_unpack_to_disk_and_are_refused() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    found = identify("x.bin", io.BytesIO(file.getvalue())).found
    assert found is not None
    assert found.name == "torch"
    with pytest.raises(FormatError, match=r"0\.1\.10"):
        _load("a.pt", file.getvalue())


def test_a_zip_that_torch_reads_otherwise_than_python_does_hides_no_torchscript() -> None:
    """Bytes before the archive move its members for one reader and not for the other; the refusal asks torch's own."""
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1)), file)
    inner = io.BytesIO(file.getvalue())
    with zipfile.ZipFile(inner, "a") as archive:
        archive.comment = b"x" * 100
    with pytest.raises(FormatError):
        _load("a.pt", inner.getvalue())


def test_a_workbook_gives_its_first_sheet() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["a"])
    book.active.append([1])
    book.create_sheet("other").append(["b"])
    file = io.BytesIO()
    book.save(file)
    assert _load("a.xlsx", file.getvalue()).to_dict("list") == {"a": [1]}


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("a.csv", "pandas", "data"),
        ("a.npy", "numpy", "models"),
        ("a.safetensors", "safetensors", "models"),
        ("a.pt", "torch", "torch"),
        ("a.parquet", "pyarrow", "data"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(name: str, module: str, extra: str) -> None:
    script = (
        "import sys\n"
        "from jupyter_mlsc.errors import MissingLibraryError\n"
        "from jupyter_mlsc.formats import Source, named_format\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}: raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        f"try: named_format({name!r}).load(Source({name!r}, data=b'x'), lifted=False, allow=frozenset())\n"
        "except MissingLibraryError as err: print(err)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert f'pip install "jupyter_mlsc[{extra}]"' in done.stdout
    assert MissingLibraryError("x").exit_code == 3
