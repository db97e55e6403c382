"""The registry: what a file is by its name and by its bytes, and what the documentation says of it."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import pickle
import sqlite3
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import safetensors.numpy
import torch
import zstandard

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats import FORMATS, Source, for_saving, identify, named_format


def arrow_stream(frame: pd.DataFrame) -> bytes:
    """An Arrow stream, as Hugging Face datasets write it into files that they call .arrow."""
    table, file = pa.Table.from_pandas(frame), io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return file.getvalue()


@functools.cache
def samples() -> dict[str, bytes]:
    """Real bytes of every format, by the format that they are."""
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    made = {
        "csv": frame.to_csv(index=False).encode(),
        "json": b'{"a": 1}',
        "jsonl": b'{"a": 1}\n{"a": 2}\n',
        "text": "Grüße\n".encode(),
        "tsv": b"a\tb\n1\t2\n",
    }

    def written(save: object) -> bytes:
        file = io.BytesIO()
        save(file)  # type: ignore[operator]  # a callable that takes a file
        return file.getvalue()

    made["parquet"] = written(frame.to_parquet)
    made["feather"] = written(frame.to_feather)
    made["arrow-stream"] = arrow_stream(frame)
    made["xlsx"] = written(functools.partial(frame.to_excel, index=False))
    made["npy"] = written(lambda file: np.save(file, np.arange(3)))
    made["npy-objects"] = written(lambda file: np.save(file, np.array([None, 1], dtype=object)))
    made["npz"] = written(lambda file: np.savez(file, a=np.arange(3)))
    made["npz-objects"] = written(lambda file: np.savez(file, a=np.arange(3), b=np.array([None], dtype=object)))
    made["pickle"] = pickle.dumps({"a": 1})
    made["joblib"] = written(lambda file: joblib.dump({"a": np.arange(3)}, file))
    made["safetensors"] = safetensors.numpy.save({"a": np.arange(3)})
    made["torch"] = written(lambda file: torch.save({"a": torch.ones(2)}, file))
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a)")
    connection.commit()
    made["sqlite"] = connection.serialize()
    return made


HAS_MAGIC = {"parquet", "feather", "arrow-stream", "xlsx", "npy", "npy-objects", "npz", "npz-objects", "pickle", "joblib", "safetensors", "torch", "sqlite"}


@pytest.mark.parametrize("kind", list(samples()))
def test_real_files_are_what_their_names_say(kind: str) -> None:
    suffix = next(format_.suffixes[0] for format_ in FORMATS if format_.name == kind.removesuffix("-objects"))
    identified = identify(f"data/thing{suffix.upper()}", io.BytesIO(samples()[kind]))
    assert identified.format is not None
    assert identified.format.name == kind
    assert not identified.mismatch
    assert (identified.found is not None) is (kind in HAS_MAGIC)


@pytest.mark.parametrize("kind", sorted(HAS_MAGIC))
def test_bytes_tell_what_a_file_of_an_unknown_name_is(kind: str) -> None:
    for name in ("thing.bin", "thing", ".hidden"):
        identified = identify(name, io.BytesIO(samples()[kind]))
        assert identified.format is not None
        assert (identified.format.name, identified.named, identified.mismatch) == (kind, None, False)


@pytest.mark.parametrize(
    "named",
    [
        ".csv",
        ".tsv",
        ".json",
        ".jsonl",
        ".txt",
        ".parquet",
        ".feather",
        ".xlsx",
        ".npy",
        ".npz",
        ".pkl",
        ".joblib",
        ".safetensors",
        ".pt",
        ".sqlite",
        ".csv.gz",
    ],
)
def test_a_name_that_belies_the_bytes_is_a_mismatch(named: str) -> None:
    text_names = {".csv", ".tsv", ".json", ".jsonl", ".txt"}
    claimed = named_format("x" + named)
    assert claimed is not None
    for kind, data in samples().items():
        identified = identify("x" + named, io.BytesIO(data))
        twins = ({"pickle", "joblib"}, {"feather", "arrow-stream"})
        same = kind.removesuffix("-objects") == claimed.name or {kind, claimed.name} in twins or (kind not in HAS_MAGIC and named in text_names)
        assert identified.mismatch is not same, kind
        if kind in {"pickle", "joblib", "torch", "npy-objects", "npz-objects"}:
            assert identified.format is not None
            assert identified.format.runs_code, "bytes that can run code win over the name"
        assert identified.named is claimed


def test_other_containers_are_no_tables() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", "x")
    for data in (archive.getvalue(), gzip.compress(b"a,b"), zstandard.compress(b"a,b"), b"\x7fELF\x00\x00", b"\x00\x01"):
        assert identify("x.csv", io.BytesIO(data)).mismatch
        assert identify("x.parquet", io.BytesIO(data)).mismatch
        assert identify("x.pkl", io.BytesIO(data)).mismatch or data.startswith(b"\x1f")


@pytest.mark.parametrize("protocol", range(6))
def test_a_renamed_pickle_is_found_whatever_its_protocol(protocol: int) -> None:
    data = pickle.dumps(pd.Timestamp("2020"), protocol)
    for name in ("notes.txt", "data.csv", "model.bin", "x.parquet", "x.json", "README"):
        for packed in (data, gzip.compress(data), bz2.compress(data), zstandard.compress(data)):
            identified = identify(name, io.BytesIO(packed))
            assert identified.format is not None
            assert identified.format.runs_code
            assert identified.mismatch is (identified.named is not None)


def test_text_is_not_taken_for_a_pickle() -> None:
    for text in (
        "cat\ndog\n",
        "a,b\n1,2\n",
        "col\n1.\n2.\n",
        ".",
        "N.",
        "I1\n.",
        "(1)\n.",
        "0.5\n",
        "ios\nandroid\n",
        "x^2,y\n1,2\n",
        "BZh,1\n",
        "]\n",
        "{}",
        "[]",
    ):
        identified = identify("x.csv", io.BytesIO(text.encode()))
        assert identified.format is not None
        assert identified.format.name == "csv", text
        assert not identified.mismatch, text


def test_a_pickle_longer_than_what_is_looked_at_is_found() -> None:
    data = pickle.dumps([pd.Timestamp("2020")] + ["x" * 10] * 1 + [str(number) for number in range(50_000)], 0)
    found = identify("x.txt", io.BytesIO(data)).found
    assert found is not None
    assert found.name == "pickle"


def test_an_empty_file_claims_nothing_and_does_not_load() -> None:
    for format_ in FORMATS:
        for suffix in format_.suffixes:
            identified = identify(f"empty{suffix}", io.BytesIO(b""))
            assert identified.format is format_
            assert not identified.mismatch
            if format_.name.startswith(("text", "jsonl")):
                continue  # no text and no records are both sound
            with pytest.raises(FormatError, match=f"empty{suffix}"):
                format_.load(Source(f"empty{suffix}", data=b""), lifted=False, allow=frozenset())


def test_a_folder_is_a_model_folder_by_its_config(tmp_path: Path) -> None:
    assert identify("model", tmp_path).format is None
    (tmp_path / "config.json").write_text("{}")
    found = identify("model", tmp_path).format
    assert found is not None
    assert found.name == "huggingface"
    assert for_saving("models/bert") is found


def test_the_longest_suffix_counts() -> None:
    for name, kind in (
        ("a.csv.gz", "csv-gzip"),
        ("a.b.csv", "csv"),
        ("a.pkl.xz", "pickle-xz"),
        ("a.2020.joblib.z", "joblib-zlib"),
        ("v1.csv/data.parquet", "parquet"),
    ):
        found = named_format(name)
        assert found is not None
        assert found.name == kind
    assert named_format("a.csv.bak") is None
    assert named_format("csv") is None


def test_saving_under_an_unknown_suffix_says_what_is_known() -> None:
    with pytest.raises(FormatError, match=r"\.parquet"):
        for_saving("model.mat")


def test_suffixes_and_names_are_claimed_once() -> None:
    suffixes = [suffix for format_ in FORMATS for suffix in format_.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert len({format_.name for format_ in FORMATS}) == len(FORMATS)
    for format_ in FORMATS:
        assert format_.runs_code is ("pickle" in format_.families or format_.name in {"huggingface", "hdf5-keras", "keras", "skops"})


def test_the_documentation_lists_every_format() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats-loaded.md").read_text()
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in page.splitlines() if line.count(" | ") == 5}
    for format_ in FORMATS:
        row = rows[format_.name]
        for suffix in format_.suffixes:
            assert f"`{suffix}`" in row
        assert (" **yes** " in row) is format_.runs_code
        assert format_.recognised_by in row
        assert format_.library in row
        assert format_.extra is None or f"`[{format_.extra}]`" in row
        assert all(f"`{family}`" in page for family in format_.families)


def test_an_arrow_stream_may_be_called_arrow() -> None:
    found = identify("data-00000-of-00001.arrow", io.BytesIO(samples()["arrow-stream"]))
    assert found.format is not None
    assert (found.format.name, found.mismatch) == ("arrow-stream", False)
