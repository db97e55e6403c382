"""The command line in this process: what it prints and how it ends, without the second that an interpreter needs to start.

For tests of words, fields and exit codes; what is about streams, signals, disks or terminals starts a real process.
"""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from unittest.mock import patch

from jupyter_mlsc.cli import run
from tests.conftest import Person


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def mlsc(person: Person, *arguments: str) -> Ended:
    """`person.mlsc` without a process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, person.environ, clear=True),
        contextlib.chdir(person.root),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run(arguments)
    return Ended(code, out.getvalue(), err.getvalue())
