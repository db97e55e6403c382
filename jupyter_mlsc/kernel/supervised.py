"""A kernel in a supervised tree: its supervisor is told which cell runs, and what it has to say is shown when the cell ends.

Rules kept: there is no guard here, since the supervisor decides every open; what this process says is a claim, and a supervisor that cannot be reached
stops no cell: then opens fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlsc import wire
from jupyter_mlsc.errors import BlockedArtifactError, MlscError
from jupyter_mlsc.inside import ask

if TYPE_CHECKING:
    from jupyter_mlsc.recording import Place
    from jupyter_mlsc.session import Session


class SupervisedCells:
    """Tells the supervisor of one session's cells, in the guard's place."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._source: str | None = None

    def begin(self) -> None:
        """Nothing has to be switched on."""

    def end(self) -> None:
        """Nothing can be switched off."""

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
        shown = str(error) if isinstance(error, BlockedArtifactError) else None
        for text in texts:
            if text != shown:
                self._session.tell(text)

    def _flow(self) -> dict[str, Any] | None:
        """What the cell's code does to names. Found here, since the supervisor parses nothing that comes from inside."""
        from jupyter_mlsc.dataflow import summarize, to_record

        return None if self._source is None else to_record(summarize(self._source))
