"""The table: which function of which library opens which path. Grouped by what people call the libraries; docs/guard.md shows the same rows."""

from __future__ import annotations

from jupyter_mlsc.kernel.adapters.row import Row, argument, sql

UNPICKLERS: tuple[Row, ...] = (
    Row("pickle", "load", "read", argument(0, "file"), unpickles=True),
    Row("pickle", "loads", "read", argument(99), unpickles=True),
    Row("joblib", "load", "read", argument(0, "filename"), unpickles=True),
    Row("pandas", "read_pickle", "read", argument(0, "filepath_or_buffer"), unpickles=True),
    Row("numpy", "load", "read", argument(0, "file"), unpickles=True),
    Row("torch", "load", "read", argument(0, "f"), unpickles=True),
)

TABULAR: tuple[Row, ...] = (
    Row("pyarrow.parquet", "read_table", "read", argument(0, "source")),
    Row("pyarrow.parquet", "write_table", "write", argument(1, "where")),
    Row("duckdb", "sql", "read", sql(0, "query")),
)

ROWS: tuple[Row, ...] = (*UNPICKLERS, *TABULAR)
