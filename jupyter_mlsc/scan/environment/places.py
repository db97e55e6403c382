"""Where an interpreter's distributions lie, found from its prefix without running it.

Rules kept: the interpreter that asks is known by its own ``sys.path``; another one only by the layout of its folder.
"""

from __future__ import annotations

import os
import site
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """An environment: its ``prefix``, the ``executable`` that it runs, and the folders ``sites`` in which distributions are installed."""

    prefix: Path
    executable: Path | None
    sites: tuple[Path, ...]


def own() -> Place:
    """The environment of the running interpreter: the folders of its ``sys.path`` that hold distributions, the user's own included."""
    known = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    on_path = [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
    sites = tuple(dict.fromkeys(Path(os.path.realpath(entry)) for entry in (*known, *on_path) if os.path.isdir(entry)))
    return Place(Path(sys.prefix), Path(sys.executable) if sys.executable else None, sites)


def of(prefix: Path) -> Place | None:
    """The environment whose prefix is ``prefix`` (a virtual or conda environment); None where the folder is none."""
    layouts = ("lib/python*/site-packages", "lib64/python*/site-packages", "Lib/site-packages")
    sites = tuple(dict.fromkeys(Path(os.path.realpath(found)) for layout in layouts for found in sorted(prefix.glob(layout)) if found.is_dir()))
    if not sites:
        return None
    executables = (prefix / name for name in ("bin/python", "python.exe", "Scripts/python.exe"))
    return Place(prefix, next((each for each in executables if each.exists()), None), sites)
