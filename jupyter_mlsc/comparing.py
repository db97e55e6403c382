"""Two versions of one output are loaded and compared by meaning, in a process of its own: they were written by a notebook, and may be hostile.

Rules kept: the child gets no secret and no project on its import path, and what it unpickles is held to the allowlist, whoever signed it; what it prints
is a number of differences and a place, bounded and read strictly; what it cannot load is not comparable, and never the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from jupyter_mlsc.likeness import Likeness

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); import jupyter_mlsc; del sys.path[0]; from jupyter_mlsc.comparing import main; main()"
"""The folder is on the path for one import: it may be a project's own, and nothing else of it is to be imported."""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX")
SECONDS = 600
_LONGEST = 4_000


class _Asked(msgspec.Struct, frozen=True):
    first: str
    second: str
    name: str
    tolerance: float
    allow: tuple[str, ...]


class _Found(msgspec.Struct, frozen=True):
    differing: int = 0
    largest: float | None = None
    where: str = ""
    why_not: str | None = None


def compared(first: Path, second: Path, *, name: str, tolerance: float, allow: frozenset[str], folder: Path) -> Likeness | str:
    """How two files differ by the meaning that their format gives them, or why that cannot be told. The child works in ``folder``."""
    asked = _Asked(os.path.abspath(first), os.path.abspath(second), name, tolerance, tuple(sorted(allow)))
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    command = [sys.executable, "-I", "-c", _BOOT, place, msgspec.json.encode(asked).decode()]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL, env=kept_environment(), cwd=folder)
    except subprocess.TimeoutExpired:
        return f"it was not compared within {SECONDS} seconds"
    try:
        found = msgspec.json.decode(done.stdout[-(1 << 16) :], type=_Found)
    except msgspec.MsgspecError:
        return f"the process that compared it ended with {done.returncode} and said nothing"
    if found.why_not is not None:
        return found.why_not[:_LONGEST]
    return Likeness(found.differing, found.largest, found.where[:_LONGEST])


def kept_environment() -> dict[str, str]:
    """What the child finds in its environment."""
    return {key: os.environ[key] for key in _KEPT if key in os.environ}


def main() -> None:
    """The child: compare what the first argument names, and print what was found as JSON."""
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    asked = msgspec.json.decode(sys.argv[1], type=_Asked)
    os.write(out, msgspec.json.encode(_compare(asked)))


def _compare(asked: _Asked) -> _Found:
    from jupyter_mlsc.errors import MlscError
    from jupyter_mlsc.likeness import likeness

    try:
        values = [_loaded(Path(path), asked) for path in (asked.first, asked.second)]
        found = likeness(values[0], values[1], asked.tolerance)
    except MlscError as err:
        return _Found(why_not=err.message)
    except Exception as err:  # noqa: BLE001  # a library may fail in any way over bytes that a notebook wrote; then it cannot be told
        return _Found(why_not=f"{type(err).__name__}: {err}")
    return _Found(found.differing, found.largest, found.where)


def _loaded(path: Path, asked: _Asked) -> object:
    from jupyter_mlsc import formats
    from jupyter_mlsc.errors import FormatError

    with open(path, "rb") as stream:
        identified = formats.identify(asked.name, stream)
        if identified.format is None:
            raise FormatError(f"{asked.name} is of no format that can be loaded")
        source = formats.Source(asked.name, file=stream)
        return identified.format.load(source.private() if identified.format.runs_code else source, lifted=False, allow=frozenset(asked.allow))
