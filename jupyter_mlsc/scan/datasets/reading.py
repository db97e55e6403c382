"""Reading a data set piece by piece: csv and tsv, JSON lines, parquet, Arrow, numpy arrays. Called only where nothing is to be lost (`inside`).

Rules kept: a piece is some thousand rows, whatever the file's size; every cell comes as text, which is what digests are of, and typed files give their
values besides; nothing is opened by a name, and nothing is decoded that could run.
"""

from __future__ import annotations

import json
import mmap
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy
import pyarrow
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats.libraries import broken_errors
from jupyter_mlsc.scan.datasets.columns import NULL_CELL

BLOCK = 4 << 20
"""Bytes of text that are parsed at once; no row may be longer."""
ROWS_AT_ONCE = 1 << 16
MOST_COLUMNS_READ = 20_000
"""A wider table is no table that anybody looks at."""
LONGEST_LINE = 16 << 20
MOST_MATRIX_COLUMNS = 1000
"""Columns of a numpy matrix that are columns; each row of a wider one is one cell."""


@dataclass(frozen=True)
class Piece:
    """Some rows: each column's cells as an Arrow string array without nulls, and its values where the file has types."""

    cells: list[Any]
    values: list[Any | None]
    rows: int


@dataclass
class Table:
    """A data set that is read once, from front to back. ``types`` has None for a column of text; ``malformed`` counts on while it is read."""

    names: list[str]
    types: list[str | None]
    pieces: Iterator[Piece]
    malformed: int = 0
    malformed_sum: int = 0
    """The sum of the digests of malformed lines, which come in no certain order."""


def mapped(descriptor: int) -> Any:
    """An open file as a buffer, which costs no memory."""
    try:
        return pyarrow.py_buffer(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))
    except ValueError:
        return pyarrow.py_buffer(b"")  # an empty file


def open_table(family: str, descriptor: int, *, separator: str = ",", packed: str | None = None) -> Table:
    """Begin to read. Raises FormatError for what cannot be read so, and so does taking its pieces."""
    with sound(family):
        return _READERS[family](mapped(descriptor), separator, packed)


@contextmanager
def sound(what: str) -> Iterator[None]:
    """Turn what a library says of bytes that it does not understand into a FormatError."""
    try:
        yield
    except FormatError:
        raise
    except MemoryError as err:
        raise FormatError(f"it needs more memory than a profile may take, as {what}", next_step='sign it with profile = "none" in the rule') from err
    except (*broken_errors(), pyarrow.ArrowException, SyntaxError, tokenize.TokenError) as err:
        text = (str(err).strip() or type(err).__name__).splitlines()[0][:300]
        raise FormatError(f"it cannot be read as {what}: {text}", next_step="restore the file from where it came from, or save it again") from err


