"""DuckDB, which opens files in C++: those that a query names, and again in a later cell when a relation is fetched or a view is asked."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from typing import Any

from jupyter_mlsc.kernel.adapters.row import Arguments, Paths, Row, argument, files_of, paths_of, value_of

_TEXT = re.compile(
    r"--[^\n]*|/\*.*?\*/"  # comments
    r"|(?P<before>[A-Za-z_]+|[(\[,])?\s*(?:'(?P<single>(?:[^']|'')*)'|\"(?P<double>(?:[^\"]|\"\")*)\")",
    re.DOTALL,
)
_WRITTEN_AFTER = ("to", "database", "attach")
_READ_AFTER = ("from", "join", "database", "attach", "(", "[", ",")
_EXPORTS = re.compile(r"\bexport\s+database\b", re.IGNORECASE)
_KEEPS = re.compile(r"\bcreate\b.*?\b(?:view|macro|function)\b", re.IGNORECASE | re.DOTALL)


def named_in(query: object, *, written: bool) -> Iterator[str]:
    """The paths among the quoted texts of a query: ``from 'data/*.parquet'``, ``copy t to 'out.parquet'``.

    A text counts as read where it names a file that is there, or is a glob where a table or an argument stands; as written after ``to``.
    """
    text = query if isinstance(query, str) else getattr(query, "query", None)  # a Statement keeps its text
    if not isinstance(text, str):
        return
    exports = _EXPORTS.search(text) is not None
    for found in _TEXT.finditer(text):
        quoted = found["single"].replace("''", "'") if found["single"] is not None else (found["double"] or "").replace('""', '"')
        if not quoted:
            continue
        before = (found["before"] or "").lower()
        if written:
            if before in _WRITTEN_AFTER and (exports or before != "database"):
                yield quoted
        elif before != "to" and not (exports and before == "database") and _is_read(quoted, before):
            yield quoted


def _is_read(quoted: str, before: str) -> bool:
    if glob.has_magic(quoted) and not os.path.exists(os.path.expanduser(quoted)):
        return before in _READ_AFTER and ("." in quoted or "/" in quoted)
    path = quoted[len("file:") :].replace("//", "/", 1) if quoted.startswith("file:") else quoted
    return any(os.path.isfile(each) or (before == "database" and os.path.isdir(each)) for each in files_of(path))


def _query(position: int, *keywords: str, written: bool = False) -> Paths:
    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        return named_in(value_of(arguments, position, *keywords), written=written)

    return find


def _query_and_parameters(position: int, *keywords: str) -> Paths:
    """What a query reads, and the files that its parameters name: ``from read_parquet(?)``."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        yield from named_in(value_of(arguments, position, *keywords), written=False)
        given = value_of(arguments, position + 1, "parameters", "params")
        yield from (each for each in paths_of(given) if os.path.isfile(each) or glob.has_magic(each))

    return find


def _view(position: int, *keywords: str) -> Paths:
    """What a query that makes a view or a macro will read each time that somebody asks it."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        query = value_of(arguments, position, *keywords)
        if isinstance(query, str) and _KEEPS.search(query):
            yield from named_in(query, written=False)

    return find


def _relation(instance: Any, arguments: Arguments) -> Iterator[str]:
    """What a relation reads when its rows are asked for. A relation over a value of the notebook has no query."""
    try:
        query = instance.sql_query()
    except (AttributeError, RuntimeError, ValueError):
        return
    yield from named_in(query, written=False)


_RUN = ("sql", "query", "execute", "executemany", "from_query")
_OPENED = ("read_csv", "read_json", "read_parquet", "from_parquet", "from_csv_auto")
_FILES = argument(0, "path_or_buffer", "name", "file_glob", "file_globs", "source")
_FETCHED = (
    *("__repr__", "__str__", "arrow", "create", "describe", "df", "execute", "fetch_arrow_reader", "fetch_arrow_table", "fetch_record_batch"),
    *("fetchall", "fetchdf", "fetchmany", "fetchnumpy", "fetchone", "insert_into", "iter_rows", "materialize", "pl", "show", "tf"),
    *("to_arrow_reader", "to_arrow_table", "to_df", "to_dicts", "to_table", "torch", "create_view", "to_view"),
)
_EXPORTED = ("to_csv", "to_parquet", "write_csv", "write_parquet")


def _rows() -> Iterator[Row]:
    for owner in ("", "DuckDBPyConnection."):
        for name in _RUN:
            reads, writes = _query_and_parameters(0, "query"), _query(0, "query", written=True)
            yield Row("duckdb", owner + name, reads=reads, writes=writes, keeps=_view(0, "query"), recalls=True)
        for name in _OPENED:
            yield Row("duckdb", owner + name, reads=_FILES)
    yield Row("duckdb", "query_df", reads=_query(2, "sql_query"), writes=_query(2, "sql_query", written=True), recalls=True)
    for name in _FETCHED:
        keeps = _relation if name in ("create_view", "to_view") else None
        yield Row("duckdb", f"DuckDBPyRelation.{name}", reads=_relation, keeps=keeps, recalls=True)
    for name in _EXPORTED:
        yield Row("duckdb", f"DuckDBPyRelation.{name}", reads=_relation, recalls=True, writes=argument(0, "file_name", "path"))
    yield Row("duckdb", "write_csv", writes=argument(1, "filename"))
    # Opened to read and write just to read: what changed tells whether it wrote.
    yield Row("duckdb", "connect", reads=argument(0, "database"), writes=argument(0, "database"))


ROWS: tuple[Row, ...] = tuple(_rows())
