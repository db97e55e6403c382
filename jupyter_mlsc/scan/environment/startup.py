"""What runs in every interpreter of an environment before the first line of a program: ``.pth`` files, ``sitecustomize``, ``usercustomize``.

The ``site`` module runs each line of a ``.pth`` file that begins with ``import`` and a space or tab, and imports the two modules where they exist.

Rules kept: a file is surprising unless a RECORD names it with the very bytes that lie there, or it is what an installer writes for an
editable install; nothing is run to find out what it does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_CUSTOMIZERS = ("sitecustomize", "usercustomize")
_ENDINGS = (".py", ".pyc", ".so", ".pyd")
_EDITABLE = re.compile(r"^import __editable___\w+_finder; __editable___\w+_finder\.install\(\)\s*$")
"""What setuptools writes for an editable install that a list of folders cannot express."""
_LARGEST = 1 << 20
StartUp = Literal["runs-code", "adds-folder", "customizes", "unreadable"]


@dataclass(frozen=True, slots=True)
class StartUpFile:
    """A start-up file (absolute ``path``), what it does, and the first line (1 is the first) and text that do it; ``recorded`` when a RECORD vouches for it."""

    path: str
    does: StartUp
    line: int
    text: str
    recorded: bool


def find(sites: Iterable[Path], search_path: Iterable[str], recorded: Collection[str]) -> list[StartUpFile]:
    """Start-up files in the folders ``sites`` and, for the customizing modules, on the whole ``search_path`` of the interpreter.

    ``recorded`` are the absolute paths that some RECORD names and whose bytes are as it says.
    """
    sites = list(sites)
    found = [each for site in sites for path in sorted(site.glob("*.pth")) for each in _lines_of(path, str(path) in recorded)]
    folders = dict.fromkeys([*map(str, sites), *(os.path.realpath(entry) for entry in search_path if os.path.isdir(entry))])
    for folder in folders:
        for name in _CUSTOMIZERS:
            for path in (*(os.path.join(folder, name + ending) for ending in _ENDINGS), os.path.join(folder, name, "__init__.py")):
                if os.path.lexists(path):
                    found.append(StartUpFile(path, "customizes", 1, name, path in recorded))
    return found


def _lines_of(path: Path, recorded: bool) -> list[StartUpFile]:
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return [StartUpFile(str(path), "unreadable", 1, "", recorded)]
    if len(text) > _LARGEST:
        return [StartUpFile(str(path), "unreadable", 1, "", recorded)]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("import ", "import\t")):
            if not _EDITABLE.match(line):
                found.append(StartUpFile(str(path), "runs-code", number, line.strip(), recorded))
        elif line.strip() and not line.startswith("#") and not recorded:
            found.append(StartUpFile(str(path), "adds-folder", number, line.strip(), recorded))
    return found
