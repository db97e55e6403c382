"""What flows where in the cells that ran: which reads may have reached what was written. Pure: sources in, edges out.

``summarize`` makes of one cell a small record of names; ``trace`` makes of a run's records the edges. docs/lineage.md tells what is understood.
"""

from jupyter_mlsc.dataflow.summary import CellSummary, from_record, summarize, to_record
from jupyter_mlsc.dataflow.tracing import Edges, Execution, ReadAt, Tracer, WriteAt, trace

__all__ = ["CellSummary", "Edges", "Execution", "ReadAt", "Tracer", "WriteAt", "from_record", "summarize", "to_record", "trace"]
