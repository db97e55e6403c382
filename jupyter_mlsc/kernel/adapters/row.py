"""What a row of the adapters' table says: a function of a library, where the paths are among its arguments, which are read and which are written."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional (without ``self``) and keyword arguments of a call."""

Paths = Callable[[Any, Arguments], Iterator[str]]
"""From the wrapped object's instance (or None) and a call's arguments to the paths in them, as the program wrote them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One function of ``module``; ``name`` may have dots, for methods. A class is named itself only where its type lets no method be set.

    ``unpickles`` marks loaders that unpickle what they read. ``keeps`` are paths that the library opens only when a later call asks for the
    data; a row that ``recalls`` is such a call: it reads what its library keeps. A row that ``starts`` begins a process that is not watched.
    """

    module: str
    name: str
    reads: Paths | None = None
    writes: Paths | None = None
    keeps: Paths | None = None
    recalls: bool = False
    unpickles: bool = False
    starts: bool = False

    @property
    def library(self) -> str:
        """The name that people import."""
        return self.module.partition(".")[0]


def argument(position: int, *keywords: str) -> Paths:
    """The paths in one argument: a path, a ``file:`` URL, a glob, a list or dict of those, or an open file (by its name, where it still lies there)."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        return paths_of(value_of(arguments, position, *keywords))

    return find


def attribute(dotted: str) -> Paths:
    """The paths in what an object keeps from the moment when it was made, such as ``fid.name``."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        value = instance
        for name in dotted.split("."):
            value = getattr(value, name, None)
        return paths_of(value)

    return find


def together(*finders: Paths) -> Paths:
    """The paths that any of these finds."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        for finder in finders:
            yield from finder(instance, arguments)

    return find


def opening(module: str, name: str, paths: Paths, mode: tuple[int, str, str]) -> Row:
    """A function that opens a file as its mode says. ``mode`` is where that is: position, keyword, default (``r``, ``r+``, ``a``, ``w``, ``x``)."""
    position, keyword, default = mode

    def only(letters: str) -> Paths:
        def find(instance: Any, arguments: Arguments) -> Iterator[str]:
            given = value_of(arguments, position, keyword)
            text = given if isinstance(given, str) else default
            if any(letter in text for letter in letters):
                yield from paths(instance, arguments)

        return find

    return Row(module, name, reads=only("ra"), writes=only("wxa+"))


def value_of(arguments: Arguments, position: int, *keywords: str) -> Any:
    """One argument of a call, or None."""
    positional, named = arguments
    if position < len(positional):
        return positional[position]
    return next((named[keyword] for keyword in keywords if keyword in named), None)


def paths_of(value: Any) -> Iterator[str]:
    """The paths in a value, as they are written in it."""
    if isinstance(value, (str, bytes, os.PathLike)):
        text = os.fsdecode(value)
        if text and "\0" not in text and len(text) <= 4096:
            yield text
    elif isinstance(value, dict):
        yield from paths_of(list(value.values()))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from paths_of(each)
    elif value is not None and not isinstance(value, (int, float)):
        named = getattr(value, "name", None)
        if isinstance(named, (str, bytes)) and _is_open_at(value, named):
            yield os.fsdecode(named)


def _is_open_at(file: Any, name: str | bytes) -> bool:
    """Whether an open file is what lies at its name: the name of an archive's member is its author's choice, and a file can be replaced after it is opened."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(name))
    except (AttributeError, OSError, TypeError, ValueError):
        return False


def files_of(path: str) -> list[str]:
    """The files that a path as a program wrote it stands for now: a home folder or a glob is filled in."""
    path = os.path.expanduser(path)
    if glob.has_magic(path) and not os.path.exists(path):
        return sorted(glob.glob(path, recursive=True))
    return [path]
