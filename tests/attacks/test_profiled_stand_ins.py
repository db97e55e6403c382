"""A profile is of the very file that is signed: another one that stands in for it while it is looked at, and is gone again, lends it nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlsc import yardsticks
from jupyter_mlsc.errors import ArtifactChangedError
from jupyter_mlsc.scan.datasets import looking
from tests.attacks.stand_ins import standing_in
from tests.conftest import CSV, Person

POISONED = CSV.replace(",0\n", ",1\n")


def _entries(person: Person) -> int:
    return len(list(person.project.books.ledger.entries()))  # type: ignore[union-attr]


@pytest.fixture
def poisoned(ada: Person) -> Person:
    """Ada's project with a data set whose labels are all 1, and an honest one aside."""
    ada.write("data/train.csv", POISONED)
    ada.write("aside/train.csv", CSV)
    return ada


def test_a_data_set_that_is_signed(poisoned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _entries(poisoned)
    monkeypatch.setattr(yardsticks, "OpenedFile", standing_in(poisoned.root / "data", poisoned.root / "aside"))
    with pytest.raises(ArtifactChangedError, match=r"train\.csv was replaced between being measured and being looked at"):
        poisoned.sign("data/train.csv")
    assert (_entries(poisoned), (poisoned.root / "data/train.csv").read_text()) == (before, POISONED)


def test_a_data_set_that_is_promoted(poisoned: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = poisoned.root / "mlsc.toml"
    policy.write_text(policy.read_text() + '\n[stages]\nproduction = { into = "data/production" }\n')
    poisoned.mlsc("policy", "trust", "--yes")
    poisoned.sign("data/train.csv")
    before = _entries(poisoned)
    monkeypatch.setattr(yardsticks, "OpenedFile", standing_in(poisoned.root / "data", poisoned.root / "aside"))
    with pytest.raises(ArtifactChangedError, match=r"train\.csv was replaced between being measured and being looked at"):
        poisoned.project.promote(poisoned.root / "data/train.csv", "production", note="", channel="terminal", passphrases=poisoned.passphrases)
    assert _entries(poisoned) == before


def test_a_folder_of_images_that_lacks_one(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is looked at is one of those that are signed, but not all are looked at."""
    image = pytest.importorskip("PIL.Image")
    for name in ("cat/0.png", "cat/1.png", "dog/0.png"):
        place = ada.write(f"data/pets/{name}", b"")
        image.new("RGB", (4, 4), (len(name), int(name[4]), 0)).save(place)
    listed = looking.images_in

    def lacking(folder: Path) -> list[tuple[str, Path]]:
        return [each for each in listed(folder) if each[0] != "dog/0.png"]

    with monkeypatch.context() as patch:
        patch.setattr(looking, "images_in", lacking)
        with pytest.raises(ArtifactChangedError, match="pets"):
            ada.sign("data/pets")
    (signed,) = ada.sign("data/pets")
    assert signed.profile is not None
    assert signed.profile.rows == 3
