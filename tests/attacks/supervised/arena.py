"""A project that enforces its policy, with something to steal in it, and the two ways to run a theme's attacks: supervised, and with nobody watching."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from jupyter_mlsc.sandbox import caller
from tests.attacks.supervised.inside import MARKER, Table, Try
from tests.conftest import Person

REPOSITORY = Path(__file__).parents[3]
LOOSE = """
[[rule]]
match   = "loose/**"
kind    = "dataset"
formats = { deny = ["pickle"] }
"""
SIGNED = b"x,y\n1,2\n3,4\n"


def build(folder: Path, table: Table) -> Person:
    """An arena below ``folder`` with a secret for each attack. `Person.root` is its project."""
    root = folder / "arena"
    (root / "project").mkdir(parents=True)
    ada = Person("ada", root / "home-ada", root / "project")
    ada.init("enforce")
    rules = (root / "project/mlsc.toml").read_text() + LOOSE
    policy = ada.write("mlsc.toml", re.sub(r'(?m)^(match *= "data/\*\*".*)$', r'\1\nprofile = "none"', rules))  # each attack has a data set of its own
    assert policy.exists()
    trusted = ada.mlsc("policy", "trust", "--yes")
    assert trusted.returncode == 0, trusted.stderr
    ada.write("data/train.csv", SIGNED)
    for name in table:
        (root / "free" / name).mkdir(parents=True)
        ada.write(f"data/{name}/secret.csv", MARKER + b"\n")
    for name in table:
        ada.write(f"data/{name}/signed.csv", SIGNED + name.encode() + b",1\n")
    ada.sign("data/train.csv", *(f"data/{name}/signed.csv" for name in table))
    return ada


def run_supervised(ada: Person, theme: str, **more: str) -> dict[str, dict[str, str]]:
    """The outcomes of a theme under supervision."""
    ran = supervised(ada, sys.executable, "-m", "tests.attacks.supervised.inside", theme, str(ada.root.parent), **more)
    return outcomes(ran)


def run_unwatched(ada: Person, theme: str) -> dict[str, dict[str, str]]:
    """The outcomes of the same attacks with nobody watching, each on a copy of the arena."""
    parent = subprocess.Popen(["sleep", "300"], env={**ada.environ, "MLSC_KEY_PASSPHRASE": "secret-passphrase"})
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.attacks.supervised.inside", theme, str(ada.root.parent), "--control"],
            cwd=ada.root,
            env={**environ(ada), "ARENA_PARENT": str(parent.pid)},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    finally:
        parent.kill()
        parent.wait()
    return outcomes(ran)


def environ(ada: Person) -> dict[str, str]:
    """Ada's environment, in which the attacks can be imported."""
    return {**ada.environ, "PYTHONPATH": str(REPOSITORY)}


def supervised(ada: Person, *command: str, timeout: int = 200, **more: str) -> subprocess.CompletedProcess[str]:
    """Any command under supervision."""
    return subprocess.run(
        [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", *command],
        cwd=ada.root,
        env={**environ(ada), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def outcomes(ran: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    """What `inside` printed."""
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, dict[str, str]] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def word(outcome: dict[str, str]) -> str:
    """What an attack met, in one word: an error's name, its own word, or that it got something."""
    return outcome.get("error") or outcome.get("word") or ("got" if "got" in outcome else "broken")


def check_refused(attack: Try, outcome: dict[str, str]) -> None:
    """The attack was carried out, and met what it must meet."""
    assert "broken" not in outcome, outcome["broken"]
    assert MARKER.decode() not in json.dumps(outcome), f"{attack.name} obtained the contents"
    assert word(outcome) in attack.meets, f"{attack.name} met {outcome}, not {sorted(attack.meets)}"


def check_works_unwatched(attack: Try, outcome: dict[str, str]) -> None:
    """With nobody watching, the same attack gets there: it is a real one."""
    assert "broken" not in outcome, outcome["broken"]
    reached = MARKER.decode() in outcome.get("got", "") or outcome.get("word") == "reached"
    assert reached, f"{attack.name} met {outcome} with nobody watching"


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that still speak of a folder: nothing may stay behind."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in line:
                found.append(line.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def ender_of(supervisor: int) -> int:
    """The process that stands by to end a supervisor's tree: the child that has no filter more than its parent."""
    children = [int(each) for each in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]
    filters = caller.status_field(supervisor, "Seccomp_filters")
    (found,) = [each for each in children if caller.status_field(each, "Seccomp_filters") == filters]
    return found


def entries(ada: Person) -> list[dict[str, Any]]:
    """The ledger, as `mlsc log show --json` tells it."""
    shown = ada.mlsc("log", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    found: list[dict[str, Any]] = json.loads(shown.stdout)
    return found


def written(ada: Person) -> dict[str, list[str]]:
    """The digests that runs were seen to write, by name, oldest first."""
    found: dict[str, list[str]] = {}
    for entry in entries(ada):
        if entry.get("op") == "write":
            found.setdefault(entry["path"], []).append(entry["digest"])
    return found


def entry_of_output(ada: Person, name: str) -> dict[str, Any]:
    """The provenance of an output: what its newest claim file says."""
    (digest,) = written(ada)[name][-1:]
    lines = (ada.root / ".mlsc/claims" / f"{digest.partition(':')[2]}.jsonl").read_text().splitlines()
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(lines[-1])["payload"]))
    return found


def digest_of(path: Path) -> str:
    """As the ledger writes it."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
