"""What the guard did not see, counted: an honest gap beats a silent one. The counts go into the run's statement and into ``%mlsc_status``."""

from __future__ import annotations

from collections import Counter

MEANINGS = {
    "subprocesses": "programs and workers started, whose reads nobody saw",
    "connections": "network connections, whose data nobody saw",
    "unobserved-writes": "governed files that changed while nothing in this process was seen to write them",
    "changed-in-use": "governed files that changed after they were read",
    "edited-modules": "modules of the project that were edited after they were imported: what ran is what was imported",
    "bytecode": "modules of the project that ran from their compiled form, which nobody compared with their source",
    "guard-errors": "errors inside the guard",
    "ctypes": "uses of ctypes or gc.get_objects by a cell, which can reach around the guard",
    "tracing": "trace functions set by a cell, which can change anything",
}


class Coverage:
    """Counts of one run, by the codes of ``MEANINGS``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, code: str) -> None:
        """One more of this. Raises KeyError for a code that has no meaning."""
        MEANINGS[code]
        self._counts[code] += 1

    def counts(self) -> dict[str, int]:
        """What was counted, without zeros."""
        return dict(self._counts)
