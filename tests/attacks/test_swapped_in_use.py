"""Bytes that are swapped between the check and the load: what is handed on is what was judged, or the load is refused. No clocks involved."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jupyter_mlsc import formats
from jupyter_mlsc.errors import ArtifactChangedError, BlockedArtifactError, FormatError
from jupyter_mlsc.formats import tabular
from jupyter_mlsc.verbs import loading
from tests.attacks.forgery import assert_fine, codes, plant, provenance, run_key, vouch, vouching_key
from tests.conftest import CSV, Person

POISONED = CSV.replace(",1\n", ",0\n")


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every inert file is a large one: parsed from the descriptor while it is measured."""
    monkeypatch.setattr(loading, "PRIVATE_COPY_LIMIT", 0)


def _while_loading(monkeypatch: pytest.MonkeyPatch, before: Callable[[], object] | None = None, after: Callable[[], object] | None = None) -> None:
    """Do something just before and just after the format's own loader runs."""
    honest = tabular.FORMATS[0]

    def load(source: formats.Source, *, lifted: bool, allow: frozenset[str]) -> object:
        if before is not None:
            before()
        value = honest.load(source, lifted=lifted, allow=allow)
        if after is not None:
            after()
        return value

    hooked = dataclasses.replace(honest, load=load)
    monkeypatch.setattr(loading, "format_to_load", lambda *_: hooked)


