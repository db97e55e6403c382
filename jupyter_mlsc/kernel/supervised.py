"""A kernel in a supervised tree: its supervisor is told which cell runs, and what it has to say is shown when the cell ends.

Rules kept: there is no guard here, since the supervisor decides every open, but the unpickle allowlist holds; what this process says is a claim, and a
supervisor that cannot be reached stops no cell: then opens fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlsc import wire
from jupyter_mlsc.errors import BlockedArtifactError, DeniedGlobalError, MlscError
from jupyter_mlsc.inside import ask

if TYPE_CHECKING:
    from jupyter_mlsc.formats.unpickling import DeniedUnpicklingError
    from jupyter_mlsc.kernel.supervised_unpickling import SupervisedUnpickling
    from jupyter_mlsc.recording import Place
    from jupyter_mlsc.session import Session


class SupervisedCells:
    """Tells the supervisor of one session's cells, in the guard's place."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._source: str | None = None
        self._unpickling: SupervisedUnpickling | None = None
        self._denied: list[DeniedUnpicklingError] = []

    def begin(self) -> None:
        """Hold what unpickles to the list."""
        import jupyter_mlsc.dataflow  # noqa: F401  # which the end of the first cell would wait for
        from jupyter_mlsc.kernel.supervised_unpickling import SupervisedUnpickling

        try:
            rules = ask(wire.AskRules(), wire.Rules)
        except MlscError as err:
            self._session.tell(f"mlsc: the unpickle allowlist does not hold in this kernel: {err}")
            return
        self._unpickling = SupervisedUnpickling(rules, self._denied.append)
        self._unpickling.begin()

    def end(self) -> None:
        """Let go of what unpickles. What the supervisor does cannot be switched off."""
        if self._unpickling is not None:
            self._unpickling.end()

    def run_ends(self) -> None:
        """Nothing is left to say: the supervisor sees the end itself."""

    def cell_begins(self, place: Place) -> None:
        """A cell is about to run."""
        self._source = place.flow if isinstance(place.flow, str) else None
        try:
            ask(wire.CellBegins(place.notebook, place.cell_id, place.execution_count, place.code), wire.Fine)
        except MlscError as err:
            self._session.tell(f"mlsc: the supervisor does not know which cell runs: {err}")

    def cell_ends(self, error: BaseException | None) -> None:
        """A cell has run: what it wrote is recorded now, and what was refused is told, unless the error that is shown says it."""
        try:
            texts = ask(wire.CellEnds(error is not None, self._flow()), wire.Told).texts
        except MlscError as err:
            self._session.tell(f"mlsc: what this cell wrote is recorded later: {err}")
            return
        shown = str(error) if isinstance(error, BlockedArtifactError | DeniedGlobalError) else None
        denied, self._denied[:] = [str(each) for each in self._denied], []
        for text in dict.fromkeys((*texts, *denied)):
            if text != shown:
                self._session.tell(text)

    def _flow(self) -> dict[str, Any] | None:
        """What the cell's code does to names. Found here, since the supervisor parses nothing that comes from inside."""
        from jupyter_mlsc.dataflow import summarize, to_record

        return None if self._source is None else to_record(summarize(self._source))
