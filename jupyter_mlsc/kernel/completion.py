"""Tab completion of paths after the magics that take one, quoted as the magics read them."""

from __future__ import annotations

import glob
import os
import re
from typing import Any

COMPLETED = tuple(f"%mlsc_{verb}" for verb in ("load", "save", "sign", "verify", "lineage"))

ASSIGNED = re.compile(rf"\s*[^=%]+=\s*(?:{'|'.join(COMPLETED)})\s")
"""A magic whose value is given a name, ``train = %mlsc_load ...``: IPython looks magics up by the first word of a line, and that is another one here."""

_ESCAPED = " \\\"'"


def complete_paths(shell: Any, event: Any) -> list[str]:
    """Paths that begin with the word under the cursor; folders end in a slash. IPython's custom completer protocol.

    IPython replaces only ``event.symbol``, the end of the word behind the last character that delimits a Python name; so of each path
    only what begins there is given.
    """
    del shell
    line = event.text_until_cursor
    if ASSIGNED.match(line):
        line = line[line.index("%") :]
    _, _, arguments = line.lstrip().partition(" ")
    word, quote = _last_word(arguments)
    typed = word.replace(quote, "", 1) if quote else word
    start = typed if quote else _unescaped(typed)
    if event.symbol.startswith("%") or start.startswith("-"):
        return []
    found = sorted(glob.glob(glob.escape(os.path.expanduser(start)) + "*"))
    kept = len(typed) - len(event.symbol)
    completed = []
    for path in found:
        shown = start + path[len(os.path.expanduser(start)) :] + ("/" if os.path.isdir(path) else "")
        completed.append((shown if quote else _escaped(shown))[kept:])
    return completed


def _last_word(text: str) -> tuple[str, str]:
    """The word that ends the text, as it was typed, and the quote that is still open in it."""
    begin, quote, index = 0, "", 0
    while index < len(text):
        character = text[index]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "\\":
            index += 1
        elif character.isspace():
            begin = index + 1
        index += 1
    return text[begin:], quote


def _escaped(path: str) -> str:
    return "".join("\\" + c if c in _ESCAPED else c for c in path)


def _unescaped(word: str) -> str:
    result, index = [], 0
    while index < len(word):
        if word[index] == "\\" and index + 1 < len(word):
            index += 1
        result.append(word[index])
        index += 1
    return "".join(result)
