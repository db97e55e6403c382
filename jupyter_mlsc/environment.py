"""What a run is made of: the installed distributions, their digest, and the state of the git work tree.

Rules kept: only names, versions and digests are recorded; git is asked without running anything that the repository configures.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

GIT_SECONDS = 10
"""A work tree whose state git cannot tell in this time is recorded as unknown: a save must not wait for a network drive."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Installed distributions as sorted ``name==version`` lines, and ``sha256:<hex>`` over those lines joined by line feeds."""

    packages: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class GitState:
    """The commit that is checked out (hex) and whether tracked files differ from it; None where there is no repository or no answer."""

    commit: str | None
    dirty: bool | None


@cache
def installed() -> Environment:
    """The distributions that this interpreter can import, read once for each process."""
    import importlib.metadata
    import platform
    import re

    found = {f"python=={platform.python_version()}"}
    for distribution in importlib.metadata.distributions():
        name, version = _name_and_version(distribution)
        if name:
            found.add(f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}")
    packages = tuple(sorted(found))
    return Environment(packages, "sha256:" + hashlib.sha256("\n".join(packages).encode()).hexdigest())


def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    """What the core metadata says (PyPA core metadata specification), read without parsing a whole e-mail message for each distribution."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    fields: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        field, _, value = line.partition(":")
        fields.setdefault(field.lower(), value.strip())
    if "name" in fields and "version" in fields:
        return fields["name"], fields["version"]
    return distribution.metadata["Name"], distribution.version


def git_state(root: Path) -> GitState:
    """The state of the work tree that holds ``root``. Never raises: a project need not be in git."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return GitState(None, None)
    filters = _filters(root)
    if filters is None:
        return GitState(commit.strip(), None)
    status = _git(root, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all", without=filters)
    return GitState(commit.strip(), None if status is None else bool(status.strip()))


def _filters(root: Path) -> tuple[str, ...] | None:
    """Settings that take away every content filter which is configured; None where one has a name that cannot be overridden."""
    listed = _git(root, "config", "-z", "--name-only", "--includes", "--get-regexp", r"^filter\.", accept=(0, 1))
    if listed is None or "=" in listed:
        return None
    drivers = {name.rpartition(".")[0] for name in listed.split("\0") if name}
    return tuple(f"{driver}.{setting}" for driver in sorted(drivers) for setting in ("clean=", "smudge=", "process=", "required=false"))


def _git(root: Path, *arguments: str, without: tuple[str, ...] = (), accept: tuple[int, ...] = (0,)) -> str | None:
    # fsmonitor, hooks, filters and transports are programs that a repository's own configuration names: a hostile project must not start
    # them through us. Fetching what a partial clone lacks is refused too.
    settings = ("core.fsmonitor=false", "core.hooksPath=/dev/null", *without)
    command = ["git", *(part for setting in settings for part in ("-c", setting)), "-C", str(root), *arguments]
    environ = {**os.environ, "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False, stdin=subprocess.DEVNULL, env=environ)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode in accept else None
