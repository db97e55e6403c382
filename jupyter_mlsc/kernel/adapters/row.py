"""What a row of the adapters' table says: a function of a library, where the path is among its arguments, and what happens to it."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Access = Literal["read", "write", "mode"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional (without ``self``) and keyword arguments of a call."""

Paths = Callable[[Any, Arguments], Iterator[str]]
"""From the wrapped object's instance (or None) and a call's arguments to the paths in them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One function. ``name`` may have dots for methods; ``mode`` tells reading from writing for ``access="mode"``; ``unpickles`` marks loaders."""

    module: str
    name: str
    access: Access
    paths: Paths
    mode: Callable[[Arguments], str] | None = None
    unpickles: bool = False


def argument(position: int, *keywords: str) -> Paths:
    """The paths in one argument: a path, a ``file:`` URL, a glob, a list of those, or an open file (by its name)."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        value = _value(arguments, position, keywords)
        yield from _paths_of(value)

    return find


def sql(position: int, *keywords: str) -> Paths:
    """The paths in the quoted texts of a query, as DuckDB reads them: ``from 'data/*.parquet'``, ``copy t to 'out.parquet'``."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        value = _value(arguments, position, keywords)
        if isinstance(value, str):
            for quoted in re.findall(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"", value):
                text = quoted[0].replace("''", "'") or quoted[1].replace('""', '"')
                if text:
                    yield from _paths_of(text)

    return find


def attribute(name: str) -> Paths:
    """The path that an object keeps from the moment when it was made: a lazy frame, an open file."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        yield from _paths_of(getattr(instance, name, None))

    return find


def mode_argument(position: int, keyword: str, default: str) -> Callable[[Arguments], str]:
    """The mode that a call gives (``r``, ``r+``, ``a``, ``w``, ``x``), for rows with ``access="mode"``."""

    def find(arguments: Arguments) -> str:
        value = _value(arguments, position, (keyword,))
        return value if isinstance(value, str) else default

    return find


def _value(arguments: Arguments, position: int, keywords: tuple[str, ...]) -> Any:
    positional, named = arguments
    if position < len(positional):
        return positional[position]
    return next((named[keyword] for keyword in keywords if keyword in named), None)


def _paths_of(value: Any) -> Iterator[str]:
    if value is None or isinstance(value, (int, float)):
        return
    if isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _paths_of(each)
        return
    if isinstance(value, (str, bytes, os.PathLike)):
        text = os.fsdecode(value)
        if "\0" in text or len(text) > 4096:
            return
        if glob.has_magic(text) and not os.path.exists(text):
            yield from sorted(glob.glob(text, recursive=True))
            return
        yield text
        return
    named = getattr(value, "name", None)
    if isinstance(named, (str, bytes)):
        yield os.fsdecode(named)
