"""Loaders that unpickle. The audit hook sees most of their opens; they are here so that a refused global names the file it comes from."""

from __future__ import annotations

from jupyter_mlsc.kernel.adapters.row import Row, argument, attribute, opening

ROWS: tuple[Row, ...] = (
    Row("pickle", "load", reads=argument(0, "file"), unpickles=True),
    Row("cloudpickle", "load", reads=argument(0, "file"), unpickles=True),
    Row("dill", "load", reads=argument(0, "file"), unpickles=True),
    Row("dill", "load_module", reads=argument(0, "filename"), unpickles=True),
    Row("dill", "load_module_asdict", reads=argument(0, "filename"), unpickles=True),
    Row("dill", "load_session", reads=argument(0, "filename"), unpickles=True),
    Row("joblib", "load", reads=argument(0, "filename"), unpickles=True),
    Row("pandas", "read_pickle", reads=argument(0, "filepath_or_buffer"), unpickles=True),
    Row("pandas", "read_hdf", reads=argument(0, "path_or_buf"), unpickles=True),
    Row("numpy", "load", reads=argument(0, "file"), unpickles=True),
    # An .npz is opened by numpy.load; its arrays are read, and unpickled, when they are asked for.
    Row("numpy.lib.npyio", "NpzFile.__getitem__", reads=attribute("zip.fp"), unpickles=True),
    Row("torch", "load", reads=argument(0, "f"), unpickles=True),
    opening("dbm", "open", argument(0, "file"), (1, "flag", "r")),
)
