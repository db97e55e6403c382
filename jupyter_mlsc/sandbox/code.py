"""Code of the project that a supervised tree reads: scripts and modules, seen from outside, whoever imports them and in whatever language.

Rules kept: what is opened by a name that ends like source is hashed before it is handed over, and is an input of all that the run makes from then on; it is
judged only where a rule governs it, and then that is not this file's business; what runs in compiled form is counted, since nobody compares it with its source.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.project_state import ProjectState
from jupyter_mlsc.recording import Actor, Run
from jupyter_mlsc.sandbox.resolve import Resolved

SOURCE = (b".py", b".R", b".jl", b".sh", b".pyx")
_COMPILED = (b".pyc",)
RUNS = (*SOURCE, *_COMPILED)
"""How names of files end that may be code of the project: these are looked at before they are handed over."""
AT_ONCE = 1 << 20
"""Bytes of a file that is hashed while the others wait: a millisecond."""
_MOST_KNOWN = 10_000


class Code:
    """The code of one run's project. Safe for several threads: what two of them do twice is the same."""

    def __init__(self, project: ProjectState, run: Run) -> None:
        self._project, self._run = project, run
        self._root = os.fsencode(os.path.realpath(project.root)) + b"/"
        self._known: dict[bytes, FileIdentity] = {}
        self._compiled: set[bytes] = set()

    def is_code(self, found: Resolved) -> bool:
        """Whether a file that is read is code of the project."""
        path, status = found.path, found.status
        if status is None or not path.startswith(self._root) or not stat.S_ISREG(status.st_mode):
            return False
        if path.endswith(_COMPILED):
            self._compiled.add(path)
            self._run.coverage["bytecode"] = len(self._compiled)
            return False
        return path.endswith(SOURCE) and self._known.get(path) != FileIdentity.of(status)

    def opened(self, found: Resolved, by: Actor) -> None:
        """Take the digest of a file that is about to be handed over. One that has no name in a statement is counted as not seen."""
        descriptor = os.open(b"/proc/self/fd/%d" % (found.descriptor or 0), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(descriptor, "rb") as stream:
            identity = FileIdentity.of(os.fstat(descriptor))
            digest = Digest("sha256", hashlib.file_digest(stream, "sha256").hexdigest())
        from jupyter_mlsc.judging import name_in_project  # many commands read no code of the project, and all wait for what is imported

        try:
            name = name_in_project(Path(os.fsdecode(found.path)), self._project.root, self._project.policy)
        except MlscError:
            self._run.coverage["guard-errors"] = self._run.coverage.get("guard-errors", 0) + 1
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[found.path] = identity
        self._run.note_code(name, digest, by=by)
