"""What several tests of supervision stand on."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.accounts import Account, account
from tests.sandbox.workloads import prepare


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder beside the project, where people outside the tree have their sockets."""
    with tempfile.TemporaryDirectory(prefix="mlsc-out-") as place:
        yield Path(place)


@pytest.fixture(scope="module")
def project() -> Iterator[Account]:
    """A project for honest work: the environment is writable, one folder may be executed from, git knows a name."""
    with account("root" if os.geteuid() == 0 else "ordinary") as made:
        subprocess.run(["git", "config", "--global", "user.email", "ada@example.org"], env=made.environ, check=True)
        subprocess.run(["git", "config", "--global", "user.name", "Ada"], env=made.environ, check=True)
        subprocess.run(["git", "config", "--global", "init.defaultBranch", "main"], env=made.environ, check=True)
        yield prepare(made)


@pytest.fixture
def work(project: Account) -> Iterator[Path]:
    """The folder that a test's work is done in."""
    place = project.root / "work"
    subprocess.run(["rm", "-rf", str(place)], check=True)
    place.mkdir()
    yield place
    subprocess.run(["rm", "-rf", str(place)], check=True)
