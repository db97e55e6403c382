"""Containers of arrays that C libraries open: HDF5, netCDF, Matrix Market."""

from __future__ import annotations

from jupyter_mlsc.kernel.adapters.row import Row, argument, opening

ROWS: tuple[Row, ...] = (
    opening("h5py", "File.__init__", argument(0, "name"), (1, "mode", "r")),
    opening("netCDF4", "Dataset.__init__", argument(0, "filename"), (1, "mode", "r")),
    opening("tables", "File.__init__", argument(0, "filename"), (1, "mode", "r")),
    Row("scipy.io", "mmread", reads=argument(0, "source")),
    Row("scipy.io", "mminfo", reads=argument(0, "source")),
    Row("scipy.io", "mmwrite", writes=argument(0, "target")),
)
