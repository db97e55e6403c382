"""What looks into archives, compressed layers and HDF5 to tell what they are is a process without keys, attacked: a file that keeps its reader busy, one that
ends it, and an answer that is none. The process that holds the keys opens none of them itself."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import signal
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

from jupyter_mlsc.errors import BlockedArtifactError
from jupyter_mlsc.format_choice import families_of, identify_path
from jupyter_mlsc.scan import recognising
from jupyter_mlsc.scan.channel import findings_in, recognised_in
from jupyter_mlsc.scan.limits import Limits
from jupyter_mlsc.scan.process import ScanProcess
from jupyter_mlsc.verdict import Decision
from tests.attacks.forgery import accept
from tests.attacks.test_denied_formats import PICKLE, numpy_file, tarred, zipped
from tests.conftest import Person

ENTRY = b"PK\x01\x02" + bytes(24) + (1).to_bytes(2, "little") + bytes(16) + b"a"
"""An empty member in the directory of a zip archive."""


def endless(count: int = 400_000) -> bytes:
    """An archive of so many members that telling what it is takes seconds, and hundreds of megabytes."""
    directory = ENTRY * count
    end = b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(4) + bytes(8) + count.to_bytes(8, "little") * 2 + len(directory).to_bytes(8, "little") + bytes(8)
    locator = b"PK\x06\x07" + bytes(4) + (4 + len(directory)).to_bytes(8, "little") + (1).to_bytes(4, "little")
    return b"PK\x03\x04" + directory + end + locator + b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScanProcess]:
    """The process that is asked has a quarter of a second for a file."""
    process = ScanProcess(Limits(seconds=0.25))
    monkeypatch.setattr(recognising._kept, "process", process)
    # What it imports is no part of that time.
    with open(os.devnull, "rb") as nothing:
        ScanProcess.recognise(process, "a", nothing.fileno())
    yield process
    process.end()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in this process opens an archive, a compressed layer or an HDF5 file."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was opened by the process that holds the keys")

    for opener in (zipfile.ZipFile, tarfile.TarFile, gzip.GzipFile, bz2.BZ2File, lzma.LZMAFile, pytest.importorskip("h5py").File):
        monkeypatch.setattr(opener, "__init__", refuse)


def hdf5() -> bytes:
    buffer = io.BytesIO()
    with pytest.importorskip("h5py").File(buffer, "w") as file:
        file["x"] = [1, 2]
    return buffer.getvalue()


@pytest.fixture(scope="module")
def archives() -> dict[str, bytes]:
    return {
        "a.npz": numpy_file(numpy.savez, numpy.arange(3)),
        "b.zip": zipped("a.csv", b"x\n1\n"),
        "c.tar": tarred("a.csv", b"x\n1\n"),
        "d.csv.gz": gzip.compress(b"x\n1\n"),
        "e.xz": lzma.compress(b"x\n1\n"),
        "f.bz2": bz2.compress(b"x\n1\n"),
        "g.h5": hdf5(),
        "h.pkl.gz": gzip.compress(PICKLE),
        "i.bin": b"behind" + zipped("a.csv", b"x\n1\n"),
    }


@pytest.mark.usefixtures("closed")
def test_who_signs_judges_scans_and_promotes_opens_no_archive(archives: dict[str, bytes], ada: Person) -> None:
    for name, data in archives.items():
        ada.write(f"models/{name}", data)
    ada.sign(*(f"models/{name}" for name in archives), kind="model")
    assert not any(each.decision is Decision.BLOCK for each in ada.project.verify([ada.root / "models"]))
    assert ada.project.scan([ada.root / "models"]).ok
    accept(ada, change=lambda text: text + '\n[stages]\nproduction = { into = "models/production" }\n')
    ada.project.promote(ada.root / "models/a.npz", "production", note="", channel="terminal", passphrases=ada.passphrases)
    assert (ada.root / "models/production/a.npz").read_bytes() == archives["a.npz"]


@pytest.mark.usefixtures("closed")
def test_who_loads_opens_nothing_in_c_before_it_was_judged(archives: dict[str, bytes], ada: Person) -> None:
    """A load reads a zip archive's directory itself; HDF5 and compressed layers it leaves to the other process until they are allowed."""
    for name in ("g.h5", "h.pkl.gz", "f.bz2", "c.tar"):
        path = ada.write(f"models/{name}", archives[name])
        with pytest.raises(BlockedArtifactError):
            ada.load(f"models/{name}", format_name="text")
        path.unlink()


