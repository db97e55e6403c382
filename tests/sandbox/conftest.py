"""What several tests of supervision stand on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder beside the project, where people outside the tree have their sockets."""
    with tempfile.TemporaryDirectory(prefix="mlsc-out-") as place:
        yield Path(place)
