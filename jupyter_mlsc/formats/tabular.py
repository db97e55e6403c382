"""Tables as text: csv and tsv, plain or compressed, as ``pandas.read_csv`` gives them. Nothing in them can run."""

from __future__ import annotations

import functools
from typing import Any

from jupyter_mlsc.formats import compression
from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing
from jupyter_mlsc.formats.recognition import is_text

INSTEAD = "save tables as parquet, arrays as .npy, other objects as .json or .joblib"


def _load(source: Source, *, lifted: bool, allow: frozenset[str], separator: str, packed: str | None) -> object:
    pandas = library("pandas", f"loading {source.name}")
    # By its descriptor's own path where there is one: pandas takes twice as long over a stream.
    place = source.descriptor_path() if packed is None else None
    with reading(source.name, "csv file" if separator == "," else "tsv file"):
        return pandas.read_csv(place or compression.unpacked(packed, source), sep=separator, compression=None)


def _save(obj: object, target: Target, *, separator: str, packed: str | None) -> None:
    """Write a frame or series. The index is left out where it is the plain row number, which reading makes again."""
    pandas = library("pandas", "saving a csv file")
    frame = as_frame(obj, pandas, "a csv file")
    with writing("a csv file", INSTEAD):
        options = {"method": "gzip", "mtime": 0} if packed == "gzip" else packed
        frame.to_csv(writable(target), sep=separator, index=not has_plain_index(frame, pandas), compression=options)


def as_frame(obj: object, pandas: Any, what: str) -> Any:
    """A frame from a frame or a series. Raises FormatError for anything else."""
    if isinstance(obj, pandas.Series):
        return obj.to_frame()
    if isinstance(obj, pandas.DataFrame):
        return obj
    raise unsuitable(obj, what, "a pandas DataFrame or Series", INSTEAD)


def has_plain_index(frame: Any, pandas: Any) -> bool:
    """Whether a frame's index is only the row number: 0, 1, 2 and no name."""
    return bool(frame.index.equals(pandas.RangeIndex(len(frame)))) and frame.index.name is None and frame.index.nlevels == 1


def _recognise(head: bytes, opened: Opened, packed: str | None) -> bool:
    return is_text(head) if packed is None else compression.layer(head) == packed


def _table(kind: str, separator: str, packed: str | None) -> Format:
    suffix = f".{kind}" + (compression.SUFFIX_OF[packed] if packed else "")
    return Format(
        name=kind if packed is None else f"{kind}-{packed}",
        families=frozenset({kind}),
        suffixes=(suffix,),
        runs_code=False,
        extra="data",
        recognise=functools.partial(_recognise, packed=packed),
        load=functools.partial(_load, separator=separator, packed=packed),
        save=functools.partial(_save, separator=separator, packed=packed),
        library="pandas",
        recognised_by="suffix; text" if packed is None else f"suffix; {packed}",
    )


FORMATS: tuple[Format, ...] = tuple(
    _table(kind, separator, packed) for kind, separator in (("csv", ","), ("tsv", "\t")) for packed in (None, *compression.SUFFIX_OF)
)
