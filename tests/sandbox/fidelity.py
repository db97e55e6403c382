"""Runs one program of system calls twice, plain and under `mlsc exec`, in the same folder, and says where the two differ."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Person

PROGRAMS = Path(__file__).parent / "programs"
sys.path.insert(0, str(PROGRAMS))
Seen = dict[str, dict[str, Any]]


def cases(program: str) -> list[str]:
    """The names of a program's cases."""
    return list(importlib.import_module(program).CASES)


class Pair:
    """What a program saw plain and supervised: for each case its steps, and what it left behind."""

    def __init__(self, person: Person, program: str, folder: Path, wanted: tuple[str, ...] = ()) -> None:
        tree: Callable[[str], list[list[Any]]] = importlib.import_module("kit").tree
        script = str(PROGRAMS / f"{program}.py")
        self.errors = ""
        self.plain = self._run([sys.executable, str(PROGRAMS / "plain.py"), sys.executable], person, script, folder, wanted, tree)
        self.supervised = self._run([sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable], person, script, folder, wanted, tree)

    def _run(self, start: list[str], person: Person, script: str, folder: Path, wanted: tuple[str, ...], tree: Callable[[str], list[list[Any]]]) -> Seen:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        out = folder / "seen.json"
        done = subprocess.run(
            [*start, "-B", script, str(folder), str(out), *wanted],
            cwd=person.root,
            env=person.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.errors = done.stderr
        seen = json.loads(out.read_text())
        return {name: {"steps": steps, "left": tree(str(folder / f"case{index:04}"))} for index, (name, steps) in enumerate(seen.items())}

    def differences(self, case: str) -> dict[str, tuple[Any, Any]]:
        """Where the two differ, by step or by name left behind: what it is plain, then what it is supervised."""
        one, two = self.plain[case], self.supervised[case]
        found = {}
        labels = [step[0] for step in one["steps"]]
        for index in range(max(len(one["steps"]), len(two["steps"]))):
            a = one["steps"][index] if index < len(one["steps"]) else ["nothing", None]
            b = two["steps"][index] if index < len(two["steps"]) else ["nothing", None]
            if a != b:
                label = a[0] if index < len(labels) else b[0]
                found[label] = (a if a[0] != b[0] else a[1], b if a[0] != b[0] else b[1])
                if a[0] != b[0]:
                    break  # what follows is no longer the same step
        ours, theirs = {row[0]: row[1:] for row in one["left"]}, {row[0]: row[1:] for row in two["left"]}
        for name in sorted({*ours, *theirs}):
            if ours.get(name) != theirs.get(name):
                found[f"left {name}"] = (ours.get(name), theirs.get(name))
        return found
