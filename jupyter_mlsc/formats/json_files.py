"""JSON: a document becomes the Python value that ``json.load`` gives, JSON lines become the frame that ``pandas.read_json(lines=True)`` gives."""

from __future__ import annotations

import functools

from jupyter_mlsc.formats import compression
from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, writing
from jupyter_mlsc.formats.recognition import is_text
from jupyter_mlsc.formats.tabular import as_frame


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    import json

    with reading(source.name, "JSON document", RecursionError):
        return json.loads(bytes(source.view()))


def _save(obj: object, target: Target) -> None:
    import json

    with writing("a JSON document", "save tables as .jsonl, .csv or .parquet, arrays as .npy, other objects as .joblib", RecursionError):
        text = json.dumps(obj, ensure_ascii=False, indent=2)
        writable(target).write(text.encode() + b"\n")


def _load_lines(source: Source, *, lifted: bool, allow: frozenset[str], packed: str | None) -> object:
    pandas = library("pandas", f"loading {source.name}")
    with reading(source.name, "file of JSON lines"):
        return pandas.read_json(compression.unpacked(packed, source), lines=True)


def _save_lines(obj: object, target: Target, *, packed: str | None) -> None:
    pandas = library("pandas", "saving JSON lines")
    frame = as_frame(obj, pandas, "JSON lines")
    with writing("JSON lines", "save it as parquet"):
        options = {"method": "gzip", "mtime": 0} if packed == "gzip" else packed
        frame.to_json(writable(target), orient="records", lines=True, force_ascii=False, compression=options)


def _recognise(head: bytes, opened: Opened, packed: str | None) -> bool:
    return is_text(head) if packed is None else compression.layer(head) == packed


def _lines(packed: str | None) -> Format:
    packing = compression.SUFFIX_OF[packed] if packed else ""
    return Format(
        name="jsonl" if packed is None else f"jsonl-{packed}",
        families=frozenset({"jsonl"}),
        suffixes=(f".jsonl{packing}", f".ndjson{packing}"),
        runs_code=False,
        extra="data",
        recognise=functools.partial(_recognise, packed=packed),
        load=functools.partial(_load_lines, packed=packed),
        save=functools.partial(_save_lines, packed=packed),
        library="pandas",
        recognised_by="suffix; text" if packed is None else f"suffix; {packed}",
    )


FORMATS: tuple[Format, ...] = (
    Format(
        name="json",
        families=frozenset({"json"}),
        suffixes=(".json", ".geojson"),
        runs_code=False,
        extra=None,
        recognise=functools.partial(_recognise, packed=None),
        load=_load,
        save=_save,
        recognised_by="suffix; text",
    ),
    *(_lines(packed) for packed in (None, *compression.SUFFIX_OF)),
)
