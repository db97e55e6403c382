"""A guard over this process in a project of its own, for all tests of a file: what costs is importing the libraries, and that happens once."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from watched_cells import WatchedCells, watched

from tests.conftest import Person

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def project_of_cells(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], AbstractContextManager[WatchedCells]]:
    """Cells in a new project of Ada's, by its mode."""

    def begin(mode: str) -> AbstractContextManager[WatchedCells]:
        base = tmp_path_factory.mktemp(mode)
        (base / "project").mkdir()
        ada = Person("ada", base / "home", base / "project", {"HF_DATASETS_CACHE": str(base / "cache"), "HF_HOME": str(base / "hub")})
        ada.init(mode)
        return watched(ada)

    return begin
