"""The unpickle allowlist in a supervised kernel, for loaders that a cell calls itself: what may be read may still hold code, which is to run for no one.

Rules kept: the list holds in every mode, for files of any place and for bytes; it is lifted only where the supervisor says that a person stands for the
file as it was opened, which is asked when a global beside the list is named. It is as strong as the guard, whose process it shares: the wall is outside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_mlsc import wire
from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.formats.unpickling import DeniedUnpicklingError, Own, current_mark, judge_elsewhere, unpickling
from jupyter_mlsc.inside import ask
from jupyter_mlsc.kernel.adapters.unpicklers import ROWS
from jupyter_mlsc.kernel.adapters.wrapping import Wrapping
from jupyter_mlsc.kernel.unmarked import UnmarkedUnpickling

if TYPE_CHECKING:
    from jupyter_mlsc.verdict import Verdict

_LOADERS = Wrapping(row for row in ROWS if row.unpickles)
"""All loaders of the table that unpickle stand in one file of it: a kernel waits for what is imported."""


class SupervisedUnpickling:
    """Holds the loaders of this process to the list. ``refused`` is told what was refused."""

    def __init__(self, rules: wire.Rules, refused: Callable[[DeniedUnpicklingError], None]) -> None:
        self._allow, self._refused = rules.unpickle_allow, refused
        self._unmarked = UnmarkedUnpickling(os.fsdecode(rules.root), rules.unpickle_allow, refused)

    def begin(self) -> None:
        """Switch on."""
        judge_elsewhere(self._unmarked)
        _LOADERS.begin(self)

    def end(self) -> None:
        """Switch off."""
        _LOADERS.end()
        judge_elsewhere(None)

    def watches(self) -> bool:
        """Whether this thread is not in a load already, which knows its file and what is allowed in it."""
        return current_mark() is None

    def reading(self, path: str) -> list[Verdict]:
        """The supervisor judges the file when it is opened."""
        del path
        return []

    def writing(self, path: str) -> None:
        """The supervisor sees it."""

    def started(self, event: str) -> None:
        """The supervisor sees it."""

    @contextmanager
    def unpickling(self, path: str | None, verdicts: list[Verdict]) -> Iterator[None]:
        """The block in which a loader unpickles a file. Raises DeniedUnpicklingError."""
        del verdicts
        if path is None:
            yield  # bytes or a pipe: judged as unmarked
            return
        try:
            with unpickling(path, lifted=False, allow=self._allow, is_own=self._beside_the_list(path)):
                yield
        except DeniedUnpicklingError as err:
            self._refused(err)
            raise

    def _beside_the_list(self, path: str) -> Own:
        """What a file may name beside the list: anything where a person stands for it; the notebook's own classes where no rule governs it, and in what
        this run wrote."""
        known: list[wire.Judged | None] = []

        def may(module: str, name: str) -> bool:
            if not known:
                known.append(_judged(path))
            (judged,) = known
            if judged is None:
                return False
            if any(verdict.person_signed for verdict in judged.verdicts):
                return True
            return (judged.own or not judged.verdicts) and self._unmarked.is_own_class(module, name)

        return may


def _judged(path: str) -> wire.Judged | None:
    """Under which verdict a file was opened last, with none where no rule governs it; None where the supervisor does not say it: then nothing is lifted."""
    try:
        return ask(wire.AskRead(os.fsencode(path)), wire.Judged)
    except MlscError:
        return None
