"""Runs a program of a test inside a supervised tree, and hands back what it found out there.

Rules kept: the program says what it saw as one line of JSON; whatever it leaves behind ends with the supervisor.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.conftest import Person

_PRELUDE = """
import errno, json, os, socket, sys
where = sys.argv[1:]

def say(value):
    print("@" + json.dumps(value), flush=True)

def outcome(act):
    try:
        act()
    except OSError as err:
        return errno.errorcode[err.errno]
    return "done"
"""


def inside(person: Person, program: str, *arguments: str | Path) -> Any:
    """What the program says, with ``say(value)``; ``where`` are the arguments, ``outcome(act)`` is "done" or an error's name."""
    code = _PRELUDE + textwrap.dedent(program)
    command = [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", code, *map(str, arguments)]
    # In a session of its own: the command shares its group with its supervisor and with nobody else.
    options: dict[str, Any] = {"cwd": person.root, "env": person.environ, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    done = subprocess.run(command, start_new_session=True, check=False, timeout=300, **options)
    said = [line[1:] for line in done.stdout.splitlines() if line.startswith("@")]
    assert len(said) == 1, (done.returncode, done.stdout, done.stderr)
    return json.loads(said[0])


def settings(person: Person, table: str) -> None:
    """Add to the policy's ``[supervise]`` table, and accept the policy as it then is."""
    policy = person.root / "mlsc.toml"
    policy.write_text(policy.read_text() + f"\n[supervise]\n{table}\n")
    done = person.mlsc("policy", "trust", "--yes")
    assert done.returncode == 0, done.stderr
