"""What a run is made of: the installed distributions, their digest, and the state of the git work tree.

Rules kept: only names, versions and digests are recorded; git is asked without running anything that the repository configures.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable
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

    return _environment(platform.python_version(), importlib.metadata.distributions())


@cache
def installed_for(program: str) -> Environment | None:
    """The distributions that a program runs with, told without running it: a Python interpreter, or a script that names one in its first line.

    Of another environment than this interpreter's own, only what lies in its folders is seen, and not what its settings add. None for any other program.
    """
    import importlib.metadata

    interpreter = _interpreter_of(program)
    if interpreter is None:
        return None
    prefix = _prefix_of(interpreter)
    if os.path.realpath(prefix) == os.path.realpath(sys.prefix):
        return installed()
    version = _version_of(interpreter, prefix)
    if version is None:
        return None
    settings = _settings_of(prefix)
    prefixes = [prefix]
    if settings.get("include-system-site-packages") == "true" and "home" in settings:
        prefixes.append(os.path.dirname(settings["home"]))
    short = ".".join(version.split(".")[:2])
    layouts = (f"lib/python{short}/site-packages", f"lib64/python{short}/site-packages", f"local/lib/python{short}/dist-packages", "lib/python3/dist-packages")
    folders = dict.fromkeys(os.path.realpath(os.path.join(each, layout)) for each in prefixes for layout in layouts)
    return _environment(version, importlib.metadata.distributions(path=list(folders)))


def _environment(python: str, distributions: Iterable[Distribution]) -> Environment:
    found = {f"python=={python}"}
    for distribution in distributions:
        name, version = _name_and_version(distribution)
        if name:
            found.add(f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}")
    packages = tuple(sorted(found))
    return Environment(packages, "sha256:" + hashlib.sha256("\n".join(packages).encode()).hexdigest())


_PYTHON = re.compile(r"python(\d+(\.\d+)?)?\Z")
_LONGEST_FIRST_LINE = 256


def _interpreter_of(program: str) -> str | None:
    """The interpreter that a program is, or that its first line names."""
    if _PYTHON.match(os.path.basename(program)):
        return program
    if not os.path.isfile(program):
        return None
    try:
        with open(program, "rb") as file:
            first = file.readline(_LONGEST_FIRST_LINE)
    except OSError:
        return None
    named = os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []
    return named[0] if named and os.path.isabs(named[0]) and _PYTHON.match(os.path.basename(named[0])) else None


def _prefix_of(interpreter: str) -> str:
    """The folder that an interpreter belongs to: of a virtual environment where it lies in one."""
    beside = os.path.dirname(os.path.dirname(os.path.abspath(interpreter)))
    if os.path.isfile(os.path.join(beside, "pyvenv.cfg")):
        return beside
    return os.path.dirname(os.path.dirname(os.path.realpath(interpreter)))


def _settings_of(prefix: str) -> dict[str, str]:
    """A virtual environment's ``pyvenv.cfg`` (PEP 405); empty where there is none."""
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8") as file:
            pairs = [line.partition("=") for line in file]
    except (OSError, UnicodeDecodeError):
        return {}
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}


def _version_of(interpreter: str, prefix: str) -> str | None:
    """What version an interpreter has, by its environment's settings, its C header or its name; None where none of them tells."""
    settings = _settings_of(prefix)
    said = settings.get("version") or settings.get("version_info", "")
    found = re.match(r"\d+\.\d+(\.\d+)?", said)
    if found:
        return found.group()
    named = re.search(r"python(\d+\.\d+)\Z", os.path.realpath(interpreter))
    if named is None:
        return None
    try:
        with open(os.path.join(prefix, "include", f"python{named.group(1)}", "patchlevel.h"), encoding="utf-8") as file:
            header = re.search(r'#define\s+PY_VERSION\s+"([^"]+)"', file.read(1 << 16))
    except (OSError, UnicodeDecodeError):
        header = None
    return header.group(1) if header else named.group(1)


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
