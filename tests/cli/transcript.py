"""Transcripts: a terminal session as text. ``$ COMMAND`` is run by a shell as Ada, ``NAME$ COMMAND`` as another person with a home of
her own; the lines after it are what stdout and stderr must say together, ``[exit N]`` the status where it is not 0.

What varies is a placeholder of `PLACEHOLDERS`; a line ``...`` stands for any lines. Lines that begin with ``#`` are for the reader.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PLACEHOLDERS = {
    "<digest>": r"(?:sha256|dirhash):[0-9a-f]{12,64}(?:…|\.\.\.)?",
    "<key>": r"[0-9a-f]{16,64}…?",
    "<id>": r"[0-9a-f]{12,64}…?",
    "<time>": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?",
    "<date>": r"\d{4}-\d\d-\d\d",
    "<base64>": r"[A-Za-z0-9+/]+={0,2}",
    "<origin>": r"mlsc\.local/[0-9a-f]{32}",
    "<number>": r"[0-9]+",
    "<any>": r".*",
}
PROMPT = re.compile(r"^(?P<who>[a-z]*)\$ (?P<command>.*)$")
EXIT = re.compile(r"^\[exit (?P<code>\d+)\]$")


@dataclass(frozen=True)
class Step:
    """One command of a transcript: who types it, what must appear, how it must end."""

    line: int
    who: str
    command: str
    expected: tuple[str, ...]
    code: int


def steps(text: str) -> Iterator[Step]:
    """The commands of a transcript, in order."""
    current: tuple[int, str, str] | None = None
    shown: list[str] = []
    code = 0
    for number, line in enumerate([*text.splitlines(), "$ "], 1):
        prompt = PROMPT.match(line)
        if prompt:
            if current is not None:
                while shown and not shown[-1]:
                    shown.pop()
                yield Step(*current, tuple(shown), code)
            current, shown, code = (number, prompt["who"] or "ada", prompt["command"]), [], 0
        elif end := EXIT.match(line):
            code = int(end["code"])
        elif not line.startswith("#"):
            assert current is not None or not line, f"line {number}: output before the first command"
            shown.append(line)


def matches(expected: tuple[str, ...], said: str, root: Path) -> bool:
    """Does what was said fit what is expected?"""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else _pattern(line, root) + r"\n" for line in expected)
    return re.fullmatch(pattern, said if said.endswith("\n") or not said else said + "\n") is not None


def _pattern(line: str, root: Path) -> str:
    made = re.escape(line).replace(re.escape("<project>"), re.escape(str(root)))
    for placeholder, pattern in PLACEHOLDERS.items():
        made = made.replace(re.escape(placeholder), pattern)
    return made


def play(text: str, root: Path, environ: Callable[[str], Mapping[str, str]]) -> list[str]:
    """Run a transcript in ``root``. Returns one report for each step that went otherwise; the rest is played on regardless."""
    wrong = []
    for step in steps(text):
        scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        ended = subprocess.run(
            ["/bin/sh", "-c", step.command],
            cwd=root,
            env={**environ(step.who), "PATH": scripts, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        if ended.returncode != step.code or not matches(step.expected, ended.stdout, root):
            expected = "\n".join(step.expected)
            told = f"line {step.line}: {step.who}$ {step.command}\n--- expected [exit {step.code}]\n{expected}"
            wrong.append(f"{told}\n--- got [exit {ended.returncode}]\n{ended.stdout}")
    return wrong
