"""Mounts that show a folder under another name: told from the kernel's table, and no way around the rules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox.mounts import Mount, aliases, layers, mounts, strays
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


LAYERS = ("/layers/below", "/layers/upper")


@pytest.mark.parametrize(
    ("mount", "path", "expected"),
    [
        (Mount("0:50", "/", "/merged", "overlay", LAYERS), "/merged/p", [("/layers/below/p", "/merged/p"), ("/layers/upper/p", "/merged/p")]),
        (Mount("0:50", "/", "/merged", "overlay", LAYERS), "/layers/upper/p", [("/merged/p", "/layers/upper/p")]),
        (Mount("0:50", "/p", "/shown", "overlay", LAYERS[1:]), "/shown/x", [("/layers/upper/p/x", "/shown/x")]),
        (Mount("0:50", "/", "/p/merged", "overlay", LAYERS[1:]), "/p", [("/layers/upper", "/p/merged")]),
        (Mount("0:50", "/", "/", "overlay", ("/layers/upper",)), "/home/p", [("/layers/upper/home/p", "/home/p")]),
        (Mount("0:50", "/", "/usr", "overlay", ("/usr",)), "/usr/p", []),
        (Mount("0:50", "/", "/merged", "overlay", LAYERS), "/elsewhere", []),
    ],
)
def test_the_layers_of_an_overlay_are_other_names(mount: Mount, path: str, expected: list[tuple[str, str]]) -> None:
    assert list(aliases([*TABLE, mount], [path])) == expected


def test_a_layer_that_is_mounted_a_second_time_has_that_name_too() -> None:
    table = [*TABLE, Mount("0:50", "/", "/merged", "overlay", ("/layers/upper",)), Mount("8:1", "/layers", "/mnt/l", "ext4")]
    assert list(aliases(table, ["/merged/p"])) == [("/layers/upper/p", "/merged/p"), ("/mnt/l/upper/p", "/merged/p")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("rw,lowerdir=/a:/b,upperdir=/c,workdir=/w", ["/a", "/b", "/c"]),
        ("ro,lowerdir+=/a,lowerdir+=/b,datadir+=/d", ["/a", "/b", "/d"]),
        (r"rw,lowerdir=/with\040space:/with\134:colon::/data", ["/with space", "/with:colon", "/data"]),
        ("rw,seclabel", []),
    ],
)
def test_the_options_of_an_overlay_name_its_layers(options: str, expected: list[str]) -> None:
    assert layers(options) == expected


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


_OVERLAID = 'mkdir -p "$2" "$2.work" && mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$2.work" "$1" && shift 2 && exec "$@"'


def test_a_governed_file_is_judged_in_the_layer_of_an_overlay_that_holds_it(mounting: Person, tmp_path: Path) -> None:
    upper = tmp_path / "elsewhere" / "upper"
    written = ["sh", "-c", 'echo the marker of this test > data/upper.csv && exec "$@"', "sh"]
    whole = ["unshare", "-m", "sh", "-c", _OVERLAID, "sh", str(mounting.root), str(upper), "env", "-C", str(mounting.root), *written]
    supervised = [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", "cat", f"{upper}/data/upper.csv"]
    options = {"cwd": mounting.root, "env": mounting.environ, "capture_output": True, "text": True, "check": False, "timeout": 120}
    seen = subprocess.run([*whole, "cat", f"{upper}/data/upper.csv"], **options)
    if "mount:" in seen.stderr:
        pytest.skip("no overlay can be mounted here")
    assert "the marker" in seen.stdout
    done = subprocess.run([*whole, *supervised], **options)
    assert done.returncode == 1
    assert "the marker" not in done.stdout
    assert "no statement names data/upper.csv [unsigned]" in done.stderr