def unique_names(names: list[str]) -> list[str]:
    """Names of columns, the second of two equal ones marked."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        told.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return told


def _stream(data: Any, packed: str | None) -> Any:
    if packed is None:
        return pyarrow.BufferReader(data)
    if packed in ("gzip", "bz2", "zstd"):
        return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), packed)
    import lzma

    return pyarrow.PythonFile(lzma.LZMAFile(pyarrow.BufferReader(data), "rb"), mode="r")


def _csv(data: Any, separator: str, packed: str | None) -> Table:
    head = _stream(data, packed).read(BLOCK)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError("it is UTF-16 text, which nothing here reads as a table", next_step="save it as UTF-8")
    line = head.split(b"\n", 1)[0]
    if line.count(separator.encode()) >= MOST_COLUMNS_READ:
        raise FormatError(f"it has more than {MOST_COLUMNS_READ:,} columns", next_step="look at what wrote it")
    if not head.strip():
        return Table([], [], iter(()))
    parse = arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=lambda _: "skip")
    first = arrow_csv.open_csv(pyarrow.BufferReader(_whole_lines(head)), arrow_csv.ReadOptions(block_size=BLOCK, use_threads=False), parse)
    names = first.schema.names
    table = Table(unique_names(names), [None] * len(names), iter(()))

    def skip(row: Any) -> str:
        # Some readers make something of a line that is too short, so that it must not differ unseen.
        digest = blake2b(str(row.text).encode("utf-8", "surrogateescape"), digest_size=16).digest()
        table.malformed += 1
        table.malformed_sum = (table.malformed_sum + int.from_bytes(digest, "little")) % (1 << 128)
        return "skip"

    parse = arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=skip)
    as_text = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False, quoted_strings_can_be_null=False)
    reader = arrow_csv.open_csv(_stream(data, packed), arrow_csv.ReadOptions(block_size=BLOCK, use_threads=True), parse, as_text)

    def pieces() -> Iterator[Piece]:
        with sound("csv"):
            for batch in reader:
                if batch.num_rows:
                    yield Piece(list(batch.columns), [None] * batch.num_columns, batch.num_rows)

    table.pieces = pieces()
    return table


def _whole_lines(head: bytes) -> bytes:
    """The first lines, for their names; a cut last line is left out where there are others."""
    if len(head) < BLOCK:
        return head
    cut = head.rfind(b"\n", 0, 1 << 20)
    if cut < 0:
        cut = head.rfind(b"\n")
    if cut < 0:
        raise FormatError(f"its first line is longer than {BLOCK >> 20} MiB", next_step="look at what wrote it")
    return head[: cut + 1]


def _json_lines(data: Any, separator: str, packed: str | None) -> Table:
    """Two passes: which columns there are, then the cells; a column that a line does not have is null there."""
    names: dict[str, None] = {}
    for rows in _objects(_stream(data, packed)):
        for row in rows:
            names.update(dict.fromkeys(row))
        if len(names) > MOST_COLUMNS_READ:
            raise FormatError(f"it has more than {MOST_COLUMNS_READ:,} columns", next_step="look at what wrote it")

    def pieces() -> Iterator[Piece]:
        with sound("JSON lines"):
            for rows in _objects(_stream(data, packed)):
                cells = [pyarrow.array([_cell_text(row[name]) if name in row else NULL_CELL for row in rows], pyarrow.string()) for name in names]
                yield Piece(cells, [None] * len(cells), len(rows))

    return Table(list(names), [None] * len(names), pieces())


def _objects(stream: Any) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    taken = 0
    for line in _lines(stream):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict):
            raise FormatError("a line of it is no JSON object", next_step="save it as one object on each line")
        rows.append(row)
        taken += len(line)
        if len(rows) == ROWS_AT_ONCE or taken > BLOCK:
            yield rows
            rows, taken = [], 0
    if rows:
        yield rows


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    while True:
        block = stream.read(BLOCK)
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        if len(rest) > LONGEST_LINE:
            raise FormatError(f"a line of it is longer than {LONGEST_LINE >> 20} MiB", next_step="look at what wrote it")
    if rest:
        yield rest


def _cell_text(value: Any) -> str:
    if value is None:
        return NULL_CELL
    if isinstance(value, str):
        return value.replace(NULL_CELL, NULL_CELL * 2)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _parquet(data: Any, separator: str, packed: str | None) -> Table:
    file = parquet.ParquetFile(pyarrow.BufferReader(data), pre_buffer=False, memory_map=False)
    return _typed(file.schema_arrow, lambda: file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=True), "parquet")


def _arrow_file(data: Any, separator: str, packed: str | None) -> Table:
    if bytes(data.slice(0, 4)) == b"FEA1":
        from pyarrow import feather

        table = feather.read_table(pyarrow.BufferReader(data))
        return _typed(table.schema, lambda: iter(table.to_batches(ROWS_AT_ONCE)), "feather")
    reader = pyarrow.ipc.open_file(pyarrow.BufferReader(data))
    return _typed(reader.schema, lambda: (reader.get_batch(i) for i in range(reader.num_record_batches)), "Arrow")


def _arrow_stream(data: Any, separator: str, packed: str | None) -> Table:
    reader = pyarrow.ipc.open_stream(pyarrow.BufferReader(data))
    return _typed(reader.schema, lambda: iter(reader), "Arrow")


def _typed(schema: Any, batches: Callable[[], Iterator[Any]], what: str) -> Table:
    if len(schema) > MOST_COLUMNS_READ:
        raise FormatError(f"it has more than {MOST_COLUMNS_READ:,} columns", next_step="look at what wrote it")

    def pieces() -> Iterator[Piece]:
        with sound(what):
            for batch in batches():
                batch.validate(full=True)  # readers take offsets and text from the file as they are
                for start in range(0, batch.num_rows, ROWS_AT_ONCE):
                    part = batch.slice(start, ROWS_AT_ONCE)
                    values = [_plain(each) for each in part.columns]
                    yield Piece([_as_text(each) for each in values], list(values), part.num_rows)

    return Table(unique_names(schema.names), [_type_name(field.type) for field in schema], pieces())


def _type_name(kind: Any) -> str:
    return str(kind.value_type) if pyarrow.types.is_dictionary(kind) else str(kind)


def _plain(values: Any) -> Any:
    if pyarrow.types.is_dictionary(values.type):
        return values.dictionary_decode()
    return values.storage if isinstance(values, pyarrow.ExtensionArray) else values


def _as_text(values: Any) -> Any:
    """Cells of typed values as text: equal values give equal text."""
    kind = values.type
    try:
        text = compute.cast(values, pyarrow.string())
    except (pyarrow.ArrowNotImplementedError, pyarrow.ArrowInvalid):
        text = pyarrow.array([None if each is None else _cell_text(_jsonable(each)) for each in values.to_pylist()], pyarrow.string())
        return compute.fill_null(text, NULL_CELL)
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        text = compute.replace_substring(text, NULL_CELL, NULL_CELL * 2)
    return compute.fill_null(text, NULL_CELL)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _npy(data: Any, separator: str, packed: str | None) -> Table:
    return _arrays({"": _read_array(pyarrow.BufferReader(data))})


def _npz(data: Any, separator: str, packed: str | None) -> Table:
    import zipfile

    arrays = {}
    with zipfile.ZipFile(pyarrow.BufferReader(data)) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                arrays[name.removesuffix(".npy")] = _read_array(member)
    return _arrays(arrays)


def _read_array(file: Any) -> Any:
    return numpy.lib.format.read_array(file, allow_pickle=False)


def _arrays(arrays: dict[str, Any]) -> Table:
    """Arrays of one length are columns beside each other; of several lengths, those of the commonest one."""
    lengths = [each.shape[0] for each in arrays.values() if each.ndim]
    if not lengths:
        raise FormatError("it holds no array with rows", next_step="leave profile out of the rule for it")
    rows = max(lengths, key=lengths.count)
    columns = {name: part for key, each in arrays.items() if each.ndim and each.shape[0] == rows for name, part in _array_columns(key, each)}

    def pieces() -> Iterator[Piece]:
        with sound("numpy"):
            for start in range(0, rows, ROWS_AT_ONCE):
                values = [_arrow_column(each[start : start + ROWS_AT_ONCE]) for each in columns.values()]
                yield Piece([_as_text(each) for each in values], list(values), min(ROWS_AT_ONCE, rows - start))

    return Table(list(columns), [str(each.dtype) if each.ndim == 1 else f"{each.dtype}{list(each.shape[1:])}" for each in columns.values()], pieces())


def _array_columns(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    if array.dtype.names and array.ndim == 1:
        for each in array.dtype.names:
            yield f"{name}.{each}".lstrip("."), array[each]
    elif array.ndim == 2 and array.shape[1] <= MOST_MATRIX_COLUMNS:
        for i in range(array.shape[1]):
            yield f"{name}[{i}]", array[:, i]
    else:
        yield name or "values", array


def _arrow_column(values: Any) -> Any:
    if values.ndim == 1 and values.dtype.kind in "biufUSM":
        native = values.astype(values.dtype.newbyteorder("="), copy=False)
        if native.dtype == numpy.float16:
            native = native.astype(numpy.float32)
        return pyarrow.array(native if native.dtype.kind != "S" else [each.decode("latin-1") for each in native.tolist()])
    return pyarrow.array([numpy.ascontiguousarray(each).tobytes().hex() for each in values], pyarrow.string())


_READERS: dict[str, Callable[[Any, str, str | None], Table]] = {
    "csv": _csv,
    "jsonl": _json_lines,
    "parquet": _parquet,
    "feather": _arrow_file,
    "arrow-stream": _arrow_stream,
    "npy": _npy,
    "npz": _npz,
}
"""Families that have a profile, beside folders of images."""