@pytest.mark.usefixtures("closed")
def test_it_is_told_what_they_are(archives: dict[str, bytes], tmp_path: Path) -> None:
    told = {}
    for name, data in archives.items():
        (tmp_path / name).write_bytes(data)
        told[name] = families_of(identify_path(name, tmp_path / name))
    assert told["a.npz"] == {"npz"}
    assert told["d.csv.gz"] == {"csv"}
    assert "hdf5" in told["g.h5"]
    assert "pickle" in told["h.pkl.gz"]


def test_an_archive_that_keeps_its_reader_busy_may_be_anything(impatient: ScanProcess, tmp_path: Path) -> None:
    path, fine = tmp_path / "m.npz", tmp_path / "fine.npz"
    path.write_bytes(endless())
    fine.write_bytes(numpy_file(numpy.savez, numpy.arange(3)))
    identified = identify_path("m.npz", path)
    assert identified.mismatch
    assert {"pickle", "torch", "npz"} <= families_of(identified)
    assert impatient._process is None, "it was ended"
    impatient._limits = Limits()
    assert families_of(identify_path("fine.npz", fine)) == {"npz"}


def test_what_keeps_its_reader_busy_is_refused_where_a_format_is_denied(impatient: ScanProcess, ada: Person) -> None:
    asked, behind = 'require = ["verified-inputs"]\n', "\n# A second"
    accept(ada, change=lambda text: text.replace(asked + behind, f'{asked}formats = {{ deny = ["pickle"] }}\n{behind}'))
    ada.write("models/m.npz", numpy_file(numpy.savez, numpy.arange(3)))
    ada.sign("models/m.npz", kind="model")
    ada.write("models/m.npz", endless())
    del impatient
    codes = {each.code for each in ada.verify("models/m.npz").reasons if each.fails}
    assert {"format-denied", "format-mismatch"} <= codes


def test_a_file_that_ends_the_process_may_be_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(zipped("a.csv", b"x\n1\n"))
    process = ScanProcess()
    monkeypatch.setattr(recognising._kept, "process", process)
    assert families_of(identify_path("m.zip", path)) == frozenset()
    assert process._process is not None
    os.kill(process._process.pid, signal.SIGSTOP)
    with monkeypatch.context() as killing:
        killing.setattr(sys.modules[ScanProcess.__module__], "send", lambda *_: process._process and process._process.kill())
        assert "pickle" in families_of(identify_path("m.zip", path))
    assert families_of(identify_path("m.zip", path)) == frozenset(), "by another process"
    process._process.kill()
    process._process.wait()
    assert families_of(identify_path("m.zip", path)) == frozenset(), "that it ended before is no fault of the file"
    process.end()


NO_ANSWERS = (
    b"[]",
    b"{}",
    b"nonsense",
    b"[" * 200_000,
    b'{"found": "none such", "mismatch": false, "within": []}',
    b'{"found": ["csv"], "mismatch": false, "within": []}',
    b'{"found": "csv", "mismatch": 0, "within": []}',
)


@pytest.mark.parametrize("said", range(len(NO_ANSWERS)))
def test_an_answer_that_is_none_is_not_taken_for_one(said: int) -> None:
    for read in (recognised_in, findings_in):
        with pytest.raises(ValueError):  # noqa: PT011  # whichever of its parts is wrong
            read(NO_ANSWERS[said], "m.zip")
