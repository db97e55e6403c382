"""Fixtures of whole ways through the product."""

from __future__ import annotations

import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import prepare


@pytest.fixture
def supervised(signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Ada's project with data/train.csv signed and data/unsigned.csv not, and a supervised kernel. This process's own runtime folder is hers."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(signed_dataset.home / "runtime"))
    return prepare(signed_dataset)
