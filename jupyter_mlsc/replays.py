"""What a replay says: ``replay/v1``, the typed body of the statement that a recorded run was run again, and whether it made the same.

A replay is a machine's observation: a run key signs it, and policy says whose runs count (`require = ["reproduced"]`). Rules kept: it binds the digests
of the notebook, of every input and of every output, as they were recorded and as they came out; what could not be compared is never called the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

import msgspec

from jupyter_mlsc.decisions import Bound
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.predicates import BASE, ContentTree, PredicateBody, RunFacts

REPLAY = BASE + "replay/v1"

EQUAL, WITHIN, DIFFERS, MISSING = "equal", "within-tolerance", "differs", "missing"
"""Results: the same bytes; other bytes that mean the same within the tolerance; something else; nothing was written."""
RESULTS = (EQUAL, WITHIN, DIFFERS, MISSING)
RECORDED_ORDER, DOCUMENT_ORDER = "recorded", "document"
"""The cells ran as the record says that they did; or as they stand in the notebook."""


class DifferenceBody(PredicateBody, frozen=True):
    """By how much an output differs, where its format can be compared by meaning: how many values, the largest difference, and where."""

    values: int
    largest: float | None = None
    """The largest difference of two numbers, relative to them where they are larger than 1; absent where something else than numbers differs."""
    where: str = ""


class ReplayedOutput(PredicateBody, frozen=True):
    """One output: its digest as recorded and as it came out of the replay, and what comparing the two gave."""

    name: str
    digest: str
    result: str
    replayed: str | None = None
    content_tree: ContentTree | None = None
    """Of the recorded bytes, where they could be read."""
    difference: DifferenceBody | None = None


class ReplayBody(PredicateBody, frozen=True):
    """``replay/v1``. ``facts`` are those of the run that replayed (its tier, notebook and environment), ``of`` is the recorded run."""

    project: str
    facts: RunFacts
    notebook: Bound
    of: str
    order: str
    inputs: tuple[Bound, ...]
    outputs: tuple[ReplayedOutput, ...]
    at: datetime
    tolerance: float | None = None
    environment: str | None = None
    """``sha256:<hex>`` of the recorded run's environment; that of the replay is among ``facts``."""
    failed: str | None = None
    """The cell that failed in the replay, and had not when it was recorded."""
    besides: tuple[str, ...] = ()
    """What the replay read that the recorded run had not."""
    coverage: dict[str, int] = msgspec.field(default_factory=dict)
    """What was not seen of the replay, by code and count."""

    @property
    def result(self) -> str:
        """What holds of all outputs together."""
        return worst(DIFFERS if self.failed is not None else EQUAL, *(each.result for each in self.outputs))


def worst(*results: str) -> str:
    """The weakest of several results."""
    return max(results, key=RESULTS.index)


def check(body: ReplayBody) -> None:
    """Raise AttestationError for a body that contradicts itself."""
    if body.facts.project != body.project:
        raise AttestationError("a replay names two projects")
    if body.tolerance is not None and not is_tolerance(body.tolerance):
        raise AttestationError("a replay has a tolerance that is no number from 0 to 1")
    for each in body.outputs:
        if each.result not in RESULTS:
            raise AttestationError(f"a replay has the result {each.result!r}, which this version does not know")
        if (each.result == EQUAL) != (each.replayed == each.digest) or (each.result == MISSING) != (each.replayed is None):
            raise AttestationError(f"the replay's result for {each.name} does not follow from its digests")
        if each.result == WITHIN and body.tolerance is None:
            raise AttestationError(f"the replay of {each.name} was within a tolerance that is not stated")


def is_tolerance(number: float) -> bool:
    """True for a number by which values may differ, relative to them where they are larger than 1."""
    return math.isfinite(number) and 0 <= number <= 1


def names_of(outputs: Iterable[ReplayedOutput], result: str) -> list[str]:
    """Names of the outputs with a result."""
    return [each.name for each in outputs if each.result == result]
