"""Mounts that show a folder under another name: told from the kernel's table, and no way around the rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox.mounts import Mount, aliases, mounts, strays
from tests.conftest import Person

DISK = Mount("8:1", "/", "/", "ext4")
TABLE = [DISK, Mount("0:21", "/", "/proc", "proc"), Mount("8:2", "/", "/data", "ext4")]


@pytest.mark.parametrize(
    ("mount", "path", "expected"),
    [
        (Mount("8:1", "/home/p", "/mnt/p", "ext4"), "/home/p", [("/mnt/p", "/home/p")]),
        (Mount("8:1", "/home", "/mnt/all", "ext4"), "/home/p", [("/mnt/all/p", "/home/p")]),
        (Mount("8:1", "/home/p/data", "/mnt/d", "ext4"), "/home/p", [("/mnt/d", "/home/p/data")]),
        (Mount("8:1", "/", "/mnt/whole", "ext4"), "/home/p", [("/mnt/whole/home/p", "/home/p")]),
        (Mount("8:1", "/home/pp", "/mnt/pp", "ext4"), "/home/p", []),
        (Mount("8:9", "/home/p", "/mnt/p", "ext4"), "/home/p", []),
        (Mount("8:2", "/x", "/mnt/x", "ext4"), "/data/x/y", [("/mnt/x/y", "/data/x/y")]),
    ],
)
def test_a_bind_mount_gives_a_path_another_name(mount: Mount, path: str, expected: list[tuple[str, str]]) -> None:
    assert list(aliases([*TABLE, mount], [path])) == expected


def test_a_second_proc_or_dev_is_found_where_it_does_not_belong() -> None:
    more = [Mount("0:21", "/", "/jail/proc", "proc"), Mount("0:24", "/", "/dev/pts", "devpts"), Mount("0:25", "/", "/jail/pts", "devpts")]
    assert list(strays([*TABLE, *more])) == ["/jail/proc", "/jail/pts"]


def test_the_table_of_this_machine_is_read() -> None:
    assert any(each.point == "/proc" and each.kind == "proc" for each in mounts())


_MOUNTED = 'mkdir -p "$1" && mount --bind "$2" "$1" && shift 2 && exec "$@"'


@pytest.fixture
def mounting(ada: Person) -> Person:
    ada.write("data/secret.csv", "the marker of this test\n")
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("nobody may mount here")
    return ada


def _with_mount(person: Person, shown: Path, at: Path, *command: str) -> subprocess.CompletedProcess[str]:
    whole = ["unshare", "-m", "sh", "-c", _MOUNTED, "sh", str(at), str(shown), *command]
    return subprocess.run(whole, cwd=person.root, env=person.environ, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("shown", ["data", "."])
def test_a_governed_file_is_judged_under_whatever_name_a_mount_shows_it(mounting: Person, tmp_path: Path, shown: str) -> None:
    at = tmp_path / "elsewhere" / "shown"
    name = str(at / ("secret.csv" if shown == "data" else "data/secret.csv"))
    assert "the marker" in _with_mount(mounting, mounting.root / shown, at, "cat", name).stdout
    supervised = [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", "cat", name]
    done = _with_mount(mounting, mounting.root / shown, at, *supervised)
    assert done.returncode == 1
    assert "the marker" not in done.stdout
    assert "no statement names data/secret.csv [unsigned]" in done.stderr


def test_the_keys_are_hidden_under_whatever_name_a_mount_shows_them(mounting: Person, tmp_path: Path) -> None:
    at = tmp_path / "elsewhere" / "home"
    assert "keys" in _with_mount(mounting, mounting.home / "mlsc", at, "cat", str(at / "keys/keys.json")).stdout
    done = _with_mount(mounting, mounting.home / "mlsc", at, sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", "cat", str(at / "keys/keys.json"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "[hidden]" in done.stderr
