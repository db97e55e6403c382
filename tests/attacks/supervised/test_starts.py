"""Nothing inside can make itself be run later by a shell, a kernel, an interpreter or git; and no secret that opens another door is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.supervised.arena import build, check_refused, check_works_unwatched, entry_of_output, environ, run_supervised, run_unwatched, supervised
from tests.attacks.supervised.inside import Table
from tests.attacks.supervised.starts import ATTACKS, secret_variables, with_secrets
from tests.conftest import Person

Outcomes = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada, with secrets in her home."""
    return with_secrets(build(tmp_path_factory.mktemp("starts"), ATTACKS))


@pytest.fixture(scope="module")
def both(ada: Person) -> tuple[Outcomes, Outcomes]:
    """What the attacks reached with nobody watching, then supervised."""
    unwatched = run_unwatched(ada, "starts")
    master, terminal = os.openpty()
    try:
        return unwatched, run_supervised(ada, "starts", **secret_variables(os.ttyname(terminal)))
    finally:
        os.close(terminal)
        os.close(master)


@pytest.mark.parametrize("name", ATTACKS)
def test_is_refused(name: str, both: tuple[Outcomes, Outcomes]) -> None:
    check_refused(ATTACKS[name], both[1][name])


@pytest.mark.parametrize("name", [each.name for each in ATTACKS.values() if each.control])
def test_reaches_it_with_nobody_watching(name: str, both: tuple[Outcomes, Outcomes]) -> None:
    check_works_unwatched(ATTACKS[name], both[0][name])


def test_a_fake_package_is_not_imported_by_the_supervisor(ada: Person, both: tuple[Outcomes, Outcomes]) -> None:
    del both
    assert (ada.root / "msgspec.py").exists()
    again = subprocess.run(
        [Path(sys.executable).with_name("mlsc"), "exec", "--", "true"], cwd=ada.root, env=environ(ada), capture_output=True, text=True, check=False, timeout=60
    )
    assert again.returncode == 0, again.stderr
    assert not (ada.root.parent / "free/a_fake_package_in_the_working_folder/imported").exists()


GITFILE = """
import subprocess, sys
repository, project = sys.argv[1:]
subprocess.run(["git", "init", "-q", repository], check=True)
subprocess.run(["git", "-C", repository, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x", "--allow-empty"], check=True)
hook = f"touch {repository}/ran;"
settings = {"core.fsmonitor": hook, "core.hooksPath": repository, "core.pager": hook, "filter.x.clean": hook, "filter.x.process": hook, "core.sshCommand": hook}
for name, value in settings.items():
    subprocess.run(["git", "-C", repository, "config", name, value], check=True)
open(f"{repository}/.git/info/attributes", "w").write("* filter=x\\n")
subprocess.run(["git", "-C", repository, "config", "core.worktree", project], check=True)
open(f"{project}/.git", "w").write(f"gitdir: {repository}/.git\\n")
open(f"{project}/data/out.csv", "w").write("x\\n")
open(f"{project}/data/out.csv").read()
"""


def test_a_repository_made_inside_runs_nothing_when_the_record_asks_git(tmp_path: Path) -> None:
    ada = build(tmp_path, Table())
    repository = tmp_path / "arena/repository"
    ran = supervised(ada, sys.executable, "-c", GITFILE, str(repository), str(ada.root))
    assert ran.returncode == 0, ran.stderr
    shown = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ada.root, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    # The record did ask it.
    assert shown in json.dumps([entry_of_output(ada, "data/out.csv")])
    assert not (repository / "ran").exists()
