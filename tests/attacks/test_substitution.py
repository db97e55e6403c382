"""Another approved thing is put in the place: the test set, last version's file, another project's bundle, a statement for another digest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlsc.attestation import Envelope
from jupyter_mlsc.errors import BlockedArtifactError
from jupyter_mlsc.keys import KeyStore
from tests.attacks.forgery import assert_fine, assert_refused, codes, digest_at, now, plant, plant_beside, vouch, vouching_key, without_own_records
from tests.conftest import CSV, Person

TEST = CSV.replace(",1\n", ",0\n")


@pytest.fixture
def two_sets(ada: Person) -> Person:
    ada.write("data/train.csv")
    ada.write("data/test.csv", TEST)
    ada.sign("data/train.csv", "data/test.csv")
    return ada


def test_the_signed_test_set_in_the_training_sets_place_is_refused(two_sets: Person) -> None:
    shutil.copy(two_sets.root / "data/test.csv", two_sets.root / "data/train.csv")
    verdict = assert_refused(two_sets, "data/train.csv", "digest-mismatch", "other-name")
    assert "data/test.csv" in next(r.message for r in verdict.reasons if r.code == "other-name")
    assert_fine(two_sets, "data/test.csv")


def test_a_hard_link_changes_nothing_about_it(two_sets: Person) -> None:
    (two_sets.root / "data/train.csv").unlink()
    os.link(two_sets.root / "data/test.csv", two_sets.root / "data/train.csv")
    assert_refused(two_sets, "data/train.csv", "digest-mismatch", "other-name")


@pytest.mark.parametrize("chain", [False, True])
def test_a_link_to_the_signed_test_set_in_the_training_sets_place_is_refused(two_sets: Person, chain: bool) -> None:
    train = two_sets.root / "data/train.csv"
    train.unlink()
    goal = Path("test.csv")
    if chain:
        (two_sets.root / "elsewhere").symlink_to("data/test.csv")
        goal = Path("../elsewhere")
    train.symlink_to(goal)
    assert_refused(two_sets, "data/train.csv", "digest-mismatch", "other-name")
    assert two_sets.mlsc("verify").returncode == 1
    assert_fine(two_sets, "data/test.csv")


def test_a_link_from_an_ungoverned_name_is_judged_where_it_leads(two_sets: Person) -> None:
    two_sets.write("data/poisoned.csv", "x,y\n0,0\n")
    (two_sets.root / "handy.csv").symlink_to("data/poisoned.csv")
    with pytest.raises(BlockedArtifactError) as caught:
        two_sets.load("handy.csv")
    assert codes(caught.value.verdict) == ["unsigned"]
    (two_sets.root / "fine.csv").symlink_to("data/train.csv")
    two_sets.load("fine.csv")


def test_a_linked_folder_in_the_place_of_the_data_is_refused(two_sets: Person) -> None:
    """The whole folder replaced by a link to one that nothing governs."""
    other = two_sets.root / "cache"
    (two_sets.root / "data").rename(other)
    (other / "train.csv").write_text("x,y\n0,0\n")
    (two_sets.root / "data").symlink_to("cache")
    with pytest.raises(BlockedArtifactError) as caught:
        two_sets.load("data/train.csv")
    assert codes(caught.value.verdict) == ["digest-mismatch"]
    assert two_sets.mlsc("verify", "data/train.csv").returncode == 1


def test_last_versions_signed_file_put_back_is_refused(two_sets: Person) -> None:
    first = (two_sets.root / "data/train.csv").read_bytes()
    two_sets.write("data/train.csv", CSV + "50,0\n")
    two_sets.sign("data/train.csv")
    assert_fine(two_sets, "data/train.csv")
    two_sets.write("data/train.csv", first)
    assert_refused(two_sets, "data/train.csv", "superseded")
    without_own_records(two_sets)  # a fresh clone says the same
    assert_refused(two_sets, "data/train.csv", "superseded")
    two_sets.sign("data/train.csv")  # unless somebody means it
    assert_fine(two_sets, "data/train.csv")


def test_another_name_of_the_statements_file_changes_nothing(two_sets: Person) -> None:
    """The claims file of one digest renamed to another's: what a statement binds is in it."""
    poisoned = two_sets.write("data/poisoned.csv", "x,y\n0,0\n")
    without_own_records(two_sets)
    claims = two_sets.root / ".mlsc/claims"
    old = claims / f"{digest_at(two_sets, 'data/train.csv').hex}.jsonl"
    shutil.copy(old, claims / f"{digest_at(two_sets, 'data/poisoned.csv').hex}.jsonl")
    shutil.copy(old, poisoned.with_name("poisoned.csv.claims.jsonl"))
    assert_refused(two_sets, "data/poisoned.csv", "unsigned")
    old.rename(claims / "anything.jsonl")
    assert_fine(two_sets, "data/train.csv")


