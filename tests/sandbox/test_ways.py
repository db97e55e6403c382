"""What is remembered of folders, so that a name is told by its spelling: only where every name is alike, and never longer than it is true for the tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.ways import MOMENT, SETTLES, Ways
from tests.conftest import Person
from tests.sandbox.inside import inside


class Clock:
    """A clock that stands still until it is told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def free(tmp_path: Path) -> Path:
    (tmp_path / "free" / "a").mkdir(parents=True)
    return tmp_path / "free"


@pytest.fixture
def ways(free: Path, clock: Clock) -> Ways:
    at = os.fsencode(free)
    folders = {
        b"/": Region.ELSEWHERE,
        os.path.dirname(at): Region.WRITABLE,
        at: Region.FREE,
        at + b"/listed/x": Region.WRITABLE,
        b"/usr/protected": Region.HIDDEN,
    }
    return Ways(Places(folders, lambda name: b"/data/" in name, lambda name: name.endswith(b"/data"), [at, at + b"/granted/exec"]), (b"/mnt",), clock)


def _region(ways: Ways, folder: Path | str) -> Region | None:
    return ways.region(os.fsencode(folder))


def test_names_in_a_free_folder_are_free(ways: Ways, free: Path) -> None:
    assert _region(ways, free / "a") is Region.FREE


@pytest.mark.parametrize("part", ["listed", "granted", ".", "a/..", "a/", "none"])
def test_free_folder_that_is_no_plain_one_takes_a_look(ways: Ways, free: Path, part: str) -> None:
    for name in ("listed", "granted"):
        (free / name).mkdir()
    assert _region(ways, f"{free}/{part}") is None


def test_folder_that_a_link_leads_to_takes_a_look(ways: Ways, free: Path) -> None:
    (free / "link").symlink_to(free / "a")
    assert _region(ways, free / "link") is None
    (free / "above").symlink_to(free)
    assert _region(ways, free / "above" / "a") is None


@pytest.mark.parametrize("folder", ["", "/", "usr", "/mnt/other", "/usr", "/usr/data"])
def test_folder_with_names_of_several_kinds_takes_a_look(ways: Ways, folder: str) -> None:
    assert _region(ways, folder) is None


def test_folder_that_is_not_free_is_told_by_its_name_alone(ways: Ways, free: Path) -> None:
    assert _region(ways, free.parent / "none") is Region.WRITABLE
    assert _region(ways, "/usr/lib") is Region.ELSEWHERE


@pytest.mark.parametrize("name", ["free/a", "free", ""], ids=["itself", "above", "above-that"])
def test_folder_is_looked_at_again_when_it_or_one_above_becomes_something_else(ways: Ways, free: Path, name: str) -> None:
    assert _region(ways, free / "a") is Region.FREE
    (free / "a").rename(free / "b")
    (free / "a").symlink_to("/usr")
    assert _region(ways, free / "a") is Region.FREE  # as remembered: nobody said that it changed

    ways.becomes(os.fsencode(free.parent / name))

    assert _region(ways, free / "a") is None


def test_nothing_is_remembered_while_a_change_may_not_have_been_carried_out(ways: Ways, free: Path, clock: Clock) -> None:
    assert _region(ways, free / "a") is Region.FREE
    ways.becomes(os.fsencode(free / "a"))
    assert _region(ways, free / "a") is Region.FREE  # it is asked about before the kernel has done it
    (free / "a").rename(free / "b")
    (free / "a").symlink_to("/usr")
    assert _region(ways, free / "a") is None

    (free / "a").unlink()
    (free / "b").rename(free / "a")
    clock.now += SETTLES / 2
    assert _region(ways, free / "a") is Region.FREE


def test_what_somebody_outside_changed_is_noticed_after_a_moment(ways: Ways, free: Path, clock: Clock) -> None:
    assert _region(ways, free / "a") is Region.FREE
    (free / "a").rename(free / "b")
    (free / "a").symlink_to("/usr")
    clock.now += MOMENT * 1.01

    assert _region(ways, free / "a") is None


def test_many_folders_are_not_remembered_for_ever(ways: Ways) -> None:
    for number in range(50_000):
        ways.region(b"/usr/%d" % number)
    assert len(ways._regions) + len(ways._uneven) <= 20_000


@pytest.fixture
def free_place(ada: Person) -> Path:
    place = ada.home / ".cache" / "tool"
    place.mkdir(parents=True)
    return place


