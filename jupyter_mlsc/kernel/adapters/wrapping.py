"""The one mechanism: wraps the functions of the table when their library is imported, reports to the guard, and can be taken back.

Rules kept: return values, exceptions and signatures are the library's own, and a wrapped function is still pickled by its name; a function that
somebody imported by name before is replaced there too; one that a library does not have is left out and listed, it breaks nothing.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import wrapt

from jupyter_mlsc.kernel.adapters.row import Arguments, Row, files_of
from jupyter_mlsc.kernel.adapters.watched import is_watched, watch

if TYPE_CHECKING:
    from jupyter_mlsc.verdict import Verdict


class Reporter(Protocol):
    """Whom the wrappers report to: the guard."""

    def watches(self) -> bool:
        """Whether this thread is watched now."""

    def reading(self, path: str) -> list[Verdict]:
        """A path is about to be read. Raises to stop it."""

    def writing(self, path: str) -> None:
        """A path is about to be written."""

    def started(self, event: str) -> None:
        """A process begins in which nothing is watched."""

    def unpickling(self, path: str | None, verdicts: list[Verdict]) -> AbstractContextManager[Any]:
        """The block in which an artifact is unpickled."""


class Wrapping:
    """All rows of a table, wrapped for one reporter at a time."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._by_module: dict[str, list[Row]] = {}
        for row in rows:
            self._by_module.setdefault(row.module, []).append(row)
        self._undo: list[tuple[Any, str, Any, Any, bool]] = []
        self._reporter: Reporter | None = None
        self._registered = False
        self._kept: dict[str, dict[tuple[str, str], None]] = {}
        self.missing: list[str] = []

    def begin(self, reporter: Reporter) -> None:
        """Wrap what is imported already, wherever it is held, and the rest when it is imported."""
        self._reporter = reporter
        self.missing.clear()
        loaded = [found for module in self._by_module if (found := sys.modules.get(module)) is not None]
        wrapped = [each for module in loaded for each in self._wrap_rows(module)]
        if wrapped:
            self._replace(wrapped, list(sys.modules.values()))
        if not self._registered:
            self._registered = True
            for module in self._by_module:
                wrapt.register_post_import_hook(self._imported, module)

    def end(self) -> None:
        """Put every function back where it is still ours."""
        self._reporter = None
        self._kept.clear()
        while self._undo:
            parent, name, original, watched, was_own = self._undo.pop()
            if vars(parent).get(name) is not watched:
                continue
            if was_own:
                setattr(parent, name, original)
            else:
                delattr(parent, name)

    def _imported(self, module: ModuleType) -> None:
        if self._reporter is None:
            return
        wrapped = self._wrap_rows(module)
        if wrapped:
            library = module.__name__.partition(".")[0]
            self._replace(wrapped, [each for name, each in list(sys.modules.items()) if name.partition(".")[0] == library])

    def _wrap_rows(self, module: ModuleType) -> list[tuple[Any, Any]]:
        """Wrap a module's rows; what is returned, originals with their wrappers, may be held by other modules too."""
        found = []
        for row in self._by_module.get(module.__name__, ()):
            owner, _, name = row.name.rpartition(".")
            try:
                parent = _found(module, owner)
                original = inspect.getattr_static(parent, name)
            except AttributeError:
                self._is_missing(row)
                continue
            if is_watched(original):
                continue
            if not callable(original) and not isinstance(original, (staticmethod, classmethod)):
                self._is_missing(row)
                continue
            # One function may stand in two rows: cloudpickle.load is pickle.load.
            watched = next((each for _, _, known, each, _ in self._undo if known is original), None) or watch(original, self._wrapper(row))
            if not self._set(parent, name, original, watched):
                self._is_missing(row)
            elif parent is module:
                found.append((original, watched))
        return found

    def _is_missing(self, row: Row) -> None:
        name = f"{row.module}.{row.name}"
        if name not in self.missing:
            self.missing.append(name)

    def _set(self, parent: Any, name: str, original: Any, watched: Any) -> bool:
        was_own = name in vars(parent)
        try:
            setattr(parent, name, watched)
        except (AttributeError, TypeError):
            return False  # a type of native code whose attributes cannot be set
        self._undo.append((parent, name, original, watched, was_own))
        return True

    def _replace(self, wrapped: list[tuple[Any, Any]], modules: list[Any]) -> None:
        """Put the wrappers where modules hold the functions under a name of their own: ``from library import function``."""
        by_id = {id(original): watched for original, watched in wrapped}
        ids = frozenset(by_id)
        homes = (sys.modules.get(getattr(original, "__module__", None) or "") for original, _ in wrapped)
        for module in {id(each): each for each in (*modules, *homes)}.values():
            names = getattr(module, "__dict__", None) if isinstance(module, ModuleType) else None
            if names is None or ids.isdisjoint(map(id, list(names.values()))):
                continue  # nearly every module, and a kernel has a thousand
            for name, value in list(names.items()):
                watched = by_id.get(id(value))
                if watched is not None:
                    self._set(module, name, value, watched)

    def _wrapper(self, row: Row) -> Callable[..., Any]:
        def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            reporter = self._reporter
            if reporter is None or not reporter.watches():
                return wrapped(*args, **kwargs)
            block = self._report(reporter, row, instance, (args, kwargs))
            if block is None:
                return wrapped(*args, **kwargs)
            with block:
                return wrapped(*args, **kwargs)

        return wrapper

    def _report(self, reporter: Reporter, row: Row, instance: Any, arguments: Arguments) -> AbstractContextManager[Any] | None:
        if row.starts:
            reporter.started(row.module)
        verdicts: list[Verdict] = []
        first: str | None = None
        for text in row.reads(instance, arguments) if row.reads is not None else ():
            for path in files_of(text):
                first = first or path
                verdicts.extend(reporter.reading(path))
        if row.recalls:
            for folder, text in list(self._kept.get(row.library, ())):
                for path in files_of(text if text.startswith("file:") else os.path.join(folder, text)):
                    reporter.reading(path)
        if row.keeps is not None:
            kept = self._kept.setdefault(row.library, {})
            kept.update(((os.getcwd(), os.path.expanduser(text)), None) for text in row.keeps(instance, arguments))
        for text in row.writes(instance, arguments) if row.writes is not None else ():
            reporter.writing(os.path.expanduser(text))
        return reporter.unpickling(first, verdicts) if row.unpickles else None


def _found(parent: Any, dotted: str) -> Any:
    for name in filter(None, dotted.split(".")):
        parent = getattr(parent, name)
    return parent
