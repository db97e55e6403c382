"""Hugging Face `datasets`: what it read once it keeps in a cache, so the source that a call names is judged at each call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from jupyter_mlsc.kernel.adapters.row import Arguments, Row, argument, paths_of, value_of


def _sources(instance: Any, arguments: Arguments) -> Iterator[str]:
    """What ``load_dataset(path, name, data_dir, data_files)`` reads: the files it names, else the folder or file that the path is."""
    path, data_dir, data_files = (value_of(arguments, at, name) for at, name in ((0, "path"), (2, "data_dir"), (3, "data_files")))
    folder = next((each for value in (data_dir, path) for each in paths_of(value) if os.path.isdir(each)), "")
    named = list(paths_of(data_files))
    for each in named:
        yield each if each.startswith("file:") else os.path.join(folder, each)
    if not named:
        yield from paths_of(path) if folder == "" else (folder,)


_PATHS = argument(0, "path_or_paths")

ROWS: tuple[Row, ...] = (
    Row("datasets", "load_dataset", reads=_sources),
    Row("datasets", "load_from_disk", reads=argument(0, "dataset_path")),
    *(Row("datasets", f"Dataset.from_{each}", reads=_PATHS) for each in ("csv", "json", "parquet", "text")),
    *(Row("datasets", f"{each}.save_to_disk", writes=argument(0, name)) for each, name in (("Dataset", "dataset_path"), ("DatasetDict", "dataset_dict_path"))),
)
