"""Files with secrets: private from the first byte, whole or not there, and refused when somebody else had a hand in them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_mlsc.errors import KeyUnavailableError
from jupyter_mlsc.keys import Secret, files

SECRET = Secret(b"content")


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    files.make_folder(folder)
    files.create(folder / "key", SECRET)
    files.replace(folder / "index", SECRET)
    with files.locked(folder):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {"key": 0o600, "index": 0o600, ".lock": 0o600}


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    files.create(tmp_path / "key", SECRET)
    with pytest.raises(KeyUnavailableError, match="File exists"):
        files.create(tmp_path / "key", Secret(b"other"))
    assert files.read(tmp_path / "key", 100).reveal() == b"content"


def test_a_dangling_link_in_a_new_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyUnavailableError):
        files.create(tmp_path / "key", SECRET)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604, 0o666])
def test_a_file_that_others_can_reach_is_refused_with_advice(mode: int, tmp_path: Path) -> None:
    files.create(tmp_path / "key", SECRET)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(KeyUnavailableError, match=f"{mode:04o}") as caught:
        files.read(tmp_path / "key", 100)
    assert f"chmod 600 {tmp_path / 'key'}" in (caught.value.next_step or "")


def test_a_link_to_a_private_file_is_refused(tmp_path: Path) -> None:
    files.create(tmp_path / "real", SECRET)
    (tmp_path / "key").symlink_to(tmp_path / "real")
    with pytest.raises(KeyUnavailableError, match="symlink"):
        files.read(tmp_path / "key", 100)


def test_a_pipe_or_a_folder_in_a_files_place_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("pipe", "folder"):
        with pytest.raises(KeyUnavailableError, match=name):
            files.read(tmp_path / name, 100)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_root_takes_no_key_of_another_user(tmp_path: Path) -> None:
    files.create(tmp_path / "key", SECRET)
    os.chown(tmp_path / "key", 65534, 65534)
    with pytest.raises(KeyUnavailableError, match="belongs to another user"):
        files.read(tmp_path / "key", 100)
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(KeyUnavailableError, match="belongs to another user"):
        files.make_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads whatever it likes")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    files.create(tmp_path / "key", SECRET)
    (tmp_path / "key").chmod(0)
    with pytest.raises(KeyUnavailableError, match="Permission denied"):
        files.read(tmp_path / "key", 100)


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys").chmod(0o777)
    with pytest.raises(KeyUnavailableError, match="written to by other users"):
        files.make_folder(tmp_path / "keys")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailableError, match="is missing"):
        files.read(tmp_path / "key", 100)
    assert files.read_if_any(tmp_path / "key", 100) is None


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    files.create(tmp_path / "key", SECRET)
    assert files.read(tmp_path / "key", 7).reveal() == b"content"
    with pytest.raises(KeyUnavailableError, match="larger than 6"):
        files.read(tmp_path / "key", 6)


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(tmp_path: Path, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    files.create(tmp_path / "index", SECRET)
    code = f"""
import resource
from pathlib import Path
from jupyter_mlsc.errors import KeyUnavailableError
from jupyter_mlsc.keys import Secret, files
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    files.replace(Path({str(tmp_path / "index")!r}), Secret(b"x" * 100))
except KeyUnavailableError as err:
    print("refused:", err)
"""
    result = run_python(code)
    assert result.stdout.startswith("refused: cannot write"), result.stderr
    assert files.read(tmp_path / "index", 100).reveal() == b"content"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["index"]
