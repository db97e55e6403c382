"""Spreadsheets: the first sheet of an xlsx workbook, as ``pandas.read_excel`` gives it. Formulas and macros are never run."""

from __future__ import annotations

from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, writing
from jupyter_mlsc.formats.recognition import zip_names
from jupyter_mlsc.formats.tabular import as_frame, has_plain_index


def _recognise(head: bytes, opened: Opened) -> bool:
    names = zip_names(head, opened)
    return "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names)


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    pandas = library("pandas", f"loading {source.name}")
    library("openpyxl", f"loading {source.name}")
    with reading(source.name, "xlsx workbook", SyntaxError):
        return pandas.read_excel(source.stream(), engine="openpyxl")


def _save(obj: object, target: Target) -> None:
    pandas = library("pandas", "saving an xlsx workbook")
    library("openpyxl", "saving an xlsx workbook")
    frame = as_frame(obj, pandas, "an xlsx workbook")
    with writing("an xlsx workbook", "save it as .csv or .parquet"):
        frame.to_excel(writable(target), index=not has_plain_index(frame, pandas), engine="openpyxl")


FORMATS: tuple[Format, ...] = (
    Format(
        name="xlsx",
        families=frozenset({"xlsx"}),
        suffixes=(".xlsx",),
        runs_code=False,
        extra="data",
        recognise=_recognise,
        load=_load,
        save=_save,
        library="pandas, openpyxl",
        recognised_by="zip with `[Content_Types].xml` and `xl/`",
    ),
)