def test_a_statement_for_another_digest_is_refused(ada: Person) -> None:
    """Right name, right signer, other bytes: whatever file it lies in."""
    ada.write("data/train.csv", "x,y\n9,9\n")
    statement = vouch(ada, "data/train.csv", vouching_key(ada))
    ada.write("data/train.csv")
    plant(ada, statement, f"{digest_at(ada, 'data/train.csv').hex}.jsonl")
    plant_beside(ada, statement, "data/train.csv")
    assert_refused(ada, "data/train.csv", "digest-mismatch")


@pytest.fixture
def other_project(person: Callable[..., Person], two_sets: Person) -> Person:
    """Another project of the same person, with the same key, where the same name means other data."""
    other: Person = person("ada", root=two_sets.root.parent / "other")
    other.init()
    other.write("data/train.csv", "x,y\n5,5\n")
    other.sign("data/train.csv")
    return other


def test_a_file_of_another_project_with_its_statements_is_refused(two_sets: Person, other_project: Person) -> None:
    shutil.copy(other_project.root / "data/train.csv", two_sets.root / "data/train.csv")
    for file in (other_project.root / ".mlsc/claims").iterdir():
        shutil.copy(file, two_sets.root / ".mlsc/claims" / file.name)
    assert_refused(two_sets, "data/train.csv", "digest-mismatch")
    shutil.copy(other_project.root / "data/train.csv", two_sets.root / "data/new.csv")
    verdict = two_sets.verify("data/new.csv")
    assert not verdict.allowed
    assert_fine(other_project, "data/train.csv")


def test_a_statement_of_another_project_about_the_same_name_is_refused(ada: Person, person: Callable[..., Person]) -> None:
    other: Person = person("ada", root=ada.root.parent / "other")
    other.init()
    for each in (ada, other):
        each.write("data/train.csv")
    other.sign("data/train.csv")
    shutil.copytree(other.root / ".mlsc/claims", ada.root / ".mlsc/claims")
    assert_refused(ada, "data/train.csv", "other-project")
    assert_fine(other, "data/train.csv")


def test_an_exported_bundle_of_another_project_is_refused(two_sets: Person, other_project: Person) -> None:
    """An OMS bundle binds no project: it counts only where the rule says so."""
    assert other_project.mlsc("export", "data/train.csv", "--format", "oms").returncode == 0
    for suffix in ("", ".sig"):
        shutil.copy(other_project.root / f"data/train.csv{suffix}", two_sets.root / f"data/new.csv{suffix}")
    assert_refused(two_sets, "data/new.csv", "unbound")


def test_a_second_project_with_the_same_id_gets_no_trust_by_it(two_sets: Person, person: Callable[..., Person]) -> None:
    """Mallory copies the id, which is no secret, into a project whose policy names her."""
    mallory: Person = person("mallory", root=two_sets.root.parent / "evil")
    mallory.init()
    policy = mallory.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace(mallory.project.project_id, two_sets.project.project_id))
    mallory.write("data/train.csv", "x,y\n6,6\n")
    plant(mallory, vouch(mallory, "data/train.csv", vouching_key(mallory)))
    victim = Person("ada", two_sets.home, mallory.root)
    verdict = victim.verify("data/train.csv")
    assert codes(verdict) == ["untrusted-signer"]
    assert [n.code for n in victim.project.notes] == ["policy-changed"]
    # Nor does what she signed under that id count in the real project.
    shutil.copytree(mallory.root / ".mlsc/claims", two_sets.root / ".mlsc/claims", dirs_exist_ok=True)
    shutil.copy(mallory.root / "data/train.csv", two_sets.root / "data/train.csv")
    assert_refused(two_sets, "data/train.csv", "digest-mismatch")


def test_a_newer_statement_for_a_name_does_not_reach_another_name(two_sets: Person) -> None:
    plant(two_sets, vouch(two_sets, "data/test.csv", vouching_key(two_sets), signed_at=now(minutes=1)))
    assert_fine(two_sets, "data/train.csv")


def test_the_keys_of_the_two_projects_are_one_and_so_the_tests_above_mean_something(two_sets: Person, other_project: Person) -> None:
    assert vouching_key(two_sets).public == vouching_key(other_project).public
    assert isinstance(two_sets.project.keys, KeyStore)
    lines = [Envelope.from_json(line) for f in (other_project.root / ".mlsc/claims").iterdir() for line in f.read_bytes().splitlines()]
    assert len(lines) == 3
