"""HDF5: Keras models with their configuration, what PyTables pickled, and links to other files.

Rules kept: h5py parses, in the process that holds no key; a link that leads out is a finding and is not followed; every text and byte string that is
small enough to be looked at is tried as a pickle, since PyTables unpickles attributes; libhdf5, which changed bytes can lead in circles, has a time of
its own, as far as that can be ended.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from jupyter_mlsc.formats.hdf5 import require_nothing_outside
from jupyter_mlsc.formats.libraries import library
from jupyter_mlsc.scan.documents import json_of
from jupyter_mlsc.scan.finding import Finding, LimitReachedError
from jupyter_mlsc.scan.keras_configs import judged
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.processor_time import at_most
from jupyter_mlsc.scan.registry import HDF5_PLACES
from jupyter_mlsc.scan.scanner import Scanner

_MAGIC = b"\x89HDF\r\n\x1a\n"
_CONFIGS = ("model_config", "training_config")
_MOST_ROWS = 100_000


def _recognise(piece: Piece) -> bool:
    return any(piece.head.startswith(_MAGIC, at) for at in HDF5_PLACES)


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    h5py = library("h5py", "scanning an HDF5 file")
    # Names, attributes and pickled rows are read, no numbers.
    with at_most(scanning.limits.circling_for(piece.size)), h5py.File(piece.rewound(), "r") as file:
        try:
            require_nothing_outside(file)
        except ValueError as err:
            yield scanning.found("hdf5-outside", piece, why=err)
        for name in _CONFIGS:
            if name in file.attrs:
                yield from judged(piece, scanning, json_of(_text(file.attrs[name])), name)
        pytables = "PYTABLES_FORMAT_VERSION" in file.attrs
        yield from _attributes(piece, scanning, "/", file)
        items: list[tuple[str, Any]] = []

        def keep(name: str, item: Any) -> bool | None:
            items.append((name, item))
            return True if len(items) > scanning.limits.members else None

        file.visititems(keep)
        scanning.spend_members(len(items))
        for name, item in items:
            yield from _attributes(piece, scanning, name, item)
            if isinstance(item, h5py.Dataset) and (pytables or "PSEUDOATOM" in item.attrs) and h5py.check_vlen_dtype(item.dtype) is not None:
                yield from _rows(piece, scanning, name, item)


def _attributes(piece: Piece, scanning: Scanning, name: str, item: Any) -> Iterator[Finding]:
    for key in item.attrs:
        value = item.attrs[key]
        data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value.tobytes() if hasattr(value, "tobytes") else value
        if isinstance(data, bytes) and data and not (name == "/" and key in _CONFIGS):
            yield from scanning.inside(piece, f"{name}@{key}", io.BytesIO(data), named="attribute")


def _rows(piece: Piece, scanning: Scanning, name: str, dataset: Any) -> Iterator[Finding]:
    if dataset.shape is None or len(dataset) > _MOST_ROWS:
        raise LimitReachedError(f"{name} has too many pickled rows")
    for number in range(len(dataset)):
        row = dataset[number]
        if hasattr(row, "tobytes"):
            yield from scanning.inside(piece, f"{name}[{number}]", io.BytesIO(row.tobytes()), named="row.pkl" if "PSEUDOATOM" in dataset.attrs else "row")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


SCANNERS: tuple[Scanner, ...] = (Scanner("an HDF5 file", _recognise, _scan, claims=(".h5", ".hdf5", ".hdf")),)
