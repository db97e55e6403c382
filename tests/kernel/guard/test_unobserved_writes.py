"""What appears in a governed folder without this process having been seen to write it is nobody's word, and not this run's own output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from jupyter_mlsc.errors import BlockedArtifactError
from jupyter_mlsc.kernel.guard import Guard
from jupyter_mlsc.session import Session
from tests.conftest import CSV, Person


@pytest.fixture
def guarded(signed_dataset: Person) -> Iterator[Guard]:
    """Ada's kernel in `enforce`, between two cells, in the project's folder."""
    before = Path.cwd()
    os.chdir(signed_dataset.root)
    guard = Guard(Session(signed_dataset.root, signed_dataset.environ, signed_dataset.passphrases))
    guard.begin()
    try:
        yield guard
    finally:
        guard.end()
        os.chdir(before)


def write_from_outside(path: Path, text: str) -> None:
    subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(path), text], check=True)


@pytest.mark.parametrize("name", ["data/derived/dropped.csv", "models/dropped.csv", "data/dropped.csv"])
def test_a_file_that_another_process_drops_in_is_not_this_runs_own(guarded: Guard, signed_dataset: Person, name: str) -> None:
    path = signed_dataset.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with guarded.quiet():
        write_from_outside(path, CSV)
    guarded.cell_begins()
    guarded.cell_ends(None)
    assert guarded.coverage.counts()["unobserved-writes"] == 1
    guarded.cell_begins()
    with pytest.raises(BlockedArtifactError) as caught:
        pd.read_csv(path)
    guarded.cell_ends(caught.value)
    assert "own-output" not in [reason.code for reason in caught.value.verdict.reasons]


def test_what_a_cell_writes_itself_it_may_read_back(guarded: Guard, signed_dataset: Person) -> None:
    guarded.cell_begins()
    (signed_dataset.root / "data/derived").mkdir()
    pd.DataFrame({"x": [1, 2]}).to_csv("data/own.csv", index=False)
    assert len(pd.read_csv("data/own.csv")) == 2
    guarded.cell_ends(None)
    assert guarded.coverage.counts().get("unobserved-writes", 0) == 0
