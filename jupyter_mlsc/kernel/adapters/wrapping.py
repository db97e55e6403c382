"""The one mechanism: wraps the functions of the table when their library is imported, reports to the guard, and can be taken back.

Rules kept: return values, exceptions and signatures are the library's own; what a wrapped function does inside is not reported twice; a function
that a library no longer has is left out of that library's adapters and shows in the coverage, it breaks nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlsc.kernel.adapters.row import Arguments, Row

if TYPE_CHECKING:
    from jupyter_mlsc.verdict import Verdict


class Reporter(Protocol):
    """Whom the wrappers report to: the guard."""

    def reading(self, path: str) -> list[Verdict]:
        """A path is about to be read. Raises to stop it."""

    def writing(self, path: str) -> None:
        """A path is about to be written."""

    def unpickling(self, path: str | None, verdicts: list[Verdict]) -> AbstractContextManager[Any]:
        """The block in which an artifact is unpickled."""


class Wrapping:
    """All rows of a table, wrapped for one reporter at a time."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._by_module: dict[str, list[Row]] = {}
        for row in rows:
            self._by_module.setdefault(row.module, []).append(row)
        self._undo: list[Callable[[], None]] = []
        self._reporter: Reporter | None = None
        self._registered = False
        self.missing: list[str] = []

    def begin(self, reporter: Reporter) -> None:
        """Wrap what is imported already, and the rest when it is imported."""
        import wrapt

        self._reporter = reporter
        if self._registered:
            for module in self._by_module:
                loaded = sys.modules.get(module)
                if loaded is not None:
                    self._wrap_module(loaded)
            return
        self._registered = True
        for module in self._by_module:
            wrapt.register_post_import_hook(self._wrap_module, module)

    def end(self) -> None:
        """Put every function back that is still ours."""
        self._reporter = None
        while self._undo:
            self._undo.pop()()

    def _wrap_module(self, module: Any) -> None:
        if self._reporter is None:
            return
        import wrapt

        for row in self._by_module.get(module.__name__, ()):
            try:
                parent, attribute, original = wrapt.resolve_path(module, row.name)
            except AttributeError:
                self.missing.append(f"{row.module}.{row.name}")
                continue
            try:
                wrapt.wrap_function_wrapper(module, row.name, self._wrapper(row))
            except (AttributeError, TypeError):
                self.missing.append(f"{row.module}.{row.name}")  # a type of native code whose attributes cannot be set
                continue
            self._undo.append(_undoing(parent, attribute, original))

    def _wrapper(self, row: Row) -> Callable[..., Any]:
        def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            reporter = self._reporter
            if reporter is None:
                return wrapped(*args, **kwargs)
            with ExitStack() as stack:
                stack.enter_context(_report(reporter, row, instance, (args, kwargs)))
                return wrapped(*args, **kwargs)

        return wrapper


def _report(reporter: Reporter, row: Row, instance: Any, arguments: Arguments) -> AbstractContextManager[Any]:
    reads, writes = _directions(row, arguments)
    verdicts: list[Verdict] = []
    first: str | None = None
    for path in row.paths(instance, arguments):
        first = first or path
        if reads:
            verdicts.extend(reporter.reading(path))
        if writes:
            reporter.writing(path)
    return reporter.unpickling(first, verdicts) if row.unpickles else nullcontext()


def _directions(row: Row, arguments: Arguments) -> tuple[bool, bool]:
    if row.access != "mode" or row.mode is None:
        return row.access == "read", row.access == "write"
    mode = row.mode(arguments)
    return mode[:1] in ("r", "a") or "+" in mode, mode[:1] in ("w", "a", "x") or "+" in mode


def _undoing(parent: Any, attribute: str, original: Any) -> Callable[[], None]:
    was_own = attribute in vars(parent)

    def undo() -> None:
        if was_own:
            setattr(parent, attribute, original)
        else:
            delattr(parent, attribute)

    return undo
