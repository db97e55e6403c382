"""Typed values out of a parsed TOML table: a key has the type that it should have, or the error names its line and what to write.

`tomllib` gives dictionaries of anything; here they become texts, lists of texts, booleans and choices. Nothing here knows what a policy is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NoReturn, TypeVar

from jupyter_mlsc.errors import PolicyError
from jupyter_mlsc.policy.lines import KeyPath, line_of

_Choice = TypeVar("_Choice", bound=str)


class TypedValues:
    """Every method takes a value and the path of its key, and gives a typed value or raises PolicyError at the key's line."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file

    def _fail(self, path: KeyPath, message: str, next_step: str | None = None) -> NoReturn:
        raise PolicyError(message, file=self._file, line=line_of(self._text, path), next_step=next_step)

    def _table(self, value: Any, path: KeyPath) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._fail(path, f"{key_shown(path)} must be a table, not {type_name(value)}")
        return value

    def _text_at(self, value: Any, path: KeyPath) -> str:
        if not isinstance(value, str):
            self._fail(path, f"{key_shown(path)} must be a text in quotes, not {type_name(value)}")
        if not value or not value.isprintable():
            self._fail(path, f"{key_shown(path)} is empty or holds characters that are not shown")
        return value

    def _texts(self, value: Any, path: KeyPath, *, one: bool = False, empty: bool = False) -> tuple[str, ...]:
        """A list of different texts; a single text too where ``one``; an empty list only where ``empty``."""
        if one and isinstance(value, str):
            return (self._text_at(value, path),)
        if not isinstance(value, list):
            self._fail(path, f"{key_shown(path)} must be {'a text or ' if one else ''}a list of texts, not {type_name(value)}")
        if not value and not empty:
            self._fail(path, f"{key_shown(path)} is empty", "name at least one, or take the key out")
        texts = tuple(self._text_at(item, path) for item in value)
        twice = next((item for i, item in enumerate(texts) if item in texts[:i]), None)
        if twice is not None:
            self._fail(path, f'{key_shown(path)} names "{twice}" twice')
        return texts

    def _boolean(self, value: Any, path: KeyPath) -> bool:
        if not isinstance(value, bool):
            self._fail(path, f"{key_shown(path)} must be true or false, not {type_name(value)}")
        return value

    def _choice(self, value: Any, path: KeyPath, choices: Collection[_Choice]) -> _Choice:
        text = self._text_at(value, path)
        chosen = next((choice for choice in choices if choice == text), None)
        if chosen is None:
            self._fail(path, f'{key_shown(path)} cannot be "{text}"', did_you_mean(text, choices, "values"))
        return chosen


def key_shown(path: KeyPath) -> str:
    """A key's path as a person writes it: ``[[rule]] signed.by``."""
    if not path:
        return "the policy"
    if path[0] == "rule":
        return " ".join(("[[rule]]", ".".join(str(step) for step in path[2:]))).rstrip()
    head, *rest = (printable(str(step)) for step in path)
    if not rest:
        return head if head in ("version", "mode") else f"[{head}]"
    return f"[{head}] {'.'.join(rest)}"


def printable(text: str) -> str:
    """Text with what does not print escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]


def type_name(value: Any) -> str:
    """What a value is, in TOML's words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")


def did_you_mean(word: str, known: Collection[str], what: str) -> str:
    """A suggestion for a word that is not known, or what may stand there."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"{what} that may stand here: {', '.join(sorted(known))}" if known else f"there are no {what} here yet"
