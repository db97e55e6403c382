"""A signed folder: a file added, removed, renamed, swapped for another of the same tree, loaded alone, or a manifest that is not the digest's."""

from __future__ import annotations

import os
from typing import Any

import pytest

from jupyter_mlsc.attestation import Statement, Subject, seal
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactError, BlockedArtifactError
from tests.attacks.forgery import assert_fine, assert_refused, codes, plant, stranger, vouch, vouching_key, without_own_records
from tests.conftest import CSV, Person

OTHER = CSV.replace(",1\n", ",0\n")


@pytest.fixture
def tree(ada: Person) -> Person:
    ada.write("data/parts/a.csv")
    ada.write("data/parts/b.csv", OTHER)
    ada.write("data/parts/deep/c.csv", "x\n1\n")
    ada.sign("data/parts")
    assert ada.verify("data/parts").verified
    return ada


def _add(person: Person) -> None:
    person.write("data/parts/d.csv", "x\n")


def _add_empty_hidden(person: Person) -> None:
    person.write("data/parts/.d", "")


def _remove(person: Person) -> None:
    (person.root / "data/parts/b.csv").unlink()


def _rename(person: Person) -> None:
    (person.root / "data/parts/b.csv").rename(person.root / "data/parts/z.csv")


def _exchange(person: Person) -> None:
    a, b = (person.root / "data/parts" / name for name in ("a.csv", "b.csv"))
    a.write_text(OTHER)
    b.write_text(CSV)


def _move_down(person: Person) -> None:
    (person.root / "data/parts/b.csv").rename(person.root / "data/parts/deep/b.csv")


def _change(person: Person) -> None:
    person.write("data/parts/deep/c.csv", "x\n2\n")


@pytest.mark.parametrize("attack", [_add, _add_empty_hidden, _remove, _rename, _exchange, _move_down, _change])
def test_a_signed_tree_that_is_not_whole_is_refused(tree: Person, attack: Any) -> None:
    attack(tree)
    assert codes(tree.verify("data/parts")) == ["digest-mismatch"]
    assert tree.mlsc("verify").returncode == 1


def test_a_link_in_the_place_of_a_file_or_out_of_the_tree_is_refused(tree: Person) -> None:
    file = tree.root / "data/parts/b.csv"
    file.unlink()
    file.symlink_to(tree.root / "mlsc.toml")
    with pytest.raises(ArtifactError, match=r"b\.csv"):
        tree.verify("data/parts")


@pytest.mark.parametrize(("inside", "status"), [(None, 3), (".mlsc/x.csv", 1), ("x.csv", 1)])
def test_a_folder_in_the_place_of_a_signed_file_is_refused(signed_dataset: Person, inside: str | None, status: int) -> None:
    (signed_dataset.root / "data/train.csv").unlink()
    (signed_dataset.root / "data/train.csv").mkdir()
    if inside is not None:
        signed_dataset.write(f"data/train.csv/{inside}", "x\n")
    assert signed_dataset.mlsc("verify", "data/train.csv").returncode == status
    assert signed_dataset.mlsc("verify").returncode == status


def test_a_folder_where_a_stranger_speaks_of_a_file_is_no_artifact_by_that(signed_dataset: Person) -> None:
    plant(signed_dataset, vouch(signed_dataset, "data", stranger(), measured=measure(signed_dataset.root / "data/train.csv")))
    assert signed_dataset.mlsc("verify", "data").returncode == 0


def test_files_of_a_signed_tree_are_judged_by_their_lines(tree: Person) -> None:
    assert_fine(tree, "data/parts/a.csv")
    assert_fine(tree, "data/parts/deep/c.csv")
    tree.write("data/parts/a.csv", "x\n6\n")
    assert_refused(tree, "data/parts/a.csv", "digest-mismatch")
    tree.write("data/parts/a.csv", OTHER)  # another file of the same tree
    assert not tree.verify("data/parts/a.csv").allowed
    tree.write("data/parts/new.csv", "x\n6\n")
    assert_refused(tree, "data/parts/new.csv", "unsigned")
    assert_fine(tree, "data/parts/b.csv")


def test_a_file_that_a_newer_tree_no_longer_has_is_refused(tree: Person) -> None:
    """Taken out because it was bad; put back by an attacker. The newest statement about the tree does not have it."""
    bad = tree.root / "data/parts/b.csv"
    content = bad.read_bytes()
    bad.unlink()
    tree.sign("data/parts")
    bad.write_bytes(content)
    assert_refused(tree, "data/parts/b.csv", "superseded")
    assert_fine(tree, "data/parts/a.csv")
    without_own_records(tree)
    assert_refused(tree, "data/parts/b.csv", "superseded")


def test_a_tree_cannot_speak_for_files_beside_it(tree: Person) -> None:
    """Names in a manifest are below the tree, whatever they say."""
    tree.write("data/other.csv", "x\n6\n")
    tree.write("data/parts2/a.csv")
    for path in ("data/other.csv", "data/parts2/a.csv"):
        assert not tree.verify(path).allowed


def test_a_manifest_that_does_not_belong_to_the_digest_is_refused(ada: Person) -> None:
    """The statement's digest is that of the honest tree, its list of files has a poisoned one: the list must hash to the digest."""
    ada.write("data/parts/a.csv", "x\n6\n")
    poisoned = vouch(ada, "data/parts", vouching_key(ada))
    ada.write("data/parts/a.csv")
    honest = Statement.from_payload(vouch(ada, "data/parts", vouching_key(ada)).payload)
    said = Statement.from_payload(poisoned.payload)
    mixed = Statement((Subject("data/parts", dict(honest.subjects[0].digest)),), said.predicate_type, said.predicate)
    plant(ada, seal(mixed, [vouching_key(ada)]))
    ada.write("data/parts/a.csv", "x\n6\n")
    verdict = ada.verify("data/parts/a.csv")
    assert not verdict.allowed
    assert "statement-invalid" in [r.code for r in verdict.reasons]
    ada.write("data/parts/a.csv")
    assert not ada.verify("data/parts").allowed


@pytest.mark.parametrize("name", ["../../mlsc.toml", "/etc/passwd", "a/../../other.csv", "./a.csv", "", "."])
def test_a_manifest_with_names_that_leave_the_tree_speaks_for_nothing_outside(ada: Person, name: str) -> None:
    ada.write("data/parts/a.csv", "x\n6\n")
    ada.write("data/other.csv", "x\n6\n")
    honest = Statement.from_payload(vouch(ada, "data/parts", vouching_key(ada)).payload)
    files = [dict(honest.predicate["files"][0]) | {"name": name}]
    from jupyter_mlsc.artifacts import ManifestLine
    from jupyter_mlsc.digests import manifest_digest

    digest = manifest_digest((ManifestLine(name, files[0]["sha256"], files[0]["size"]),))
    said = Statement((Subject("data/parts", {"dirHash": digest}),), honest.predicate_type, {**honest.predicate, "files": files})
    plant(ada, seal(said, [vouching_key(ada)]))
    for path in ("data/other.csv", "data/parts/a.csv"):
        assert not ada.verify(path).allowed


def test_a_file_of_a_tree_is_judged_whatever_folder_is_linked_to_it(tree: Person) -> None:
    os.symlink("data/parts", tree.root / "handy")
    assert tree.load("handy/a.csv") is not None
    tree.write("data/parts/a.csv", "x\n6\n")
    with pytest.raises(BlockedArtifactError) as caught:
        tree.load("handy/a.csv")
    assert codes(caught.value.verdict) == ["digest-mismatch"]
