"""polars, which opens every file in Rust: at once for ``read_*``, and again when a frame that was scanned is collected or sunk, in whatever cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_mlsc.kernel.adapters.row import Arguments, Paths, Row, argument, paths_of, value_of

_READ = ("avro", "csv", "excel", "ipc", "ipc_schema", "ipc_stream", "json", "lines", "ndjson", "ods", "parquet", "parquet_metadata", "parquet_schema")
_SCANNED = ("csv", "ipc", "lines", "ndjson", "parquet")
_WRITTEN = ("avro", "csv", "ipc", "ipc_stream", "json", "ndjson", "parquet")
_SUNK = ("csv", "ipc", "ndjson", "parquet")
_COLLECTED = ("collect", "collect_async", "collect_batches", "collect_schema", "sink_batches")


def _written(position: int, keyword: str) -> Paths:
    """The path in an argument, or the folder of a ``PartitionBy`` in it."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        value = value_of(arguments, position, keyword)
        partition = getattr(value, "_pl_partition_by", None)
        return paths_of(value if partition is None else getattr(partition, "base_path", None))

    return find


ROWS: tuple[Row, ...] = (
    *(Row("polars", f"read_{each}", reads=argument(0, "source")) for each in _READ),
    *(Row("polars", f"scan_{each}", reads=argument(0, "source"), keeps=argument(0, "source")) for each in _SCANNED),
    *(Row("polars", f"DataFrame.write_{each}", writes=_written(0, "file")) for each in _WRITTEN),
    *(Row("polars", f"LazyFrame.sink_{each}", recalls=True, writes=_written(0, "path")) for each in _SUNK),
    *(Row("polars", f"LazyFrame.{each}", recalls=True) for each in _COLLECTED),
    Row("polars", "collect_all", recalls=True),
    Row("polars", "collect_all_async", recalls=True),
)
