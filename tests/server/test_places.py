"""Paths of clients, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlsc.errors import AccessDeniedError, MlscError
from jupyter_mlsc.server.places import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "served").mkdir()
    return Places(tmp_path / "served")


def test_a_path_means_the_place_below_the_servers_folder(places: Places) -> None:
    assert places.locate("") == places.root
    assert places.locate("data//train.csv") == places.root / "data/train.csv"


def test_clients_of_jupyter_collaboration_mean_the_same_file(places: Places) -> None:
    assert places.locate("RTC:work.ipynb") == places.root / "work.ipynb"


def test_hidden_names_are_served_where_the_server_serves_them(places: Places) -> None:
    with pytest.raises(AccessDeniedError):
        places.locate(".config/x")

    assert Places(places.root, hidden=True).locate(".config/x") == places.root / ".config/x"


def test_a_link_within_the_folder_is_followed_and_one_that_leaves_it_is_not(places: Places, tmp_path: Path) -> None:
    (places.root / "real").mkdir()
    (places.root / "inner").symlink_to(places.root / "real")
    (places.root / "outer").symlink_to(tmp_path)
    (places.root / "loop").symlink_to(places.root / "loop")

    assert places.locate("inner/x.csv") == places.root / "inner/x.csv"
    with pytest.raises(MlscError):
        places.locate("outer/x.csv")
    assert places.named(places.root / "outer/x.csv") is None


def test_a_folder_whose_name_begins_like_the_servers_is_another_one(places: Places, tmp_path: Path) -> None:
    (tmp_path / "served-too").mkdir()
    (places.root / "link").symlink_to(tmp_path / "served-too")

    with pytest.raises(MlscError):
        places.locate("link/x")


def test_a_project_above_the_servers_folder_is_told_and_its_other_files_have_no_name(places: Places) -> None:
    assert places.folder_of(places.root.parent) == ".."
    assert places.named(places.root.parent / "data/train.csv") is None
    assert places.named(places.root / "work.ipynb") == "work.ipynb"
    assert places.named(places.root) == ""


def test_a_text_that_is_no_unicode_is_no_path(places: Places) -> None:
    with pytest.raises(MlscError):
        places.locate("data/\udcff.csv")


def test_many_places_of_one_answer_are_named_as_each_by_itself(places: Places, tmp_path: Path) -> None:
    (places.root / "data").mkdir()
    (places.root / "data/link.csv").symlink_to(tmp_path / "outside.csv")
    (places.root / "outer").symlink_to(tmp_path)
    named = places.one_answer()

    for name in ("a.csv", "data/a.csv", "data/b.csv", "data/link.csv", "outer/a.csv", "../a.csv", "data/..", "data/.", "data/", ".."):
        assert named(f"{places.root}/{name}") == places.named(places.root / name), name
