"""Which files have a profile, and having one looked at: the file is opened here, parsed elsewhere (`process`)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats import Format
from jupyter_mlsc.profiles import DatasetFacts, Differences
from jupyter_mlsc.scan.datasets import process
from jupyter_mlsc.scan.datasets.inside import LENGTH
from jupyter_mlsc.scan.datasets.questions import DEFAULT_LIMITS, Answer, Limits, Question, Signed

_SEPARATORS = {"csv": ",", "tsv": "\t"}
_FAMILIES = {"jsonl": "jsonl", "parquet": "parquet", "feather": "feather", "arrow-stream": "arrow-stream", "npy": "npy", "npz": "npz", "images": "images"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read for a profile."""

    family: str
    separator: str = ","
    packed: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of a data set: ``label`` as a rule names it, ``key`` for digests of rows, whether these are wanted, and the SHA-256."""

    key: bytes
    label: str | None = None
    rows: bool = True
    hashed: bool = False
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen. ``rows`` is the file of row digests, empty where none were wanted; each stands for a ``block`` of rows."""

    facts: DatasetFacts
    differences: Differences | None
    rows: bytes
    block: int
    files: tuple[tuple[str, str], ...] = ()
    """Of a folder: the names and SHA-256 of what was looked at."""
    sha256: str = ""
    """Of a file, where it was asked for: the SHA-256 of what was looked at."""

    def are_the_images_of(self, files: Iterable[tuple[str, str]]) -> bool:
        """Whether every image among these files, each a name in the folder and a SHA-256, was looked at, and nothing else was."""
        return set(self.files) == {(name, sha256) for name, sha256 in files if _is_image(PurePosixPath(name))}


def reading_of(format_: Format | None) -> Reading | None:
    """How a file of this format is read; None where it has no profile."""
    if format_ is None:
        return None
    family, _, packed = format_.name.partition("-")
    if family in _SEPARATORS:
        return Reading("csv", _SEPARATORS[family], packed or None)
    if family == "jsonl":
        return Reading("jsonl", packed=packed or None)
    known = _FAMILIES.get(format_.name)
    return None if known is None else Reading(known)


def look(reading: Reading, descriptor: int, asked: Asked, against: tuple[DatasetFacts, bytes | None] | None = None, *, behind: bool = False) -> Looked:
    """Have an open file looked at, and compared with a profile and its digests of rows. Raises FormatError, MissingLibraryError.

    ``behind`` asks a process that gives way to others, and does not keep them waiting.
    """
    answer, rows = process.ask(_question(reading, asked, against), descriptor, None if against is None else against[1], behind=behind)
    return _looked(answer, rows)


def look_at_images(folder: Path, asked: Asked, against: tuple[DatasetFacts, bytes | None] | None = None) -> Looked:
    """The same for a folder of images, which are handed over one by one. Raises FormatError, MissingLibraryError, ArtifactError."""
    told: list[tuple[str, str]] = []
    images = list(images_in(folder))
    size = sum(path.stat().st_size for _, path in images)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        question = _question(Reading("images"), asked, against)
        answer, rows = process.ask(question, nothing, None if against is None else against[1], more=_handed(images, told), size=size)
    finally:
        os.close(nothing)
    if len(told) != len(images):
        raise FormatError("a file in it could not be read", next_step="look at the permissions of its files")
    return replace(_looked(answer, rows), files=tuple(told))


def _question(reading: Reading, asked: Asked, against: tuple[DatasetFacts, bytes | None] | None) -> Question:
    signed = None if against is None else Signed(against[0], against[1] is not None)
    return Question(
        reading.family,
        asked.key.hex(),
        reading.separator,
        reading.packed,
        label=asked.label,
        rows=asked.rows,
        against=signed,
        limits=asked.limits,
        hashed=asked.hashed,
    )


def _looked(answer: Answer, rows: bytes) -> Looked:
    assert answer.facts is not None  # an answer without facts was raised
    return Looked(answer.facts, answer.differences, rows, answer.block, sha256=answer.sha256)


def _handed(images: Sequence[tuple[str, Path]], told: list[tuple[str, str]]) -> Iterator[bytes]:
    """Names and contents, each after its length."""
    for name, path in images:
        content = path.read_bytes()
        told.append((name, hashlib.sha256(content).hexdigest()))
        for part in (name.encode(), content):
            yield len(part).to_bytes(LENGTH, "little")
            yield part


def images_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """The images of a folder, by name, in order."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if _is_image(inner) and path.is_file():
            yield inner.as_posix(), path


def _is_image(path: PurePath) -> bool:
    from jupyter_mlsc.formats.images import FORMAT_OF

    return path.suffix.lower() in FORMAT_OF and not path.name.startswith(".")
