"""The project's own code in this process: modules that were imported from the project's folder, and the script that runs, by the digests of their files.

Rules kept: what an environment inside the project holds is no code of the project; a file is hashed when its module is first seen, and again when the module
was reloaded; a file that changed since is told once for each state, for what runs is what was imported.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlsc.artifacts import Digest

_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})
_OURS = "jupyter_mlsc"
_AUTORELOAD = "IPython.extensions.autoreload"
"""Where this is loaded, a changed file becomes what runs at the next cell."""


@dataclass(frozen=True, slots=True)
class CodeFile:
    """A file of the project whose code this process runs: its path, its name in the project (posix), and its digest when it was seen."""

    path: str
    name: str
    digest: Digest


@dataclass
class _Known:
    file: str
    spec: object
    state: tuple[int, int, int]
    told: tuple[int, int, int]


class ImportedCode:
    """Looks at this process's modules, again and again; each look costs what is new."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root) + os.sep
        installed = {os.path.realpath(path) + os.sep for path in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix)}
        self._installed = tuple(path for path in installed if path != self._root and path.startswith(self._root))
        # Most modules are libraries, and are told by the beginning of their path alone.
        libraries = {os.path.abspath(path) + os.sep for path in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix)}
        self._elsewhere = tuple(path for path in libraries if not self._root.startswith(path))
        self._looked: set[str] = set()
        self._known: dict[str, _Known] = {}

    def look(self) -> tuple[list[CodeFile], list[str]]:
        """Code that came since the last look, and names of files that changed after their modules were imported."""
        found: list[CodeFile] = []
        edited: list[str] = []
        # A cell's thread may import while this looks.
        for name in set(sys.modules) - self._looked:
            self._looked.add(name)
            module = sys.modules.get(name)
            file = None if name.partition(".")[0] == _OURS else self._file_of(module)
            state = None if file is None else _state(file)
            if file is not None and state is not None:
                self._known[name] = _Known(file, _said(module, "__spec__"), state, state)
                found += self._seen(file)
        for name, known in self._known.items():
            spec, state = _said(sys.modules.get(name), "__spec__") or known.spec, _state(known.file)
            if spec is not known.spec and state is not None:
                known.spec, known.state, known.told = spec, state, state
                found += self._seen(known.file)
            elif state is not None and state not in (known.state, known.told):
                known.told = state
                if _AUTORELOAD in sys.modules:
                    found += self._seen(known.file)  # it mends modules in place, without a new spec: both versions may have run
                else:
                    edited.append(self._name(known.file))
        return found, edited

    def _seen(self, file: str) -> list[CodeFile]:
        try:
            with open(file, "rb") as stream:
                digest = Digest("sha256", hashlib.file_digest(stream, "sha256").hexdigest())
        except OSError:
            return []  # it was removed since: the module's own spec is all that is left of it
        return [CodeFile(file, self._name(file), digest)]

    def _name(self, file: str) -> str:
        return Path(file[len(self._root) :]).as_posix()

    def _file_of(self, module: object) -> str | None:
        """The file that a module was made from, where that is the project's."""
        said = _said(module, "__file__")
        if not isinstance(said, str) or said.startswith(self._elsewhere):
            return None
        file = os.path.realpath(said)
        if not file.startswith(self._root) or file.startswith(self._installed):
            return None
        return None if _LIBRARY_FOLDERS & set(file[len(self._root) :].split(os.sep)) else file


def _said(module: object, name: str) -> object:
    """An attribute of a module as it is, without waking one that waits to be loaded."""
    try:
        found: object = object.__getattribute__(module, "__dict__").get(name)
    except AttributeError:
        return None  # something else than a module stands there
    return found


def _state(file: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
