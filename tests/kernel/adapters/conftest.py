"""A guard over this process in a project of each mode, for all tests of a file: what costs is importing the libraries, and that happens once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from watched_cells import WatchedCells, watched

from tests.conftest import Person

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module", params=["enforce", "warn", "observe"])
def cells(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedCells]:
    """Cells in Ada's project, whose mode is the parameter."""
    base = tmp_path_factory.mktemp(request.param)
    (base / "project").mkdir()
    ada = Person("ada", base / "home", base / "project", {"HF_DATASETS_CACHE": str(base / "cache"), "HF_HOME": str(base / "hub")})
    ada.init(request.param)
    with watched(ada) as made:
        yield made
