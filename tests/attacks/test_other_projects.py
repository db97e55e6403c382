"""Another project's yes: links that lead there, its files named beside ours, its accepted policy planted in a folder of ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import KeyStore
from jupyter_mlsc.project import Project
from tests.attacks.forgery import assert_fine
from tests.conftest import Person

Make = Callable[..., Person]


@pytest.fixture
def other(signed_dataset: Person, person: Make, tmp_path: Path) -> Person:
    """Another project of Ada's, with a data set of the same name that she signed there."""
    made: Person = person("ada", root=tmp_path / "other")
    made.init()
    made.write("data/train.csv", "x,y\n6,6\n")
    made.sign("data/train.csv")
    return made


def test_a_link_to_another_projects_file_is_judged_in_the_project_that_it_lies_in(signed_dataset: Person, other: Person) -> None:
    train = signed_dataset.root / "data/train.csv"
    train.unlink()
    train.symlink_to(other.root / "data/train.csv")
    done = signed_dataset.mlsc("verify", "data/train.csv")
    assert done.returncode == 1
    assert "digest-mismatch" in done.stdout
    assert_fine(other, "data/train.csv")


def test_a_folder_that_is_a_link_into_another_project_is_judged_here(signed_dataset: Person, other: Person) -> None:
    shutil.rmtree(signed_dataset.root / "data")
    (signed_dataset.root / "data").symlink_to(other.root / "data")
    assert signed_dataset.mlsc("verify", "data/train.csv").returncode == 1


def test_a_link_to_another_project_itself_is_refused(signed_dataset: Person, other: Person) -> None:
    (signed_dataset.root / "data/more").symlink_to(other.root)
    for path in ("data/more", "data/more/data/train.csv"):
        done = signed_dataset.mlsc("verify", path)
        assert done.returncode == 2
        assert "leads out of the project" in done.stderr


def test_a_project_is_found_through_a_link_from_no_project(signed_dataset: Person, tmp_path: Path) -> None:
    (tmp_path / "shortcut").symlink_to(signed_dataset.root)
    found = Project.find(tmp_path / "shortcut/data/train.csv", signed_dataset.environ)
    assert found.root == signed_dataset.root.resolve()


@pytest.mark.parametrize("verb", ["verify", "sign"])
def test_paths_of_two_projects_are_refused_and_not_judged_by_one_policy(signed_dataset: Person, other: Person, verb: str) -> None:
    other.write("data/bad.csv", "x\n1\n")
    assert other.mlsc("verify", "data/bad.csv").returncode == 1
    done = signed_dataset.mlsc(verb, "data/train.csv", str(other.root / "data/bad.csv"))
    assert done.returncode == 2
    assert "different projects" in done.stderr


def test_a_path_in_no_project_belongs_to_the_one_at_hand(signed_dataset: Person, tmp_path: Path) -> None:
    policy = signed_dataset.root / "mlsc.toml"
    named = tmp_path / "named.toml"
    named.write_text(policy.read_text().replace('match  = "data/**"', 'match  = ["data/**", "../shared/**"]'))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/x.csv").write_text("x\n1\n")
    assert signed_dataset.mlsc("--policy", str(named), "verify", "../shared/x.csv").returncode == 1


def test_an_accepted_policy_planted_in_a_folder_of_another_project_trusts_nobody(signed_dataset: Person, other: Person) -> None:
    """It would leave what our policy governs to a policy that does not, and that the user did accept, elsewhere."""
    signed_dataset.write("data/new/bad.csv", "x\n1\n")
    shutil.copy(other.root / "mlsc.toml", signed_dataset.root / "data/new/mlsc.toml")
    done = signed_dataset.mlsc("verify", "data/new/bad.csv")
    assert done.returncode == 2
    assert "policy-untrusted" in done.stderr
    inside = Person("ada", signed_dataset.home, signed_dataset.root / "data/new")
    shown = inside.mlsc("policy", "trust")
    assert shown.returncode == 2
    assert "lies inside another project" in shown.stdout
    assert inside.mlsc("policy", "trust", "--yes").returncode == 0
    assert inside.mlsc("verify", "bad.csv").returncode == 0


@pytest.mark.parametrize("command", [["keys", "new", "mine"], ["keys", "list"]])
def test_keys_are_never_made_or_read_in_a_project(signed_dataset: Person, command: list[str]) -> None:
    inside = signed_dataset.root / "state"
    done = signed_dataset.mlsc(*command, environ={**signed_dataset.environ, "MLSC_HOME": str(inside)})
    assert done.returncode == 2
    assert "MLSC_HOME points into the project" in done.stderr
    assert not inside.exists()


def test_keys_need_no_project(person: Make, tmp_path: Path) -> None:
    alone: Person = person("bob", root=tmp_path / "nowhere")
    assert alone.mlsc("keys", "new", "bob").returncode == 0
    assert [entry.name for entry in KeyStore(Home.find(alone.environ)).list()] == ["bob"]


def test_a_folder_in_no_project_is_said_to_be_in_none(tmp_path: Path, signed_dataset: Person) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no mlsc\.toml"):
        Project.find(tmp_path / "empty", signed_dataset.environ)
