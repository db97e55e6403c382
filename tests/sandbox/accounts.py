"""Whom a supervised run is tried as: root, and an ordinary user with an interpreter that they can reach.

Rules kept: an account that this machine does not have is a reason in words, never a silent pass; nothing is installed here.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
_ORDINARY = ("nobody", "daemon", "mail")


@dataclass(frozen=True)
class Account:
    """Somebody with a project of their own. ``uid`` is None for whoever runs the tests."""

    name: str
    uid: int | None
    python: str
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "project"

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLSC_", "DBUS_", "PYTHON_KEYRING", "JPY_", "XDG_")) and k != "VIRTUAL_ENV"}
        home = str(self.folder / "home")
        mine = {"HOME": home, "XDG_RUNTIME_DIR": home, "MLSC_HOME": f"{home}/mlsc", "MLSC_KEY_PASSPHRASE": "a passphrase", "PYTHONPATH": str(CHECKOUT)}
        return {**kept, **mine, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def _who(self) -> dict[str, Any]:
        return {} if self.uid is None else {"user": self.uid, "group": pwd.getpwuid(self.uid).pw_gid, "extra_groups": []}

    def start(self, *argv: str, **options: Any) -> subprocess.Popen[str]:
        """A process of theirs, in the project."""
        return subprocess.Popen(argv, text=True, **{"cwd": self.root, "env": self.environ, **options}, **self._who)

    def run(self, *argv: str, timeout: int = 300, **options: Any) -> subprocess.CompletedProcess[str]:
        """A process of theirs, to its end; what it printed."""
        given = {"input": "", "capture_output": True, "env": self.environ, "cwd": self.root, **options}
        return subprocess.run(argv, text=True, check=False, timeout=timeout, **given, **self._who)

    def supervised(self, *argv: str) -> list[str]:
        """The command line that runs a command supervised."""
        return [*self.mlsc, "exec", "--", *argv]

    @property
    def mlsc(self) -> list[str]:
        return [self.python, "-m", "jupyter_mlsc.cli"]

    def give(self, place: Path) -> None:
        """Let a folder and what is in it be theirs."""
        if self.uid is not None:
            for folder, _, files in os.walk(place):
                for path in (folder, *(os.path.join(folder, name) for name in files)):
                    os.chown(path, self.uid, pwd.getpwuid(self.uid).pw_gid)


class CannotError(Exception):
    """This machine has no such account, and why."""


@contextmanager
def account(kind: str) -> Iterator[Account]:
    """``root`` or ``ordinary``, with a project that enforces its policy. Raises CannotError with the reason."""
    if kind == "root" and os.geteuid() != 0:
        raise CannotError("the tests do not run as root")
    with tempfile.TemporaryDirectory(prefix="mlsc-account-", ignore_cleanup_errors=True) as place:
        folder = Path(place).resolve()
        made = Account(kind, None, sys.executable, folder) if kind == "root" or os.geteuid() != 0 else _ordinary(folder)
        for each in (made.root, folder / "home"):
            each.mkdir()
        made.give(folder)
        done = made.run(*made.mlsc, "init", "--mode", "enforce")
        assert done.returncode == 0, done.stderr
        yield made


def _ordinary(folder: Path) -> Account:
    user = next((entry for entry in map(_entry, _ORDINARY) if entry is not None), None)
    if user is None:
        raise CannotError(f"none of the accounts {', '.join(_ORDINARY)} is here")
    packages = _packages()
    for needed in (CHECKOUT / "jupyter_mlsc", *packages):
        if not reachable(needed):
            raise CannotError(f"an ordinary user cannot read {needed}")
    base = next((found for found in _interpreters() if reachable(Path(found))), None)
    if base is None:
        raise CannotError(f"there is no Python {sys.version_info.major}.{sys.version_info.minor} that an ordinary user can execute")
    prefix = folder / "python"
    made = subprocess.run([base, "-m", "venv", "--without-pip", str(prefix)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotError(f"{base} makes no environment: {made.stderr.strip()}")
    (site,) = prefix.glob("lib/python*/site-packages")
    # The editable installation of this package is named by a .pth of its own there, which is not read from here.
    (site / "packages.pth").write_text("\n".join(map(str, packages)) + "\n")
    folder.chmod(0o755)
    return Account("ordinary", user.pw_uid, str(prefix / "bin" / "python"), folder)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _packages() -> list[Path]:
    return [Path(place) for place in sys.path if place.endswith("site-packages")]


def _interpreters() -> list[str]:
    wanted = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = getattr(sys, "_base_executable", sys.executable)
    return [found for found in (base, shutil.which(wanted, path="/usr/bin:/usr/local/bin:/bin")) if found]


def reachable(path: Path) -> bool:
    """Whether anybody may read a path, and pass every folder on the way to what it leads to."""
    place = path.resolve()
    return all(os.stat(each).st_mode & stat.S_IXOTH for each in place.parents) and bool(os.stat(place).st_mode & stat.S_IROTH)


def last_line(text: str, marker: str) -> str:
    """What stands after a marker in what a process printed. Raises ValueError with the text where it does not stand there."""
    for line in reversed(text.splitlines()):
        if line.startswith(marker):
            return line.removeprefix(marker).strip()
    raise ValueError(f"no {marker!r} in: {text[-2000:]}")
