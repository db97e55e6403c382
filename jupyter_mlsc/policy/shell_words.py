"""A shell's text as simple commands, as far as it can be read without a shell: words as POSIX has them, separators, comments, redirections, scripts.

Rules kept: nothing is expanded: what stands in a substitution, is built from variables or decoded is not seen. Text that is no sound shell text
is read line by line, so that one odd line (the body of a here-document) hides no other.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator

SHELLS = frozenset(["sh", "bash", "dash", "zsh", "ksh", "ash", "fish"])
_PUNCTUATION = "();<>|&\n"


def is_shell(word: str) -> bool:
    """Whether a word names a shell, with or without its folder."""
    return word.rpartition("/")[2].removesuffix(".exe") in SHELLS


def commands_of(text: str) -> Iterator[list[str]]:
    """The simple commands in a line or a script, each as its words, without redirections."""
    joined = text.replace("\\\n", " ")
    try:
        yield from _split(_words(joined))
    except ValueError:
        for line in joined.splitlines():
            try:
                yield from _split(_words(line))
            except ValueError:
                yield line.split()


def script_of(words: list[str]) -> tuple[str | None, str | None]:
    """What a command hands to a shell: the text behind ``-c``, or the name of a script; neither where it starts no shell."""
    begun = next((number for number, word in enumerate(words) if is_shell(word)), None)
    if begun is None:
        return None, None
    for flag, line in itertools.pairwise([*words[begun + 1 :], ""]):
        if re.fullmatch(r"-\w*c", flag):
            return line, None
        if not flag.startswith("-"):
            return None, flag
    return None, None


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_PUNCTUATION)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""  # it would take the end of the line along
    return list(lexer)


def _split(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    pending = iter(words)
    for word in pending:
        if word.startswith("#"):
            word = next((each for each in pending if "\n" in each and set(each) <= set(_PUNCTUATION)), "\n")
        if not word or not set(word) <= set(_PUNCTUATION):
            command.append(word)
        elif set(word) & set("<>") and not set(word) & set(";|\n()"):
            if command and command[-1].isdigit():
                command.pop()  # the number of a descriptor
            next(pending, None)
        else:
            yield command
            command = []
    yield command
