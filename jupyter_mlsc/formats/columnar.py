"""Columns: parquet and feather (an Arrow file), as pandas frames. Large files are read from the open descriptor."""

from __future__ import annotations

import functools
from typing import Any

from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, writing
from jupyter_mlsc.formats.tabular import as_frame


def _starts(head: bytes, opened: Opened, magic: tuple[bytes, ...]) -> bool:
    return head.startswith(magic)


def _load(source: Source, *, lifted: bool, allow: frozenset[str], reader: str, what: str) -> object:
    pandas = library("pandas", f"loading {source.name}")
    pyarrow = library("pyarrow", f"loading {source.name}")
    with reading(source.name, what):
        return getattr(pandas, reader)(_arrow_input(source, pyarrow))


def _arrow_input(source: Source, pyarrow: Any) -> Any:
    """An input that Arrow reads without the interpreter's lock: a buffer, or the open file reached by its descriptor."""
    if source.data is not None:
        return pyarrow.BufferReader(pyarrow.py_buffer(source.data))
    path = source.descriptor_path()
    return source.stream() if path is None else pyarrow.OSFile(path)


def _load_stream(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    pyarrow = library("pyarrow", f"loading {source.name}")
    with reading(source.name, "Arrow stream"):
        return pyarrow.ipc.open_stream(_arrow_input(source, pyarrow)).read_pandas()


def _save_stream(obj: object, target: Target) -> None:
    pandas = library("pandas", "saving an Arrow stream")
    pyarrow = library("pyarrow", "saving an Arrow stream")
    frame = as_frame(obj, pandas, "an Arrow stream")
    with writing("an Arrow stream", "give the frame one type per column; or save it as .csv"):
        table = pyarrow.Table.from_pandas(frame)
        with pyarrow.ipc.new_stream(writable(target), table.schema) as stream:
            stream.write_table(table)


def _save(obj: object, target: Target, *, writer: str, what: str) -> None:
    pandas = library("pandas", f"saving {what}")
    library("pyarrow", f"saving {what}")
    frame = as_frame(obj, pandas, what)
    instead = "give the frame text column names and a plain index (reset_index), and one type per column; or save it as .csv"
    with writing(what, instead):
        getattr(frame, writer)(writable(target))


FORMATS: tuple[Format, ...] = (
    Format(
        name="parquet",
        families=frozenset({"parquet"}),
        suffixes=(".parquet", ".pq"),
        runs_code=False,
        extra="data",
        recognise=functools.partial(_starts, magic=(b"PAR1",)),
        load=functools.partial(_load, reader="read_parquet", what="parquet file"),
        save=functools.partial(_save, writer="to_parquet", what="a parquet file"),
        library="pandas, pyarrow",
        recognised_by="`PAR1`",
    ),
    Format(
        name="feather",
        families=frozenset({"feather", "arrow"}),
        suffixes=(".feather", ".arrow", ".ftr"),
        runs_code=False,
        extra="data",
        recognise=functools.partial(_starts, magic=(b"ARROW1", b"FEA1")),
        load=functools.partial(_load, reader="read_feather", what="feather file"),
        save=functools.partial(_save, writer="to_feather", what="a feather file"),
        library="pandas, pyarrow",
        recognised_by="`ARROW1` or `FEA1`",
    ),
    Format(
        name="arrow-stream",  # Hugging Face datasets call theirs .arrow, as Arrow files are called
        families=frozenset({"arrow"}),
        suffixes=(".arrows",),
        runs_code=False,
        extra="data",
        recognise=functools.partial(_starts, magic=(b"\xff\xff\xff\xff",)),
        load=_load_stream,
        save=_save_stream,
        library="pandas, pyarrow",
        recognised_by="`\\xff\\xff\\xff\\xff`",
    ),
)
