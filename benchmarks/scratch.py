"""A project that is thrown away: a person with a home and keys of their own, a policy that is enforced, and files that they sign."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlsc.keys import PassphraseSource
from jupyter_mlsc.project import Project
from jupyter_mlsc.results import Signed
from jupyter_mlsc.verbs.initializing import initialize

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Scratch:
    """A project and its one person. Each `project` is found anew, as a new process finds it."""

    root: Path
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """The environment of this person's processes."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLSC_", "DBUS_", "PYTHON_KEYRING", "JPY_"))}
        return {**kept, "HOME": str(self.home), "MLSC_HOME": str(self.home / "mlsc"), "MLSC_KEY_PASSPHRASE": "benchmark", "PYTHONPATH": str(CHECKOUT)}

    @property
    def project(self) -> Project:
        return Project.find(self.root, self.environ)

    def sign(self, paths: Sequence[Path]) -> list[Signed]:
        passphrases = PassphraseSource.from_environ(self.environ)
        return self.project.sign(paths, kind=None, note="", channel="terminal", passphrases=passphrases)

    def forget_digests(self) -> None:
        """Empty the digest cache."""
        for file in (self.home / "mlsc").glob("digests.db*"):
            file.unlink()

    def python(self, *arguments: str) -> Any:
        """What a Python process of this person's prints, as JSON."""
        done = subprocess.run([sys.executable, *arguments], cwd=self.root, env=self.environ, stdout=subprocess.PIPE, check=True, text=True)
        return json.loads(done.stdout)


@contextmanager
def scratch(folder: Path | None) -> Iterator[Scratch]:
    """A project below ``folder`` (default: the system's folder for temporary files), removed at the end."""
    with tempfile.TemporaryDirectory(prefix="mlsc-benchmark-", dir=folder) as place:
        made = Scratch(Path(place).resolve() / "project", Path(place).resolve() / "home")
        made.home.mkdir()
        initialize(made.root, made.environ, mode="enforce", name="ada", passphrases=PassphraseSource.from_environ(made.environ))
        yield made
