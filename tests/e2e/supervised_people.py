"""Somebody who works with supervised kernels: a signed data set, an unsigned one, and kernel specifications of their own."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import nbformat

from tests.conftest import CSV, Person
from tests.kernel.live_kernel import LONG, LiveKernel

KERNEL = "python3-supervised"


def prepare(person: Person) -> Person:
    """Install the kernel and put an unsigned file beside the signed one."""
    person.write("data/unsigned.csv", CSV + "7,7\n")
    done = person.mlsc("kernels", "install", "--user")
    assert done.returncode == 0, done.stderr
    return person


def specs_of(person: Person) -> Path:
    return person.home / ".local" / "share" / "jupyter" / "kernels"


def start(person: Person, kernel: str = KERNEL) -> LiveKernel:
    for _ in range(3):
        try:
            return LiveKernel(person.root, person.environ, kernel=kernel, specs=specs_of(person))
        except RuntimeError:
            # The kernel died: jupyter_client names free ports, and any connection may take one before the kernel does. Its own restarter tries again, too.
            continue
    raise AssertionError("no kernel started")


def notebook(person: Person, *sources: str, name: str = "work.ipynb", kernel: str = KERNEL) -> Path:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    book.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    place = person.root / name
    nbformat.write(book, place)
    return place


def recorded(person: Person) -> list[dict[str, Any]]:
    """Reads and writes in the ledger, as `mlsc log show --json` has them."""
    import json

    told = person.mlsc("log", "show", "--json")
    assert told.returncode == 0, told.stderr
    return [entry for entry in json.loads(told.stdout) if entry["kind"] in ("read", "write")]


def operations(person: Person) -> list[tuple[str, str, str, str]]:
    return [(entry["op"], entry["path"], entry["verdict"], entry["tier"]) for entry in recorded(person)]


def phases(person: Person) -> list[str]:
    """How the supervised runs in the ledger began and ended."""
    import json

    told = json.loads(person.mlsc("log", "show", "--json").stdout)
    return [entry["phase"] for entry in told if entry["kind"] == "run"]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def wait_until_gone(*pids: int) -> None:
    until = time.monotonic() + LONG
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < until, [pid for pid in pids if is_alive(pid)]
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in os.listdir(f"/proc/{pid}/task"):
        found += [int(each) for each in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    return found