def _poison_in_place(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(POISONED.encode())


def _restore(path: Path, content: str = CSV) -> Callable[[], None]:
    status = path.stat()

    def restore() -> None:
        path.write_text(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    return restore


def test_a_small_file_swapped_while_it_is_loaded_is_loaded_as_it_was_judged(signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    path = signed_dataset.root / "data/train.csv"
    _while_loading(monkeypatch, before=lambda: _poison_in_place(path))
    assert signed_dataset.load("data/train.csv").y.sum() == 25
    assert pd.read_csv(path).y.sum() == 0


@pytest.mark.usefixtures("small_limit")
class TestALargeFile:
    def test_that_holds_still_is_loaded(self, signed_dataset: Person) -> None:
        assert signed_dataset.load("data/train.csv").y.sum() == 25
        assert_fine(signed_dataset, "data/train.csv")

    def test_that_was_changed_before_is_refused(self, signed_dataset: Person) -> None:
        _poison_in_place(signed_dataset.root / "data/train.csv")
        with pytest.raises(BlockedArtifactError):
            signed_dataset.load("data/train.csv")

    def test_that_is_poisoned_before_it_is_parsed_is_refused(self, signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        path = signed_dataset.root / "data/train.csv"
        _while_loading(monkeypatch, before=lambda: _poison_in_place(path))
        with pytest.raises((BlockedArtifactError, ArtifactChangedError)):
            signed_dataset.load("data/train.csv")

    def test_that_is_poisoned_while_it_is_parsed_and_put_back_after_is_refused(self, signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        """The measurement sees good bytes, the parser saw bad ones; only the times of the open file tell."""
        path = signed_dataset.root / "data/train.csv"
        _measured_first(monkeypatch)
        _while_loading(monkeypatch, before=lambda: _poison_in_place(path), after=_restore(path))
        with pytest.raises(BlockedArtifactError) as caught:
            signed_dataset.load("data/train.csv")
        assert codes(caught.value.verdict) == ["tampered-in-use"]
        assert path.read_text() == CSV

    def test_that_was_poisoned_and_is_put_right_before_it_is_measured_is_refused(self, signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        path = signed_dataset.root / "data/train.csv"
        _poison_in_place(path)
        _measured_last(monkeypatch)
        _while_loading(monkeypatch, after=_restore(path))
        with pytest.raises(BlockedArtifactError) as caught:
            signed_dataset.load("data/train.csv")
        assert codes(caught.value.verdict) == ["tampered-in-use"]

    def test_that_another_one_is_renamed_over_is_refused(self, signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        """The descriptor stays with the file that was opened, and a name that it lost shows in its times."""
        path = signed_dataset.root / "data/train.csv"
        other = signed_dataset.write("other.csv", POISONED)
        _while_loading(monkeypatch, before=lambda: os.replace(other, path))
        with pytest.raises(BlockedArtifactError) as caught:
            signed_dataset.load("data/train.csv")
        assert codes(caught.value.verdict) == ["tampered-in-use"]

    def test_that_is_blocked_tells_nothing_of_its_parsing(self, signed_dataset: Person) -> None:
        signed_dataset.write("data/train.csv", b'"\x00broken')
        with pytest.raises(BlockedArtifactError):
            signed_dataset.load("data/train.csv")

    def test_that_is_opened_is_a_private_copy(self, signed_dataset: Person) -> None:
        project = signed_dataset.project
        stream, _ = project.open(signed_dataset.root / "data/train.csv", signed_dataset.new_run())
        _poison_in_place(signed_dataset.root / "data/train.csv")
        assert stream.read() == CSV.encode()


def _measured_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is computed before the parser begins, as it may be on another core."""

    class AtOnce(_Pool):
        def submit(self, work: Callable[..., Any], *arguments: Any) -> _Done:
            return _Done(work(*arguments))

    monkeypatch.setattr(loading, "ThreadPoolExecutor", AtOnce)


def _measured_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is computed after the parser has ended."""

    class Later(_Pool):
        def submit(self, work: Callable[..., Any], *arguments: Any) -> _Pending:
            return _Pending(work, arguments)

    monkeypatch.setattr(loading, "ThreadPoolExecutor", Later)


class _Pool:
    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


@dataclasses.dataclass
class _Done:
    value: Any

    def result(self) -> Any:
        return self.value


@dataclasses.dataclass
class _Pending:
    work: Callable[..., Any]
    arguments: tuple[Any, ...]

    def result(self) -> Any:
        return self.work(*self.arguments)


@pytest.fixture
def folder(ada: Person) -> Person:
    """A signed model folder."""
    ada.write("models/bert/config.json", json.dumps({"architectures": ["Bert"]}))
    ada.write("models/bert/model.safetensors", b"good")
    ada.sign("models/bert")
    return ada


def _folder_format(monkeypatch: pytest.MonkeyPatch, load: Callable[[Path, bool], object]) -> None:
    """A loader of model folders that opens files by name, as transformers does."""
    honest = next(f for f in formats.FORMATS if f.folder)

    def hooked(source: formats.Source, *, lifted: bool, allow: frozenset[str]) -> object:
        assert source.folder is not None
        return load(source.folder, lifted)

    monkeypatch.setattr(loading, "format_to_load", lambda *_: dataclasses.replace(honest, load=hooked))


def test_a_model_folder_that_holds_still_is_loaded(folder: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    _folder_format(monkeypatch, lambda place, _: (place / "model.safetensors").read_bytes())
    assert folder.load("models/bert") == b"good"


@pytest.mark.parametrize("put_back", [False, True])
@pytest.mark.parametrize("by_rename", [False, True])
def test_a_file_of_a_model_folder_swapped_while_it_is_loaded_is_refused(
    folder: Person, monkeypatch: pytest.MonkeyPatch, put_back: bool, by_rename: bool
) -> None:
    def load(place: Path, lifted: bool) -> bytes:
        file = place / "model.safetensors"
        good = file.with_name(".good")
        if by_rename:
            file.rename(good)
        file.write_bytes(b"evil")
        loaded = file.read_bytes()
        if put_back and by_rename:
            good.rename(file)
        elif put_back:
            file.write_bytes(b"good")
        return loaded

    _folder_format(monkeypatch, load)
    with pytest.raises(BlockedArtifactError) as caught:
        folder.load("models/bert")
    assert codes(caught.value.verdict) == ["tampered-in-use"]


def test_code_of_a_signed_folder_is_run_from_a_copy_that_nobody_else_can_change(folder: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person stands for the code in the folder; whoever swaps it after the check has it neither run nor loaded."""
    seen = []

    def load(place: Path, lifted: bool) -> bytes:
        if not lifted:
            raise FormatError("it asks for code of its own")
        (folder.root / "models/bert/model.safetensors").write_bytes(b"evil")
        seen.append((place, place.stat().st_mode & 0o077, place.parent.stat().st_mode & 0o077))
        return (place / "model.safetensors").read_bytes()

    _folder_format(monkeypatch, load)
    assert folder.load("models/bert") == b"good"
    ((place, _, others),) = seen
    assert place != folder.root / "models/bert"
    assert others == 0


def test_code_that_was_swapped_before_its_copy_was_made_is_not_run(folder: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(place: Path, lifted: bool) -> bytes:
        assert not lifted, "what was swapped in was run"
        (folder.root / "models/bert/model.safetensors").write_bytes(b"evil")
        raise FormatError("it asks for code of its own")

    _folder_format(monkeypatch, load)
    with pytest.raises(BlockedArtifactError) as caught:
        folder.load("models/bert")
    assert codes(caught.value.verdict) == ["tampered-in-use"]


def test_code_of_a_folder_that_only_a_run_vouches_for_is_not_run(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ada.write("models/bert/config.json", "{}")
    plant(ada, provenance(ada, "models/bert", run_key(ada)))
    assert ada.verify("models/bert").verified

    def load(place: Path, lifted: bool) -> bytes:
        assert not lifted
        raise FormatError("it asks for code of its own")

    _folder_format(monkeypatch, load)
    with pytest.raises(FormatError):
        ada.load("models/bert")


def test_what_is_signed_is_what_was_measured(ada: Person) -> None:
    """A file that changes while it is signed is an error, not a signature."""
    ada.write("data/train.csv")
    envelope = vouch(ada, "data/train.csv", vouching_key(ada))
    ada.write("data/train.csv", POISONED)
    plant(ada, envelope)
    assert codes(ada.verify("data/train.csv")) == ["digest-mismatch"]
