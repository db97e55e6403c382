"""HDF5: a frame where pandas wrote one, a Keras model where Keras did, else a dict of names to numpy arrays, groups being dicts in it.

Rules: only the bytes that were checked are read: a file with external links, external storage or virtual data sets is refused, since HDF5 would open
other files by the names that it gives. What pandas wrote holds pickles (PyTables pickles attributes and columns of objects), so it is loaded
through the unpickle allowlist; what cannot be told apart without h5py is taken for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_mlsc.errors import FormatError, MissingLibraryError
from jupyter_mlsc.formats import keras_files
from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing
from jupyter_mlsc.formats.recognition import is_hdf5

_MOST_OBJECTS = 100_000
_LARGEST_EXPANSION = 1000
_UNQUESTIONED_SIZE = 1 << 32
"""Bytes that a data set may ask for whatever is stored of it; above, it is a bomb when it asks for 1,000 times of that (Keras' own limits)."""


def _kind(head: bytes, opened: Opened) -> str | None:
    """``hdf5``, ``hdf5-keras`` or ``hdf5-pandas``; None for what is no HDF5 file. Follows no link."""
    if isinstance(opened, Path) or not is_hdf5(head):
        return None
    opened.seek(0)
    try:
        with reading("file", "HDF5 file"), library("h5py", "recognising").File(opened, "r") as file:
            if "model_config" in file.attrs:
                return "hdf5-keras"
            return "hdf5-pandas" if _holds_pickles(file) else "hdf5"
    except (FormatError, MissingLibraryError):
        return "hdf5-pandas"


def _holds_pickles(file: Any) -> bool:
    """Whether PyTables wrote in it, which unpickles attributes when it reads them; also where there is too much to look through."""
    seen = 0

    def found(_: str, item: Any) -> bool | None:
        nonlocal seen
        seen += 1
        return True if seen > _MOST_OBJECTS or "pandas_type" in item.attrs or "PSEUDOATOM" in item.attrs else None

    return "PYTABLES_FORMAT_VERSION" in file.attrs or bool(file.visititems(found))


def _recogniser(kind: str) -> Callable[[bytes, Opened], bool]:
    return lambda head, opened: _kind(head, opened) == kind


def require_nothing_outside(file: Any) -> None:
    """Raise ValueError where an open h5py file leads to other files, or asks for far more memory than it holds."""
    h5py = library("h5py", "looking into an HDF5 file")
    waiting, seen = [file], set()
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for name in group:
            kind, link = group.get(name, getclass=True, getlink=True), group.get(name, getlink=True)
            if kind is h5py.ExternalLink:
                raise ValueError(f"{group.name.rstrip('/')}/{name} leads to another file, {link.filename!r}, which was not checked with it")
            if kind is h5py.SoftLink:
                continue  # to a name in this file, behind which a link that leads out is met on its own
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                _require_inside(item)


def _require_inside(dataset: Any) -> None:
    if dataset.is_virtual:
        raise ValueError(f"{dataset.name} is a virtual data set, put together from other files, which were not checked with it")
    if dataset.external:
        raise ValueError(f"the bytes of {dataset.name} lie in another file, {dataset.external[0][0]!r}, which was not checked with it")
    asked = math.prod(dataset.shape or ()) * dataset.dtype.itemsize
    if asked > _UNQUESTIONED_SIZE and asked > _LARGEST_EXPANSION * dataset.id.get_storage_size():
        raise ValueError(f"{dataset.name} asks for {asked:,} bytes, of which it holds {dataset.id.get_storage_size():,}")


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """A dict of names to numpy arrays (text as ``str``); groups are dicts of the same shape. Attributes are left out."""
    h5py = library("h5py", f"loading {source.name}")
    with reading(source.name, "HDF5 file", RecursionError), h5py.File(source.stream(), "r") as file:
        require_nothing_outside(file)
        return _tree(h5py, file, {}, ())


def _tree(h5py: Any, group: Any, read: dict[int, Any], above: tuple[int, ...]) -> dict[str, Any]:
    above = (*above, h5py.h5o.get_info(group.id).addr)
    tree: dict[str, Any] = {}
    for name in group:
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in above:
            raise ValueError(f"{item.name} leads back to a group that it is in")
        if isinstance(item, h5py.Group):
            tree[name] = _tree(h5py, item, read, above)
        elif isinstance(item, h5py.Dataset):
            # Two names of one data set give one array.
            read[address] = read[address] if address in read else _array(h5py, item)
            tree[name] = read[address]
    return tree


def _array(h5py: Any, dataset: Any) -> Any:
    return dataset.asstr()[()] if h5py.check_string_dtype(dataset.dtype) is not None and dataset.shape is not None else dataset[()]


def _load_pandas(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """What ``pandas.read_hdf(path)`` gives; a dict of keys to frames where there are several, a dict of arrays where PyTables wrote without pandas."""
    pandas = library("pandas", f"loading {source.name}")
    h5py = library("h5py", f"loading {source.name}")
    tables = library("tables", f"loading {source.name}")
    from jupyter_mlsc.formats.unpickling import unpickling

    source = source.private()
    with reading(source.name, "HDF5 file", tables.HDF5ExtError, tables.NodeError):
        with h5py.File(source.stream(), "r") as file:
            require_nothing_outside(file)
        with unpickling(source.name, lifted=lifted, allow=allow):
            # In memory: the name is never opened, and nothing is written back.
            image = {"driver": "H5FD_CORE", "driver_core_image": bytes(source.view()), "driver_core_backing_store": 0}
            with pandas.HDFStore("checked.h5", mode="r", **image) as store:
                frames = {key.removeprefix("/"): store[key] for key in store}
        if not frames:
            return _load(source, lifted=lifted, allow=allow)
        return next(iter(frames.values())) if len(frames) == 1 else frames


def _load_keras(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """What ``keras.saving.load_model(path)`` gives, under the rules of the Keras format."""
    h5py = library("h5py", f"loading {source.name}")
    source = source.private()
    with reading(source.name, "Keras model in HDF5"):
        with h5py.File(source.stream(), "r") as file:
            require_nothing_outside(file)
            configs = [_text(file.attrs[name]) for name in ("model_config", "training_config") if name in file.attrs]
        return keras_files.load_judged(source, configs, ".h5", lifted=lifted, allow=allow)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _save(obj: object, target: Target) -> None:
    """A dict of arrays, a pandas object (under the key ``data``), or a Keras model, told by what it is."""
    family = type(obj).__module__.partition(".")[0]
    if family == "pandas":
        _save_pandas(obj, target)
    elif family == "keras" or keras_files.is_model(obj):
        keras_files.save_as(obj, target, ".h5")
    else:
        _save_tree(obj, target)


def _save_pandas(obj: object, target: Target) -> None:
    pandas = library("pandas", "saving an HDF5 file")
    library("tables", "saving a table as HDF5")
    if not isinstance(obj, pandas.DataFrame | pandas.Series):
        raise unsuitable(obj, "an HDF5 file", "a DataFrame, a Series, a dict of arrays or a Keras model", "make a DataFrame of it")
    memory = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    with writing("an HDF5 file", "save it as .parquet"), pandas.HDFStore("new.h5", mode="w", **memory) as store:
        # PyTables stamps the time into a table unless it is told not to.
        store.put("data", obj, format="table", track_times=False)
        image = store._handle.get_file_image()
    writable(target).write(image)


def _save_tree(obj: object, target: Target) -> None:
    import io

    h5py = library("h5py", "saving an HDF5 file")
    instead = "make a dict of names to numpy arrays of it; save tables as .parquet, other objects as .joblib"
    if not isinstance(obj, dict):
        raise unsuitable(obj, "an HDF5 file", "a dict of names to arrays, a DataFrame or a Keras model", instead)
    image = io.BytesIO()
    with writing("an HDF5 file", instead), h5py.File(image, "w") as file:
        _put(h5py, file, obj, instead)
    writable(target).write(image.getbuffer())


def _put(h5py: Any, group: Any, tree: dict[Any, Any], instead: str) -> None:
    numpy = library("numpy", "saving an HDF5 file")
    for name, value in tree.items():
        if not isinstance(name, str) or not name or "/" in name or name == ".":
            raise FormatError(f"{name!r} cannot be a name in an HDF5 file", next_step="use names of text without a slash, and dicts for groups")
        if isinstance(value, dict):
            _put(h5py, group.create_group(name), value, instead)
            continue
        array = numpy.asarray(value)
        if array.dtype.kind == "U" or (array.dtype == object and all(isinstance(each, str) for each in array.flat)):
            group.create_dataset(name, data=array.astype(object), dtype=h5py.string_dtype())
        elif array.dtype.hasobject:
            raise unsuitable(value, "an HDF5 data set", "numbers or text", instead)
        else:
            group.create_dataset(name, data=array)


def _format(name: str, families: set[str], suffixes: tuple[str, ...], load: Any, library_: str, recognised_by: str, *, runs_code: bool) -> Format:
    return Format(
        name=name,
        families=frozenset(families),
        suffixes=suffixes,
        runs_code=runs_code,
        extra="keras" if "keras" in families else "hdf5",
        recognise=_recogniser(name),
        load=load,
        save=_save,
        library=library_,
        recognised_by=recognised_by,
    )


FORMATS: tuple[Format, ...] = (
    _format("hdf5", {"hdf5"}, (".h5", ".hdf5", ".hdf"), _load, "h5py", "`\\x89HDF`", runs_code=False),
    _format("hdf5-pandas", {"hdf5", "pickle"}, (), _load_pandas, "pandas, tables", "`\\x89HDF`, attributes of PyTables or pandas", runs_code=True),
    _format("hdf5-keras", {"hdf5", "keras"}, (), _load_keras, "keras, h5py", "`\\x89HDF`, the attribute `model_config`", runs_code=True),
)