def test_folder_that_becomes_a_link_to_the_project_is_followed_at_once(ada: Person, free_place: Path) -> None:
    ada.write("notes/x.txt", "of the project")
    found = """
    folder = where[0] + "/folder"
    os.mkdir(folder)
    open(folder + "/x.txt", "w").write("free")
    seen = [open(folder + "/x.txt").read() for _ in range(50)][-1:]
    for way in (os.rename, lambda old, new: (os.mkdir(new), os.link(old + "/x.txt", new + "/x.txt"), os.unlink(old + "/x.txt"), os.rmdir(old))):
        way(folder, folder + "2")
        os.symlink(os.path.abspath("notes"), folder)
        seen.append(open(folder + "/x.txt").read())
        open(folder + "/y.txt", "x").close()
        os.unlink(folder + "/y.txt")
        os.unlink(folder)
        os.rename(folder + "2", folder)
        seen.append(open(folder + "/x.txt").read())
    os.symlink(os.path.abspath("notes/x.txt"), folder + "/next")
    os.rename(folder + "/next", folder + "/x.txt")
    say([*seen, open(folder + "/x.txt").read()])
    """
    assert inside(ada, found, free_place) == ["free", "of the project", "free", "of the project", "free", "of the project"]


def test_folder_that_was_removed_and_made_again_is_used_at_once(ada: Person, free_place: Path) -> None:
    found = """
    import shutil
    for _ in range(3):
        open(where[0] + "/x", "w").close()
        shutil.rmtree(where[0])
        os.mkdir(where[0])
        open(where[0] + "/x", "x").close()
    say(os.listdir(where[0]))
    """
    assert inside(ada, found, free_place) == ["x"]


def test_way_through_the_callers_own_descriptors_is_the_callers(ada: Person) -> None:
    ada.write("notes/x.txt", "of the project")
    found = """
    os.symlink("/proc/self/fd", "mine")
    os.symlink("/proc/self/cwd", "here")
    held = os.open("notes/x.txt", os.O_RDONLY)
    os.dup2(held, 900)
    say([outcome(lambda: open(os.path.abspath("here") + "/gone.txt")), open(os.path.abspath("mine") + "/900").read(), open("here/notes/x.txt").read()])
    """
    assert inside(ada, found) == ["ENOENT", "of the project", "of the project"]


def test_link_that_somebody_outside_puts_in_a_folders_place_is_followed_soon_and_leads_to_nothing_unjudged(ada: Person, free_place: Path) -> None:
    ada.write("notes/x.txt", "of the project")
    ada.write("data/x.txt", "unsigned")
    folder = free_place / "folder"
    folder.mkdir()
    (folder / "x.txt").write_text("free")
    code = """
import sys
name = sys.argv[1]
def read():
    try:
        return open(name).read()
    except PermissionError:
        return "refused"
print(*{read() for _ in range(200)}, flush=True)
for wanted in ("of the project", "free", "refused"):
    sys.stdin.readline()
    seen = {read()}
    while wanted not in seen:
        seen.add(read())
    print(*sorted(seen), sep=",", flush=True)
"""
    command = [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", code, str(folder / "x.txt")]
    running = subprocess.Popen(command, cwd=ada.root, env=ada.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert running.stdin is not None
    assert running.stdout is not None
    try:
        said = [running.stdout.readline().strip()]
        for target in (ada.root / "notes", free_place / "before", ada.root / "data"):
            folder.rename(free_place / "before") if not folder.is_symlink() else folder.unlink()
            folder.symlink_to(target)
            running.stdin.write("\n")
            running.stdin.flush()
            said.append(running.stdout.readline().strip())
        running.stdin.close()
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.wait()
        running.stdout.close()
    assert said[0] == "free"
    assert "of the project" in said[1]
    assert "free" in said[2]
    assert "refused" in said[3]
    assert "unsigned" not in ",".join(said)


def test_files_are_moved_and_linked_between_folders_of_a_free_one(ada: Person, free_place: Path) -> None:
    found = """
    one, other = (where[0] + "/" + name for name in ("one", "other"))
    for folder in (one, other):
        os.mkdir(folder)
    open(one + "/x", "w").close()
    say([outcome(lambda: os.link(one + "/x", other + "/x")), outcome(lambda: os.rename(one + "/x", other + "/y")), sorted(os.listdir(other))])
    """
    assert inside(ada, found, free_place) == ["done", "done", ["x", "y"]]
