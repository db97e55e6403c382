"""The table: which function of which library opens which path, joined from one file for each kind of library; docs/guard.md tells the same."""

from __future__ import annotations

from jupyter_mlsc.kernel.adapters import arrays, arrow, databases, hub_datasets, lazy_frames, models, unpicklers, workers
from jupyter_mlsc.kernel.adapters.row import Row

ROWS: tuple[Row, ...] = (
    *unpicklers.ROWS,
    *arrow.ROWS,
    *lazy_frames.ROWS,
    *databases.ROWS,
    *arrays.ROWS,
    *models.ROWS,
    *hub_datasets.ROWS,
)
"""Functions that open files."""

WATCHED: tuple[Row, ...] = (*ROWS, *workers.ROWS)
"""All that is wrapped."""
