"""Folders of images: how many of each class, which cannot be decoded, which are the same, and what differs later, with the images' names."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from jupyter_mlsc.profiles import Category, DatasetFacts, RowChanges
from jupyter_mlsc.scan.datasets.looking import Asked, Looked, look_at_images

image = pytest.importorskip("PIL.Image")

KEY = b"a key for digests of rows"


def draw(place: Path, seed: int, size: tuple[int, int] = (8, 6), mode: str = "RGB") -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    bands = 3 if mode == "RGB" else 1
    image.frombytes(mode, size, random.Random(seed).randbytes(size[0] * size[1] * bands)).save(place)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cats, one of them twice, two dogs, a file that is no image, a picture that is cut off, and what is no image by its name."""
    made = tmp_path_factory.mktemp("images")
    for number in range(3):
        draw(made / f"cat/{number}.png", number)
    (made / "cat/copy.png").write_bytes((made / "cat/0.png").read_bytes())
    draw(made / "dog/0.png", 10, (20, 30))
    draw(made / "dog/1.bmp", 11, mode="L")
    (made / "dog/broken.png").write_bytes(b"this is no picture")
    (made / "dog/cut.png").write_bytes((made / "dog/0.png").read_bytes()[:-300])
    (made / "labels.txt").write_text("not looked at")
    return made


@pytest.fixture(scope="module")
def signed(folder: Path) -> Looked:
    """What is seen of it, with digests, by the process that parses images."""
    return look_at_images(folder, Asked(KEY))


def column(facts: DatasetFacts, name: str) -> tuple[float | None, float | None]:
    (found,) = [each for each in facts.columns if each.name == name]
    return found.least, found.greatest


def test_classes_are_counted_and_what_cannot_be_decoded_is_named(signed: Looked) -> None:
    facts = signed.facts
    assert facts.label is not None
    assert facts.label.classes == (Category("cat", 4), Category("dog", 4))
    assert (facts.format, facts.rows, facts.duplicates) == ("images", 8, 1)
    assert (facts.malformed, facts.unreadable) == (2, ("dog/broken.png", "dog/cut.png"))
    assert (column(facts, "width"), column(facts, "height")) == ((8, 20), (6, 30))
    assert {each.value: each.rows for each in facts.columns[-1].categories} == {"RGB": 5, "L": 1}
    assert len(signed.files) == 8


def test_what_differs_later_is_told_with_names(folder: Path, signed: Looked, tmp_path: Path) -> None:
    """A cat becomes a dog, another one is drawn over, a dog is gone, and a bird that is larger than anything before comes in."""
    later = Path(str(tmp_path / "later"))
    for each in folder.rglob("*.*"):
        target = later / each.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(each.read_bytes())
    (later / "cat/1.png").rename(later / "dog/was-a-cat.png")
    draw(later / "cat/2.png", 99)
    (later / "dog/1.bmp").unlink()
    draw(later / "bird/0.png", 50, (100, 6))
    found = look_at_images(later, Asked(KEY, rows=False), (signed.facts, signed.rows)).differences
    assert found is not None
    assert isinstance(found.rows, RowChanges)
    assert [(each.was, each.now, each.count) for each in found.rows.labels] == [("cat", "dog", 1)]
    assert {name for _, name in found.rows.named} >= {"bird/0.png", "cat/2.png"}
    texts = [each.text for each in found.columns]
    assert any("classes that were never there: `bird`" in text for text in texts), texts
    assert any("greatest width is 100, it was 20" in text for text in texts), texts


def test_the_same_again_differs_in_nothing(folder: Path, signed: Looked) -> None:
    found = look_at_images(folder, Asked(KEY, rows=False), (signed.facts, signed.rows)).differences
    assert found is not None
    assert found.rows == RowChanges()
    assert found.columns == ()


def test_images_of_one_folder_have_no_classes(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 1)
    facts = look_at_images(tmp_path, Asked(KEY)).facts
    assert (facts.rows, facts.label) == (1, None)
