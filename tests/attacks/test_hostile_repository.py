"""A project folder whose git configuration would run programs: a save asks git for the commit, and nothing of the repository's is run."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from jupyter_mlsc.environment import git_state
from tests.conftest import Person

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false"]
    return subprocess.run(["git", *identity, "-C", str(root), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(signed_dataset: Person) -> Person:
    git(signed_dataset.root, "init", "-q")
    signed_dataset.write(".gitattributes", "*.csv filter=sly diff=sly\n")
    git(signed_dataset.root, "add", ".")
    git(signed_dataset.root, "commit", "-qm", "first")
    return signed_dataset


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a mark beside itself when it is run."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


SETTINGS = {
    "fsmonitor": ["core.fsmonitor", "{}"],
    "clean filter": ["filter.sly.clean", "{}"],
    "filter process": ["filter.sly.process", "{}"],
    "required filter": ["filter.sly.clean", "{}", "filter.sly.required", "true"],
    "textconv": ["diff.sly.textconv", "{}"],
    "external diff": ["diff.external", "{}"],
    "pager": ["core.pager", "{}", "pager.status", "{}"],
    "alias": ["alias.status", "!{}"],
    "ssh command": ["core.sshCommand", "{}"],
    "signature": ["gpg.program", "{}", "log.showSignature", "true"],
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_no_program_that_the_repository_names_is_run(repository: Person, trap: Path, settings: str) -> None:
    pairs = iter(SETTINGS[settings])
    for name, value in zip(pairs, pairs, strict=True):
        git(repository.root, "config", name, value.format(trap))
    # Same size, other times: git has to look at the contents, and would ask the filter what they are.
    path = repository.root / "data/train.csv"
    os.utime(path, ns=(10**18, 10**18))
    run = repository.new_run()
    repository.save(pd.DataFrame({"x": [1]}), "models/m.parquet", run)
    assert not (trap.parent / "sprung").exists()


def test_no_hook_is_run(repository: Person, trap: Path) -> None:
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-commit"):
        shutil.copy(trap, repository.root / ".git/hooks" / hook)
    os.utime(repository.root / "data/train.csv", ns=(10**18, 10**18))
    repository.save(pd.DataFrame({"x": [1]}), "models/m.parquet")
    assert not (trap.parent / "sprung").exists()


def test_nothing_is_fetched_through_a_program(repository: Person, trap: Path) -> None:
    """A partial clone with an object missing would make git fetch it, by a transport that runs a command."""
    git(repository.root, "config", "extensions.partialClone", "origin")
    git(repository.root, "config", "core.repositoryFormatVersion", "1")
    git(repository.root, "config", "remote.origin.promisor", "true")
    git(repository.root, "config", "remote.origin.url", f"ext::{trap} %S")
    git(repository.root, "config", "protocol.ext.allow", "always")
    tree = git(repository.root, "rev-parse", "HEAD^{tree}").strip()
    (repository.root / ".git/objects" / tree[:2] / tree[2:]).unlink()
    repository.save(pd.DataFrame({"x": [1]}), "models/m.parquet")
    assert not (trap.parent / "sprung").exists()


def test_the_trap_works(repository: Person, trap: Path) -> None:
    """The tests above mean something: an ordinary `git status` springs it."""
    git(repository.root, "config", "filter.sly.clean", str(trap))
    os.utime(repository.root / "data/train.csv", ns=(10**18, 10**18))
    git(repository.root, "status")
    assert (trap.parent / "sprung").exists()


def test_an_honest_repository_is_recorded(repository: Person) -> None:
    commit = git(repository.root, "rev-parse", "HEAD").strip()
    assert git_state(repository.root).commit == commit
    assert git_state(repository.root).dirty is False
    repository.write("data/train.csv", "x\n1\n")
    assert git_state(repository.root).dirty is True
