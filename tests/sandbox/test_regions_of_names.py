"""Which region a name is in, told without a look at the rules where that is enough; and what a path spells."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox.linux import AT_FDCWD
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import NothingThereError, Resolver, is_plain
from jupyter_mlsc.sandbox.survey import survey
from tests.conftest import Person


def _places(ada: Person, more: str) -> Places:
    policy = ada.root / "mlsc.toml"
    policy.write_text(policy.read_text() + more)
    assert ada.mlsc("policy", "trust", "--yes").returncode == 0
    project = ada.project
    found = survey(
        project.root,
        project.policy,
        project.policy.supervise,
        mlsc_home=project.home.path,
        environ=ada.environ,
        command=("python",),
        executable=sys.executable,
    )
    return found.places


@pytest.mark.parametrize("folder", ["", "sub/"])
@pytest.mark.parametrize("above", [False, True], ids=["beside-the-project", "in-the-project"])
def test_name_is_governed_where_a_rule_fits_it_wherever_it_lies(ada: Person, folder: str, above: bool) -> None:
    place = ada.root if above else ada.root.parent
    places = _places(ada, f'\n[[rule]]\nmatch = "{place}/{folder}*.csv"\nsigned = {{ by = "data-steward" }}\n')
    assert places.of(os.fsencode(place / f"{folder}x.csv")) is Region.GOVERNED
    assert places.of(os.fsencode(place / f"{folder}x.txt")) is not Region.GOVERNED
    assert places.holds_governed(os.fsencode(place))


def test_names_are_told_as_the_policy_tells_them(ada: Person) -> None:
    places = _places(ada, "")
    policy = ada.project.policy
    for name in ("data/a.csv", "data/deep/er/a", "data", "models/x", "notes.txt", "src/data/a.csv", "src/a.py", ".hidden/data/x", "a/.b/c"):
        governed = places.of(os.fsencode(ada.root / name)) is Region.GOVERNED
        assert governed == policy.governs(name), name


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(lambda pid: True)


@pytest.mark.parametrize("path", ["/a/../b", "/a/./b", "/a/", "/a/.", "/a/..", "//a", "/a//b", "/"])
def test_path_that_takes_more_than_joining_is_not_plain(path: str) -> None:
    assert not is_plain(path.encode())


@pytest.mark.parametrize("path", ["/a/.b", "/a/b..c", "/...", "/a/..b", "/a.", "/a\xff"])
def test_path_with_dots_in_its_names_is_plain(path: str) -> None:
    assert is_plain(os.fsencode(path))


def test_relative_path_begins_with_the_callers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    descriptor = os.open("/usr", os.O_PATH)
    try:
        assert Resolver.beginning(os.getpid(), None) == os.fsencode(tmp_path) + b"/"
        assert Resolver.beginning(os.getpid(), AT_FDCWD) == os.fsencode(tmp_path) + b"/"
        assert Resolver.beginning(os.getpid(), descriptor) == b"/usr/"
    finally:
        os.close(descriptor)
    monkeypatch.chdir("/")
    assert Resolver.beginning(os.getpid(), None) == b"/"


def test_relative_path_from_what_has_no_name_begins_with_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Resolver.beginning(os.getpid(), None) == b""
    read, write = os.pipe()
    try:
        assert Resolver.beginning(os.getpid(), read) == b""
    finally:
        os.close(read)
        os.close(write)


def test_nothing_there_is_said_only_of_a_path_without_links(resolver: Resolver, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("missing")
    (tmp_path / "folder").symlink_to(".")
    with pytest.raises(NothingThereError):
        resolver.resolve(os.getpid(), None, os.fsencode(tmp_path / "missing"))
    for path in ("link", "folder/missing"):
        with pytest.raises(FileNotFoundError) as caught:
            resolver.resolve(os.getpid(), None, os.fsencode(tmp_path / path))
        assert not isinstance(caught.value, NothingThereError)
