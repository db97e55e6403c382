"""7z archives are walked in one pass and within the limits; what cannot be walked to its end fails, and so does one that nobody can open."""

from __future__ import annotations

import io
import os
import pickle
import stat
import sys
import threading
from pathlib import Path

import hostile_files
import py7zr
import pytest
from hostile_files import sevenzipped

from jupyter_mlsc.scan.engine import scan_stream
from jupyter_mlsc.scan.finding import passes
from jupyter_mlsc.scan.limits import DEFAULT, Limits
from jupyter_mlsc.scan.process import ScanProcess

RUNS = b"cposix\nsystem\n(S'true'\ntR."


def found(data: bytes, limits: Limits = DEFAULT) -> list[tuple[str, str]]:
    return [(each.code, each.where) for each in scan_stream("m.7z", io.BytesIO(data), limits=limits)]


def test_the_process_without_keys_can_unpack_them(tmp_path: Path) -> None:
    """Landlock hides what py7zr would ask the system for, and the limits what it would take."""
    packs = {name: pack for name, pack in hostile_files.CARRIERS.items() if name.endswith(".7z")}
    assert len(packs) >= 5
    with ScanProcess() as process:
        for name, pack in packs.items():
            (tmp_path / name).write_bytes(pack(RUNS))
            with open(tmp_path / name, "rb") as file:
                assert "pickle-code" in {each.code for each in process.scan(name, file.fileno())}, name


def test_a_member_that_is_not_held_in_memory_is_read_to_its_end() -> None:
    long = pickle.dumps([os.urandom(3 << 20)])[:-1] + RUNS
    packed = sevenzipped({"a.txt": b"x", "long.pkl": long, "b.pkl": RUNS}, filters=[{"id": py7zr.FILTER_COPY}])
    assert [code for code, _ in found(packed, Limits(held=1 << 20))] == ["pickle-code", "pickle-code"]


def test_limits_hold_before_anything_is_unpacked_and_no_thread_is_left() -> None:
    before = threading.active_count()
    packed = sevenzipped({f"{number}.txt": os.urandom(10_000) for number in range(30)}, filters=[{"id": py7zr.FILTER_COPY}])
    assert found(packed) == []
    assert found(packed, Limits(members=20)) == [("limit-reached", "")]
    assert found(packed, Limits(unpacked=100_000)) == [("limit-reached", "")]
    assert found(sevenzipped({"a.7z": packed, "b.pkl": RUNS}), Limits(depth=1)) == [("limit-reached", "")]
    assert found(sevenzipped({f"{number}.pkl": RUNS for number in range(9)}), Limits(findings=1)) == [("pickle-code", "0.pkl, offset 14")]
    assert threading.active_count() == before


def test_links_that_lead_out_are_found_and_others_are_not(tmp_path: Path) -> None:
    for name, target in (("out", "../" * 20 + "etc/passwd"), ("root", "/etc/passwd"), ("near", "a.txt")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "a.txt").write_text("x")
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w") as archive:
        for name in ("a.txt", "near", "out", "root"):
            archive.write(tmp_path / name, name)
    assert stat.S_ISLNK((tmp_path / "out").lstat().st_mode)
    assert found(file.getvalue()) == [("archive-link", "out"), ("archive-link", "root")]


def test_an_encrypted_one_is_told_and_one_with_an_encrypted_list_fails() -> None:
    assert found(sevenzipped({"x.pkl": RUNS}, password="secret")) == [("archive-encrypted", "")]
    assert found(sevenzipped({"x.pkl": RUNS}, password="secret", header_encryption=True)) == [("not-understood", "")]


def test_where_nothing_can_open_it_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py7zr", None)
    assert found(sevenzipped({"x.txt": b"x"})) == [("archive-closed", "")]


def test_ppmd_is_refused_before_its_decoder_sees_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """On changed bytes the decoder's thread wrote to memory that was no longer its own: a process that scanned a few hundred of them ended in the collector."""
    import pyppmd

    def called(*_: object) -> None:
        pytest.fail("the decoder was made")

    ppmd = {"id": py7zr.FILTER_PPMD, "order": 6, "mem": 24}
    with monkeypatch.context() as patch:
        patch.setattr(type(py7zr.archiveinfo.DEFAULT_FILTERS), "ENCODED_HEADER_FILTER", [ppmd])
        with_list = sevenzipped({"x.pkl": RUNS})
    monkeypatch.setattr(pyppmd, "Ppmd7Decoder", called)
    for packed in (sevenzipped({"x.pkl": RUNS}, filters=[ppmd]), with_list):
        findings = scan_stream("m.7z", io.BytesIO(packed))
        assert {each.code for each in findings} == {"not-understood"}
        assert "PPMd" in findings[-1].message


def test_an_archive_that_breaks_fails_for_what_was_found_before_and_for_breaking() -> None:
    whole = bytearray(sevenzipped({"a.pkl": RUNS, "b.txt": os.urandom(200_000)}, filters=[{"id": py7zr.FILTER_COPY}]))
    whole[100_000] ^= 1
    assert [code for code, _ in found(bytes(whole))] == ["pickle-code", "not-understood"]
    assert not passes(scan_stream("m.7z", io.BytesIO(bytes(whole[:150_000]))))
