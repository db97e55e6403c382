"""Every load path of the table, as root and as an ordinary user: refused where nobody signed, equal where somebody did, and never what came later.

Rules kept: real libraries; all rows of an account run in one supervised process, and each row and column is a test of its own; whoever changes files
meanwhile is a process outside of the tree.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.accounts import CHECKOUT, Account, CannotError, account, last_line
from tests.sandbox.load_paths import ROWS

_PROGRAM = str(CHECKOUT / "tests" / "sandbox" / "load_paths.py")
_SEEDS = {"signed": 1, "unsigned": 2, "changed": 3}
_READ_ONLY = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS if row.read_only])
_PATHS = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Every row's file in each column, and what loading them gives to anybody."""
    place = tmp_path_factory.mktemp("load-paths") / "data"
    done = subprocess.run(
        [sys.executable, _PROGRAM, "make", str(place), json.dumps(_SEEDS)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return place, json.loads(last_line(done.stdout, "RESULT"))


@pytest.fixture(scope="module", params=["root", pytest.param("ordinary", marks=pytest.mark.slow)])
def results(request: pytest.FixtureRequest, files: tuple[Path, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What every row gave to an account, beside what it gives outside (``expected``)."""
    try:
        with account(request.param) as made:
            yield {**_observed(made, files[0]), "expected": files[1]}
    except CannotError as err:
        pytest.skip(f"not tried as {request.param}: {err}")


def _observed(made: Account, files: Path) -> dict[str, Any]:
    data = made.root / "data"
    shutil.copytree(files, data)
    shutil.copytree(data / "signed", data / "held")
    made.give(data)
    paths = [str(path) for column in ("signed", "changed", "held") for path in sorted((data / column).iterdir())]
    signed = made.run(*made.mlsc, "sign", "--kind", "dataset", *paths)
    assert signed.returncode == 0, signed.stderr + signed.stdout
    writers = {row.name: _writer(data / "held" / row.file) for row in ROWS}
    process = made.start(*made.supervised(made.python, _PROGRAM, "drive", str(data)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None  # a pipe
        for line in process.stdout:
            if line.startswith("FIRST"):
                break
        for row in ROWS:
            _change(data / "changed" / row.file, (data / "unsigned" / row.file).read_bytes())
            writers[row.name][:] = bytes(len(writers[row.name]))
        out, err = process.communicate("go on\n", timeout=240)
    finally:
        process.kill()
        process.wait()
        for writer in writers.values():
            writer.close()
    assert process.returncode == 0, err
    return {"found": json.loads(last_line(out, "RESULT")), "told": err}


def _writer(path: Path) -> mmap.mmap:
    """A shared mapping that outlives its descriptor."""
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _change(path: Path, content: bytes) -> None:
    """Other bytes in the same file, with its old times."""
    before = os.stat(path)
    with path.open("r+b") as file:
        file.truncate()
        file.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _is_refused(found: dict[str, Any], says: str) -> bool:
    assert "error" in found, f"it was loaded: {str(found)[:200]}"
    assert "PermissionError" in found["types"] or says in found["error"].lower(), found
    return True


@_PATHS
def test_unsigned_file_is_refused_with_the_librarys_own_word_for_no_permission(results: dict[str, Any], row: Any) -> None:
    assert _is_refused(results["found"][row.name]["unsigned"], row.says)
    assert f"data/unsigned/{row.file}: blocked" in results["told"]


@_PATHS
def test_signed_file_loads_equal_to_what_it_is_outside(results: dict[str, Any], row: Any) -> None:
    assert results["found"][row.name]["signed"] == {"value": results["expected"]["signed"][row.name]}


@_READ_ONLY
def test_file_that_somebody_outside_changed_between_two_loads_is_refused_the_second_time(results: dict[str, Any], row: Any) -> None:
    found = results["found"][row.name]
    assert found["changed"] == {"value": results["expected"]["changed"][row.name]}
    assert _is_refused(found["changed again"], row.says)


@_READ_ONLY
def test_file_that_a_writer_outside_keeps_mapped_is_read_from_a_copy_that_stays_as_it_was(results: dict[str, Any], row: Any) -> None:
    found = results["found"][row.name]
    assert found["opened"] == {"value": {}}
    assert found["held"] == {"value": results["expected"]["signed"][row.name]}
    assert _is_refused(found["held again"], row.says)
