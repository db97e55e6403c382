"""Runs attacks of one theme inside a supervised process, each in a child of its own, and prints what each reached.

``python -m tests.attacks.supervised.inside THEME ARENA`` runs a module's whole table. With ``--control`` each attack gets a fresh copy of the arena:
that is how it works with nobody watching.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS = 30
"""A child that takes longer is ended: it hangs."""
MARKER = b"the-marker-of-an-unsigned-file"
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]


@dataclass(frozen=True)
class Stage:
    """The arena as one attack sees it."""

    root: Path
    name: str

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def home(self) -> Path:
        return self.root / "home-ada"

    @property
    def keys(self) -> Path:
        return self.home / "mlsc"

    @property
    def free(self) -> Path:
        """A folder below which nothing is governed, there from the start."""
        return self.root / "free" / self.name

    @property
    def data(self) -> Path:
        """A governed folder of this attack's own."""
        return self.project / "data" / self.name

    @property
    def secret(self) -> Path:
        """A governed file that nobody signed; it holds the marker."""
        return self.data / "secret.csv"

    @property
    def supervisor(self) -> int:
        """The process that supervises; without one, another process of the same account."""
        return int(os.environ["ARENA_PARENT"])


Attack = Callable[[Stage], bytes | str | None]


@dataclass(frozen=True)
class Try:
    """One attack: what it does, what it must meet, and whether it works when nobody watches."""

    name: str
    does: Attack
    meets: frozenset[str]
    control: bool


class Table(dict[str, Try]):
    """The attacks of one theme, by name."""

    def attack(self, meets: str = "EACCES", *, control: bool = True) -> Callable[[Attack], Attack]:
        """Register an attack. ``meets`` are the outcomes that are right: names of errors, or words that it returns; ``control`` is false where it does
        not work on every machine even with nobody watching."""

        def register(does: Attack) -> Attack:
            self[does.__name__] = Try(does.__name__, does, frozenset(meets.split()), control)
            return does

        return register


def syscall(number: int, *arguments: object) -> int:
    """A system call by its number. Raises OSError."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)


def content(descriptor: int) -> bytes:
    """All that a descriptor gives."""
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def identity(path: Path) -> tuple[object, ...]:
    """What must not change of something protected; reading its status is no secret. Size and times of the ledger change by right."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return ("gone",)
    more = (status.st_size,) if path.name == "mlsc.toml" else ()
    return (status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_nlink if not path.is_dir() else 0, *more)


def _outcome(attack: Try, stage: Stage) -> dict[str, str]:
    try:
        got = attack.does(stage)
    except OSError as err:
        return {"error": errno.errorcode.get(err.errno or 0, str(err))}
    if isinstance(got, str):
        return {"word": got}
    text = b"" if got is None else got
    return {"got": (MARKER if MARKER in text else text[:200]).decode("latin-1")}


def _in_child(attack: Try, stage: Stage) -> dict[str, str]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        os.chdir(stage.project)
        try:
            said = _outcome(attack, stage)
        except Exception:  # noqa: BLE001  # a broken attack must show, and the child must end
            said = {"broken": traceback.format_exc()}
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    said = content(reading)
    _, status = os.waitpid(pid, 0)
    if not said:
        return {"broken": f"died with status {status}"}
    return dict(json.loads(said))


def main() -> None:
    """Run a theme's table and print the outcomes as JSON."""
    theme, arena = sys.argv[1], Path(sys.argv[2])
    os.environ.setdefault("ARENA_PARENT", str(os.getppid()))
    table: Table = importlib.import_module(f"tests.attacks.supervised.{theme}").ATTACKS
    found = {}
    unwatched = "--control" in sys.argv
    for attack in table.values():
        if unwatched and not attack.control:
            continue  # it may harm the machine
        root = arena
        if unwatched:
            root = arena.with_name(f"{arena.name}-copy") / attack.name
            shutil.copytree(arena, root, symlinks=True)
        found[attack.name] = _in_child(attack, Stage(root, attack.name))
    print("\n" + json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
