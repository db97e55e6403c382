"""Fixtures of whole ways through the product."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Person
from tests.e2e.lab import CHROMIUM, chromium
from tests.e2e.panel import Desk, desk_of
from tests.e2e.supervised_people import prepare

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def supervised(signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Ada's project with data/train.csv signed and data/unsigned.csv not, and a supervised kernel. This process's own runtime folder is hers."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(signed_dataset.home / "runtime"))
    return prepare(signed_dataset)


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Ada's project, enforced, with her server, which all tests of the panel share: each has a notebook and files of its own."""
    with desk_of(tmp_path_factory.mktemp("desk")) as made:
        yield made


# Not for the session: Playwright's loop runs as long as the browser does, and other tests of this process run loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once for a module. `lab.page_of` opens a page of a server in it."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("no browser is driven here: Playwright is not installed (pip install playwright)")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser is driven here: there is no {CHROMIUM} (apt-get install chromium)")
    with chromium() as started:
        yield started
