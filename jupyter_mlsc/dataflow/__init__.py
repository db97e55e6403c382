"""What flows where in the cells that ran: which reads may have reached what was written. Pure: sources in, edges out.

``summarize`` makes of one cell a small record of names; ``trace`` makes of a run's records the edges. docs/lineage.md tells what is understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlsc.dataflow.summary import CellSummary, from_record, summarize, to_record

if TYPE_CHECKING:
    from jupyter_mlsc.dataflow.tracing import Edges, Execution, ReadAt, Tracer, WriteAt, trace

__all__ = ["CellSummary", "Edges", "Execution", "ReadAt", "Tracer", "WriteAt", "from_record", "summarize", "to_record", "trace"]


def __getattr__(name: str) -> object:
    """The tracer's names are imported at their first use: a supervised kernel only summarizes, and its first cell waits for what is imported."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jupyter_mlsc.dataflow import tracing

    return getattr(tracing, name)
