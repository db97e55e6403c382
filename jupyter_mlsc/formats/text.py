"""Text: what ``Path.read_text(encoding="utf-8")`` gives, line ends as ``\\n``."""

from __future__ import annotations

import io

from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import reading, unsuitable
from jupyter_mlsc.formats.recognition import is_text


def _recognise(head: bytes, opened: Opened) -> bool:
    return is_text(head)


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    with reading(source.name, "text file in UTF-8"):
        return io.TextIOWrapper(io.BytesIO(source.view()), encoding="utf-8").read()


def _save(obj: object, target: Target) -> None:
    if not isinstance(obj, str):
        raise unsuitable(obj, "text", "a str", "turn it into text first, or save it as .json, .csv, .parquet or .joblib")
    writable(target).write(obj.encode())


FORMATS: tuple[Format, ...] = (
    Format(
        name="text",
        families=frozenset({"text"}),
        suffixes=(".txt", ".md", ".rst", ".log", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".xml", ".html", ".sql", ".py", ".r"),
        runs_code=False,
        extra=None,
        recognise=_recognise,
        load=_load,
        save=_save,
        recognised_by="suffix; text",
    ),
)
