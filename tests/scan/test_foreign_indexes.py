"""Where packages would come from: every index is foreign that policy does not name, in requirements, YAML and cells; none is known to us by name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from jupyter_mlsc.scan.engine import scan_stream
from jupyter_mlsc.scan.process import ScanProcess

OURS = "https://packages.test/simple"
NAMED = frozenset({OURS})


def found(name: str, text: str, indexes: frozenset[str] = NAMED) -> list[str]:
    return [each.code for each in scan_stream(name, io.BytesIO(text.encode()), indexes=indexes)]


@pytest.mark.parametrize("option", ["-i", "--index-url", "--index-url=", "--extra-index-url", "-f", "--find-links"])
def test_an_index_is_foreign_unless_policy_names_it(option: str) -> None:
    line = f"{option} {OURS}/\nnumpy==2.1.0\n".replace("= ", "=")
    assert found("requirements.txt", line, frozenset()) == ["foreign-index"]
    assert found("requirements.txt", line) == []


@pytest.mark.parametrize(
    "address",
    [f"{OURS}/more", "https://packages.test/simpler", "https://packages.test", "http://packages.test/simple", "https://packages.test.evil.test/simple"],
)
def test_an_index_that_only_looks_like_one_of_them_is_foreign(address: str) -> None:
    assert found("requirements.txt", f"--extra-index-url {address}\n") == ["foreign-index"]


def test_a_password_in_an_address_does_not_make_it_another_index_and_is_not_repeated() -> None:
    text = "--index-url https://me:s3cret@packages.test/simple\npkg @ https://me:s3cret@x.test/pkg.whl\n"
    for indexes, codes in ((NAMED, ["foreign-package"]), (frozenset[str](), ["foreign-index", "foreign-package"])):
        told = scan_stream("requirements.txt", io.BytesIO(text.encode()), indexes=indexes)
        assert [each.code for each in told] == codes
        assert not any("s3cret" in each.message for each in told)


def test_the_indexes_of_conda_environments_count_as_well() -> None:
    text = f"dependencies:\n  - pip:\n    - --extra-index-url {OURS}\n    - --index-url=https://x.test/simple\n    - numpy==2.1.0\n"
    assert found("conda.yaml", text) == ["foreign-index"]
    assert found("conda.yaml", text, frozenset()) == ["foreign-index", "foreign-index"]


def test_cells_may_install_from_an_index_that_policy_names() -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": f"!pip install -i {OURS} a==1"}
    text = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})
    assert found("n.ipynb", text, frozenset()) == ["install-index"]
    assert found("n.ipynb", text) == []


def test_the_process_that_scans_is_told_of_them(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"--index-url {OURS}\n--extra-index-url https://x.test/simple\n")
    with ScanProcess(indexes=NAMED) as process, open(path, "rb") as file:
        assert [each.message for each in process.scan(path.name, file.fileno())] == ["packages would come from https://x.test/simple"]
