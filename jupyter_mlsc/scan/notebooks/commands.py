"""Commands of a code cell that are worth a look: what is fetched and run, what is installed and from where, what leaves the notebook.

Rules kept: commands are read as text, in the forms that IPython has for them (``!``, ``%``, ``%%bash``) and in the arguments of ``os.system``
and ``subprocess``; a cell can always build a command that is not seen here, so this is a reading aid and no wall.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

_CELL_SHELLS = re.compile(r"^\s*%%(?:bash|sh|script|!|system|sx|cmd|zsh)\b")
_LINE = re.compile(r"^\s*(?:[\w,\s\[\].*]+=\s*)?(?:!{1,2}|%(?:sx|system|pip|conda|mamba|uv)\b|%(?=pip|conda))(?P<rest>.*)$")
_TEXT = r"""[rfb]{0,2}(?:"[^"\n]*"|'[^'\n]*')"""
_CALLS = re.compile(rf"\b(?:os\.(?:system|popen)|subprocess\.\w+|commands\.getoutput|pty\.spawn)\s*\(\s*(?P<argument>{_TEXT}|\[[^\]]*\])")
_SHELL = r"(?:sudo\s+)?(?:ba|z|da|k)?sh\b"

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("command-fetch-and-run", re.compile(rf"\b(?:curl|wget|fetch|aria2c)\b[^|;&\n]*\|\s*{_SHELL}")),
    ("command-fetch-and-run", re.compile(r"\b(?:curl|wget)\b[^|\n]*\|\s*(?:sudo\s+)?(?:python|perl|ruby|node)\d?\b")),
    ("command-fetch-and-run", re.compile(r"\b(?:ba|z|da)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b")),
    ("command-fetch-and-run", re.compile(r"\b(?:eval|source)\s+[\"']?(?:\$\(|<\(|`)\s*(?:curl|wget)\b")),
    ("command-reverse-shell", re.compile(r"(?i)/dev/(?:tcp|udp)/|\b(?:nc|ncat|netcat)\b[^\n]*\s-[a-z]*e\b|\bsocat\b[^\n]*\bexec:")),
    ("command-decoded", re.compile(rf"\bbase64\s+(?:-d|-D|--decode)\b[^\n]*\|\s*{_SHELL}")),
    ("command-removes", re.compile(r"\brm\s+(?:-\w+\s+)*-\w*[rR]\w*\s+(?:-\w+\s+)*(?:/|~|\$HOME|\*)(?:\s|$|/\*)")),
    ("command-schedules", re.compile(r"\bcrontab\b|\bsystemctl\s+(?:--user\s+)?enable\b|>>?\s*~?/?\S*(?:\.bashrc|\.profile|\.zshrc|authorized_keys)\b")),
    ("command-sends", re.compile(r"\bcurl\b[^\n]*\s(?:-F|--form|-T|--upload-file|--data-binary\s+@|-d\s+@)|\bscp\s|\brsync\b[^\n]*::?|\bnc\b[^\n]*<")),
    ("command-fetches", re.compile(r"\b(?:curl|wget|aria2c)\b[^\n]*\bhttps?://|\bgit\s+clone\b")),
)
_INSTALL = re.compile(r"\b(?:python\d?(?:\.\d+)?\s+-m\s+)?(?:pip\d?|uv\s+pip|uv|pipx|poetry|conda|mamba|micromamba)\s+(?:install|add)\s+(?P<what>[^\n;&|]*)")
_VALUED = frozenset(
    (
        *("-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix", "--root", "-n", "--name", "-p", "--python", "--platform"),
        *("--python-version", "--timeout", "--retries", "--channel"),
    )
)
"""Options whose next word is a value and no package."""

_PINNED, _PINNED_BY_CONDA = re.compile(r"(?<![<>~!=])={2,3}[^=]"), re.compile(r"(?<![<>~!])=")


def commands_of(source: str) -> Iterator[tuple[int, str]]:
    """The commands that a code cell gives to a shell or to an installer: line (1 is the first) and text."""
    lines = source.splitlines()
    if lines and _CELL_SHELLS.match(lines[0]):
        yield from enumerate(lines[1:], 2)
        return
    for number, line in enumerate(lines, 1):
        if match := _LINE.match(line):
            command = line.strip()
            yield number, command[1:].strip() if command.startswith("%") else match["rest"].strip()
        for call in _CALLS.finditer(line):
            yield number, re.sub(r"""["'],\s*["']""", " ", call["argument"]).strip("[]rfb\"' ")


def find(source: str) -> Iterator[tuple[str, int, str]]:
    """What is worth a look: a code of the one table, the line, and the command."""
    for number, command in commands_of(source):
        said = False
        for code, pattern in _PATTERNS:
            if pattern.search(command) and not (said and code == "command-fetches"):
                said = True
                yield code, number, command
        for match in _INSTALL.finditer(command):
            for code, what in _installs(match["what"], conda=bool(re.search(r"\b(?:conda|mamba|micromamba)\b", match[0]))):
                yield code, number, what


def _installs(arguments: str, *, conda: bool) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(arguments, comments=True)
    except ValueError:
        words = arguments.split()
    skip = False
    hashed = any(word == "--require-hashes" for word in words)
    for number, word in enumerate(words):
        if skip:
            skip = False
            continue
        name, _, value = word.partition("=")
        if name in ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host"):
            target = value or (words[number + 1] if number + 1 < len(words) else "")
            skip = not value
            yield "install-index", f"{name} {target}"
        elif word in _VALUED:
            skip = True
        elif word.startswith("-"):
            continue
        elif re.match(r"(?:git\+|hg\+|svn\+|bzr\+)?https?://|git\+|.+ @ (?:git\+|https?:)", word):
            if not re.search(r"#sha256=|[#&](?:sha(?:256|384|512))=|@[0-9a-f]{40}\b", word):
                yield "install-address", word
        elif not hashed and not (_PINNED_BY_CONDA if conda else _PINNED).search(word) and not word.startswith((".", "/", "$", "{")):
            yield "install-unpinned", word
