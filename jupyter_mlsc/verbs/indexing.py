"""The indexes of the ledger: compared with its entries, and made anew.

Rules kept: the entries are the truth, so what an index lacked or had too much is counted and told, and nothing of it is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlsc.errors import LedgerError

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def wrong_rows(project: ProjectState) -> int:
    """How many rows of the index of what came from what are not as the entries say; such an index is made anew. Raises LedgerError."""
    ledger = project.books.ledger
    if ledger is None:
        return 0
    index = project.provenance.index(ledger)
    wrong = index.wrong_rows()
    if wrong:
        index.remake()
    return wrong


def reindex(project: ProjectState) -> tuple[int, int]:
    """Make all indexes anew; how many entries they follow, and how many rows of what came from what had been wrong. Raises LedgerError."""
    ledger = project.books.ledger
    if ledger is None:
        raise LedgerError("there is no ledger yet: nothing was recorded in this project on this machine", next_step="sign or save something first")
    index = project.provenance.index(ledger)
    wrong = index.wrong_rows()
    ledger.rebuild_indexes()
    index.remake()
    return ledger.size, wrong
