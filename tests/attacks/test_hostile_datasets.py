"""Data sets that are made to hurt whoever looks at them: the error is clear, nothing is lost, they can be signed, and the limits hold."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import numpy
import pytest

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.scan.datasets.looking import Asked, Looked, Reading, look
from jupyter_mlsc.scan.datasets.questions import Limits
from tests.conftest import Person

KEY = b"k"


def looked(path: Path, family: str = "csv", *, packed: str | None = None, limits: Limits | None = None) -> Looked:
    """A profile, made in the process that holds no key."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return look(Reading(family, packed=packed), descriptor, Asked(KEY, limits=limits or Limits()))
    finally:
        os.close(descriptor)


def test_formulas_nul_bytes_and_empty_names_are_cells_like_others(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b'x,,y\n=cmd|\' /C calc\'!A0,a\x00b,0\n"=HYPERLINK(""http://x"")",\x1b[2J,1\n')
    facts = looked(file).facts
    assert (facts.rows, [each.name for each in facts.columns]) == (2, ["x", "", "y"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfex\0,\0y\0\n\0", "UTF-16"),
        (b"x,y\n\xe9\xe8,1\n", "UTF8"),
        (b"x,y\n" + b"a" * (9 << 20) + b",1\n", "block"),
        (b",".join(b"c%d" % i for i in range(1_000_000)) + b"\n", "more than 20,000 columns"),
        (b"a" * (5 << 20), "first line is longer"),
    ],
    ids=["utf-16", "latin-1", "huge-field", "a-million-columns", "no-line-end"],
)
def test_text_that_is_no_table_is_an_error_that_says_why(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FormatError, match=why) as caught:
        looked(tmp_path / "a.csv")
    assert caught.value.next_step


def test_a_file_that_cannot_be_profiled_is_signed_and_says_why(ada: Person) -> None:
    ada.write("data/wide.csv", b",".join(b"c%d" % i for i in range(100_000)) + b"\n1\n")
    signed = ada.mlsc("sign", "data/wide.csv")
    assert signed.returncode == 0, signed.stderr
    assert "no profile: it has more than 20,000 columns" in signed.stdout
    assert ada.verify("data/wide.csv").verified


@pytest.mark.parametrize("cut", [12, 400, 900])
def test_parquet_with_bytes_overwritten_is_an_error_and_no_crash_of_this_process(cut: int, tmp_path: Path) -> None:
    import pandas

    buffer = io.BytesIO()
    pandas.DataFrame({"x": range(500), "t": [f"t{i}" for i in range(500)]}).to_parquet(buffer)
    whole = bytearray(buffer.getvalue())
    whole[cut : cut + 60] = b"\xff" * 60
    (tmp_path / "a.parquet").write_bytes(whole)
    with pytest.raises(FormatError, match="parquet") as caught:
        looked(tmp_path / "a.parquet", "parquet")
    assert caught.value.next_step


def _npz(**changes: bytes) -> bytes:
    buffer = io.BytesIO()
    numpy.savez_compressed(buffer, x=numpy.arange(300), y=numpy.arange(300) % 2)
    whole = bytearray(buffer.getvalue())
    for place, changed in changes.items():
        at = whole.rindex(b"PK\x01\x02") + 16 if place == "sum" else 60
        whole[at : at + len(changed)] = changed
    return bytes(whole)


def _words(*values: bytes) -> bytes:
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({"t": pyarrow.array(values, pyarrow.binary()).view(pyarrow.string())}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("family", "content"),
    [
        ("npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8',("),
        ("npy", b"\x93NUMPY\x01\x00\x38\x00{'descr': ',f8', 'fortran_order': False, 'shape': (1,)}\n" + bytes(8)),
        ("npz", b"PK\x05\x06 and nothing behind it"),
        ("npz", _npz(sum=b"\0\0\0\0")),
        ("npz", _npz(packed=b"\xff" * 40)),
        ("parquet", _words(b"fine", b"\xa7\xff")),
    ],
    ids=["header", "type", "no-archive", "sum", "packed", "text"],
)
def test_what_fuzzing_found_is_an_error_that_says_what_it_is(family: str, content: bytes, tmp_path: Path) -> None:
    """Each of these had ended the process that parses with an exception of its own."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(FormatError, match="it cannot be read as"):
        looked(tmp_path / "a", family)


def test_a_bomb_ends_at_the_limit_of_memory(tmp_path: Path) -> None:
    """Eight GiB of zeros in an array of a few MiB of header: the process that parses may take 600 MiB."""
    header = io.BytesIO()
    numpy.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 30,)})
    (tmp_path / "a.npy").write_bytes(header.getvalue() + bytes(1000))
    with pytest.raises(FormatError):
        looked(tmp_path / "a.npy", "npy", limits=Limits(memory=600 << 20))


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    """A gzip of a gigabyte of rows, with one second of processor time for it."""
    block = b"".join(b"%d,%d\n" % (i, i * 7) for i in range(100_000))
    with gzip.open(tmp_path / "a.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"x,y\n")
        for _ in range(60):
            file.write(block)
    with pytest.raises(FormatError, match="took longer than"):
        looked(tmp_path / "a.csv.gz", packed="gzip", limits=Limits(seconds=1.0, bytes_per_second=1 << 40))


def test_the_process_that_parses_has_no_environment_and_reads_no_file_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it could tell is tried inside of it: the libraries are imported, then it is confined, then it tries."""
    import subprocess
    import sys

    from jupyter_mlsc.scan.datasets import process

    secret = tmp_path / "secret"
    secret.write_text("a key")
    tried = (
        "import os, sys\n"
        "from jupyter_mlsc.sandbox.confined import confine\n"
        "confine(1 << 30)\n"
        f"for place in ({str(secret)!r}, '/etc/passwd'):\n"
        "    try:\n"
        "        open(place).read(); print('read', place)\n"
        "    except OSError:\n"
        "        pass\n"
        "try:\n"
        "    os.posix_spawn('/bin/true', ['true'], {}); print('spawned')\n"
        "except OSError:\n"
        "    pass\n"
    )
    told = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout, told.returncode) == ("", 0), told.stderr
    # And what starts it hands it nothing of the environment.
    monkeypatch.setenv("MLSC_KEY_PASSPHRASE", "secret")
    started: list[dict[str, str]] = []
    popen = subprocess.Popen

    def watched(*args: object, **more: object) -> object:
        started.append(more["env"])  # type: ignore[arg-type]
        return popen(*args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(process.subprocess, "Popen", watched)
    (tmp_path / "a.csv").write_text("x,y\n1,0\n")
    assert looked(tmp_path / "a.csv").facts.rows == 1
    assert not [name for name in started[0] if name.startswith(("MLSC", "HOME", "JPY"))]


@pytest.mark.slow
def test_a_file_larger_than_its_memory_is_profiled(tmp_path: Path) -> None:
    """Three gigabytes of csv, 130 million rows, in one gigabyte of addresses beside the file's own: libraries, their threads, and all that is kept."""
    block = b"".join(b"%d,%d.5,name%d,%d\n" % (i, i * 7 % 1000, i % 97, i % 2) for i in range(200_000))
    with open(tmp_path / "a.csv", "wb") as file:
        file.write(b"id,x,word,y\n")
        while file.tell() < 3 << 30:
            file.write(block)
    found = looked(tmp_path / "a.csv", limits=Limits(memory=1 << 30))
    assert found.facts.rows > 100_000_000
    assert found.block > 1
    assert found.facts.estimated
