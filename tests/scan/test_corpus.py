"""The corpus: nothing that runs code is missed, and honest files of real libraries are clean. The table in docs/scanning.md is made of these files."""

from __future__ import annotations

import functools
import io

import honest_files
import hostile_files
import pytest

from jupyter_mlsc.scan.engine import scan_stream
from jupyter_mlsc.scan.finding import Finding, passes

TECHNIQUES = (
    "archives",
    "chat templates",
    "dvc",
    "formulas",
    "gguf",
    "hdf5",
    "hugging face",
    "hydra",
    "jsonpickle",
    "keras",
    "msgpack",
    "onnx",
    "pickle: carriers",
    "pickle: gadgets",
    "pickle: joblib",
    "pickle: not understood",
    "pickle: numpy",
    "pickle: opcodes",
    "pickle: protocols",
    "pickle: torch",
    "pmml",
    "r",
    "safetensors",
    "skops",
    "start-up files",
    "tensorflow",
    "torch.export",
    "torchscript",
    "yaml",
)
ONLY_NOT_UNDERSTOOD = frozenset({"gguf", "pickle: not understood"})
"""Techniques that are nothing but bytes which cannot be understood."""


def found(name: str, data: bytes) -> tuple[Finding, ...]:
    return scan_stream(name, io.BytesIO(data))


@functools.cache
def _honest() -> tuple[tuple[honest_files.HonestFile, tuple[Finding, ...]], ...]:
    return tuple((each, found(each.name, each.data)) for each in honest_files.honest_files())


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_hostile_file_is_missed(technique: str) -> None:
    files = [each for each in hostile_files.hostile_files() if each.technique == technique]
    assert files
    assert [each.name for each in files if passes(found(each.name, each.data))] == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_file_is_found_for_what_it_does_and_not_only_for_being_odd() -> None:
    """A scanner that understands nothing would find everything: nearly all findings say what would happen."""
    odd = []
    for each in hostile_files.hostile_files():
        codes = {finding.code for finding in found(each.name, each.data) if finding.severity.fails}
        if codes <= {"not-understood", "limit-reached", "scanner-failed"} and each.technique not in ONLY_NOT_UNDERSTOOD:
            odd.append(each.name)
    assert sorted(odd) == ["cut-plain.rds", "cut.7z", "cut.msgpack", "cut.rds", "nested.gz", "noise.7z", "noise.onnx", "not-a-pickle.pt", "saved_model.pb"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_corpus_is_as_large_as_is_claimed() -> None:
    hostile, honest = hostile_files.hostile_files(), honest_files.honest_files()
    assert {each.technique for each in hostile} == set(TECHNIQUES)
    assert len(hostile) >= 500
    assert len(honest) >= 400
    assert len({each.library for each in honest}) >= 16


def test_honest_files_of_real_libraries_are_clean() -> None:
    alarms = [(each.library, each.name, finding.message) for each, findings in _honest() for finding in findings if finding.severity.fails]
    assert alarms == []


def test_hardly_any_honest_file_has_even_a_mild_finding() -> None:
    noted = {each.name: sorted({finding.code for finding in findings}) for each, findings in _honest() if findings}
    assert noted == {
        "config.yaml": ["hydra-target"],
        "convolution.pt": ["torchscript"],
        "outside/m.onnx": ["onnx-external"],
        "traced.pt": ["torchscript"],
    }


def test_what_policy_allows_is_no_finding() -> None:
    pickled = b"\x80\x02cmypackage.models\nNet\n)\x81."
    assert not passes(found("m.pkl", pickled))
    assert scan_stream("m.pkl", io.BytesIO(pickled), allow=frozenset({"mypackage.models.Net"})) == ()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_signs_by_which_scanners_are_chosen_let_nothing_through_that_a_scanner_would_recognise() -> None:
    from jupyter_mlsc.scan.piece import piece_of
    from jupyter_mlsc.scan.registry import scanners, scanners_for

    for each in (*hostile_files.hostile_files(), *honest_files.honest_files()):
        piece = piece_of(each.name, io.BytesIO(each.data))
        chosen = {scanner.name for scanner in scanners_for(piece)}
        assert {scanner.name for scanner in scanners() if scanner.recognise(piece)} <= chosen, each.name
    for scanner in scanners():
        for suffix in scanner.claims:
            named = piece_of(f"x{suffix}", io.BytesIO(b"\xff"))
            assert scanner.name in {chosen.name for chosen in scanners_for(named)}, suffix
