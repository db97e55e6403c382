"""What the server tells all its clients: that something changed, and nothing of what."""

from __future__ import annotations

from typing import Literal

from jupyter_mlsc.server.shapes.base import Answer, VerdictWord


class LedgerEvent(Answer, frozen=True):
    """A project's record or rules changed: whoever shows it asks again. It says what kind of thing changed and never what it says.

    ``notebooks`` are those whose runs new entries name, as the server's clients name them; names and digests of artifacts are not in it.
    """

    project: str
    size: int
    kinds: tuple[str, ...]
    notebooks: tuple[str, ...]


class SaveEvent(Answer, frozen=True):
    """A notebook was judged when it was saved; ``findings`` counts, whoever may read them asks for them."""

    notebook: str
    outcome: Literal["saved", "refused", "unjudged"]
    verdict: VerdictWord | None
    findings: int
