"""Private copies: what is measured is what is handed on, and nobody can write to it any more."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactChangedError
from jupyter_mlsc.private_copy import SEALED_FROM, copy_privately
from jupyter_mlsc.transfer import OpenedFile
from tests.conftest import Person

SIZES = (0, 1, SEALED_FROM - 1, SEALED_FROM, SEALED_FROM + 1, 3 * SEALED_FROM + 12345)
sealed_only = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory that can be sealed are Linux's")


def write(path: Path, size: int) -> bytes:
    data = os.urandom(size)
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_copy_has_the_bytes_and_the_digest_of_the_file(tmp_path: Path, size: int, measured: bool) -> None:
    path = tmp_path / "file"
    data = write(path, size)
    with OpenedFile(path) as opened:
        copy = copy_privately(opened, measured=measured)
    assert copy.data == data
    if copy.sealed is not None:
        assert os.pread(copy.sealed.fileno(), size + 1, 0) == data
        copy.sealed.close()
    assert (copy.measured is not None) == (measured and size >= SEALED_FROM)
    if copy.measured is not None:
        assert copy.measured.content_root == measure(path).content_root


@sealed_only
def test_nobody_can_write_to_a_sealed_copy(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, SEALED_FROM)
    with OpenedFile(path) as opened:
        copy = copy_privately(opened, measured=True)
    assert copy.sealed is not None
    descriptor = copy.sealed.fileno()
    assert copy.data.readonly
    with pytest.raises(PermissionError):
        os.pwrite(descriptor, b"x", 0)
    with pytest.raises(PermissionError):
        os.truncate(descriptor, 0)
    with pytest.raises(PermissionError):
        mmap.mmap(descriptor, SEALED_FROM)
    again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR)
    with pytest.raises(PermissionError):
        os.write(again, b"x")
    os.close(again)
    copy.sealed.close()


def test_a_file_that_changes_while_it_is_copied_gives_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, SEALED_FROM)
    with OpenedFile(path) as opened:
        with path.open("r+b") as file:
            file.write(b"x")
        os.utime(path, ns=(0, 0))
        with pytest.raises(ArtifactChangedError):
            copy_privately(opened, measured=True)


def test_a_file_that_becomes_shorter_while_it_is_copied_gives_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, 2 * SEALED_FROM)
    with OpenedFile(path) as opened:
        os.truncate(path, SEALED_FROM)
        with pytest.raises(ArtifactChangedError):
            copy_privately(opened, measured=False)


def test_where_the_system_has_no_sealed_files_plain_memory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    data = write(path, SEALED_FROM)
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with OpenedFile(path) as opened:
        copy = copy_privately(opened, measured=True)
    assert copy.data == data
    assert (copy.sealed, copy.measured) == (None, None)


def test_tensors_of_a_sealed_copy_can_be_changed_and_outlive_it(ada: Person) -> None:
    torch = pytest.importorskip("torch")
    path = ada.root / "models" / "weights.pt"
    path.parent.mkdir()
    weights = torch.arange(2 * SEALED_FROM // 4, dtype=torch.float32)
    torch.save({"weights": weights, "step": 7}, path)
    ada.sign("models/weights.pt")
    loaded = ada.load("models/weights.pt")
    path.write_bytes(b"something else")
    loaded["weights"] += 1
    assert loaded["step"] == 7
    assert torch.equal(loaded["weights"], weights + 1)
