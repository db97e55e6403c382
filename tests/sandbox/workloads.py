"""Runs one piece of work twice, as anybody would and supervised, in the same folder of a project, and says what each left behind.

Rules kept: both runs begin from an equal folder at the same path, so that nothing but the supervision differs; what is compared is the exit status,
what was printed, and every file with its mode and content.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.accounts import Account

POLICY = """
[supervise]
environment = "writable"
exec = ["work/build"]
"""


@dataclass(frozen=True)
class Outcome:
    """What a run left: its status and output, and its files by name with what they are."""

    status: int
    output: str
    errors: str
    files: dict[str, tuple[object, ...]]


def prepare(made: Account) -> Account:
    """Give a project the policy that the workloads need."""
    policy = made.root / "mlsc.toml"
    policy.write_text(policy.read_text() + POLICY)
    done = made.run(*made.mlsc, "policy", "trust", "--yes")
    assert done.returncode == 0, done.stderr
    return made


def twice(made: Account, *argv: str, ignore: tuple[str, ...] = (), times: bool = False, more: Mapping[str, str] | None = None) -> tuple[Outcome, Outcome]:
    """A command in the folder ``work``, plain and supervised.

    ``ignore`` are parts of names that differ in every run; ``times`` compares mtimes too; ``more`` is added to the environment.
    """
    work, kept = made.root / "work", made.folder / "kept"
    work.mkdir(exist_ok=True)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(work, kept, symlinks=True)
    found = []
    for command in (list(argv), made.supervised(*argv)):
        shutil.rmtree(work)
        shutil.copytree(kept, work, symlinks=True)
        done = made.run(*command, cwd=work, timeout=100, env={**made.environ, **(more or {})})
        found.append(Outcome(done.returncode, done.stdout, done.stderr, _files(work, ignore, times)))
    return found[0], found[1]


def is_alike(plain: Outcome, supervised: Outcome) -> bool:
    """Whether both did the same. Raises AssertionError with what differs."""
    assert plain.status == 0, plain.errors
    assert supervised.status == 0, supervised.errors + supervised.output
    assert supervised.output == plain.output
    differing = {name for name in plain.files.keys() | supervised.files.keys() if plain.files.get(name) != supervised.files.get(name)}
    assert not differing, {name: (plain.files.get(name), supervised.files.get(name)) for name in sorted(differing)[:10]}
    return True


def python(code: str) -> tuple[str, ...]:
    """A command line that runs Python code."""
    return (sys.executable, "-c", code)


def _files(top: Path, ignore: tuple[str, ...], times: bool) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = Path(folder, name)
            shown = str(path.relative_to(top))
            if any(part in shown for part in ignore):
                continue
            status = path.lstat()
            when = (status.st_mtime_ns,) if times else ()
            found[shown] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, *when, _content(path, status.st_mode))
    return found


def _content(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""


def repository_of(place: Path, files: int) -> None:
    """A folder of many small files, with a program and a link."""
    place.mkdir(parents=True)
    for number in range(files):
        folder = place / f"d{number % 37}" / f"e{number % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}.txt").write_text(f"{number}\n" * 20)
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o755)
    (place / "link").symlink_to("run.sh")
