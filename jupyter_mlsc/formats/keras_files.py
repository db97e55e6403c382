"""Keras models, as ``.keras`` archives; the judgement of a model's configuration serves models in HDF5 too.

Rules: a configuration is a program made of Keras' own parts, so each part that it names is looked at first: Lambda layers and what wraps other
frameworks or opens files are refused, and so are objects that are not Keras' own, unless policy allows their name; a person's signature lifts this.
``safe_mode`` stays on until then. The back end is the one that the user chose (``KERAS_BACKEND``). Keras reads from a path: it gets a private copy in
a folder that only this user can enter.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jupyter_mlsc.errors import DeniedGlobalError, FormatError, MissingLibraryError
from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.keras_names import MEMBER, NO_OBJECT, OWN_MODULE, REACHES_OUT
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing
from jupyter_mlsc.formats.recognition import zip_names

_CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"
_LARGEST_MEMBER = 100
"""How many times larger than what is stored a member of the archive may be; Keras stores them as they are."""
_LOOKED_UP_IN = ("layers", "models", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers", "regularizers", "constraints", "dtype_policies")


def _recognise(head: bytes, opened: Opened) -> bool:
    names = zip_names(head, opened)
    return _CONFIG in names and ("metadata.json" in names or any(name.startswith("model.weights.") for name in names))


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """What ``keras.saving.load_model(path)`` gives."""
    import io
    import zipfile

    from jupyter_mlsc.formats import hdf5

    source = source.private()
    with reading(source.name, "Keras model"), zipfile.ZipFile(source.stream()) as archive:
        members = archive.infolist()
        if len({member.filename for member in members}) != len(members):
            raise ValueError("two of its members have the same name")
        for member in members:
            if not MEMBER.fullmatch(member.filename):
                raise ValueError(f"it holds {member.filename!r}, which is no part of a model")
            if member.file_size > max(1 << 28, _LARGEST_MEMBER * member.compress_size):
                raise ValueError(f"{member.filename} would unpack to {member.file_size:,} bytes from {member.compress_size:,}")
        if _WEIGHTS in archive.namelist():
            with library("h5py", f"loading {source.name}").File(io.BytesIO(archive.read(_WEIGHTS)), "r") as weights:
                hdf5.require_nothing_outside(weights)
        return load_judged(source, [archive.read(_CONFIG).decode()], ".keras", lifted=lifted, allow=allow)


def load_judged(source: Source, configs: Iterable[str], suffix: str, *, lifted: bool, allow: frozenset[str]) -> object:
    """Load private bytes with Keras once their configurations (JSON) are judged. Raises FormatError, DeniedGlobalError, MissingLibraryError."""
    import json

    from jupyter_mlsc.formats.unpickling import unpickling

    keras = _keras(f"loading {source.name}")
    if not lifted:
        for config in configs:
            _judge(keras, source.name, json.loads(config), allow)
    # mkdtemp's folder is for its owner only (mode 0700).
    with tempfile.TemporaryDirectory(prefix="mlsc-") as private, unpickling(source.name, lifted=lifted, allow=allow):
        path = Path(private) / f"model{suffix}"
        path.write_bytes(source.view())
        return keras.saving.load_model(str(path), safe_mode=not lifted)


def _keras(wanted_for: str) -> Any:
    """Keras with the back end of the user's choice. Raises MissingLibraryError where either is not there."""
    try:
        return library("keras", wanted_for)
    except MissingLibraryError as err:
        absent = err.__cause__.name if isinstance(err.__cause__, ModuleNotFoundError) else None
        if absent in (None, "keras"):
            raise
        step = "set KERAS_BACKEND to torch, jax or tensorflow, whichever is installed, before Python starts"
        raise MissingLibraryError(f"{wanted_for} needs a back end of Keras, and {absent} is not installed", next_step=step) from err


def _judge(keras: Any, name: str, config: object, allow: frozenset[str]) -> None:
    """Raise FormatError or DeniedGlobalError for the first part of a configuration that is not Keras' own, or that reaches out of the file."""
    registered = frozenset(keras.saving.get_custom_objects())
    for part in parts(config):
        kind, module, alias = part.get("class_name"), part.get("module"), part.get("registered_name")
        if not isinstance(kind, str):
            _judge_values(name, part, registered, allow)
            continue
        reason = REACHES_OUT.get(kind) or REACHES_OUT.get(kind.rpartition(">")[2]) or REACHES_OUT.get(str(alias))
        if reason is not None:
            raise _refused(name, f"it holds {reason}")
        own = part.get("config") if kind == "function" and isinstance(part.get("config"), str) else kind
        if module is not None and not isinstance(module, str):
            raise ValueError(f"the module of {kind} is no text")
        is_own = OWN_MODULE.fullmatch(module) is not None if module else kind in NO_OBJECT or _is_kerass(keras, kind)
        if (not is_own or {own, kind, alias} & registered) and not _is_allowed(module, {str(own), str(alias)}, allow):
            raise DeniedGlobalError(name, f"{module}.{own}" if module else str(alias or own))
        _judge_values(name, part, registered, allow)


def _judge_values(name: str, part: dict[str, Any], registered: frozenset[str], allow: frozenset[str]) -> None:
    """Texts that Keras would take for a file to read or for an object that somebody registered in this process."""
    for key, value in part.items():
        if key == "vocabulary" and isinstance(value, str):
            raise _refused(name, f"its vocabulary is another file, {value!r}, which was not checked with it")
        if key in ("name", "class_name", "registered_name"):
            continue
        texts = {each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)}
        for text in sorted(texts & registered):
            if not _is_allowed(None, {text}, allow):
                raise DeniedGlobalError(name, text)


def _is_kerass(keras: Any, kind: str) -> bool:
    """Whether Keras exports a class of this name: older files do not say in which module it is."""
    places = (sys.modules.get(f"keras.{place}") for place in _LOOKED_UP_IN)
    return kind == "Functional" or any(isinstance(getattr(place, kind, None), type) for place in (keras, *places))


def _is_allowed(module: str | None, names: set[str], allow: frozenset[str]) -> bool:
    """Whether policy allows one of an object's names: ``module.name``, or ``package.name`` for one that is registered as ``package>name``."""
    return any({f"{module}.{name}", f"{module}:{name}", name.replace(">", ".")} & allow for name in names)


def parts(config: object) -> Iterator[dict[str, Any]]:
    """Every object of a configuration, at any depth."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
            yield part


def _refused(name: str, why: str) -> FormatError:
    return FormatError(f"{name} was not loaded: {why}", next_step=f"ask a person whom the policy trusts to inspect it and run: mlsc sign {name}")


def is_model(obj: object) -> bool:
    """Whether an object is a Keras model, also of a class of one's own; Keras is not imported for that."""
    keras = sys.modules.get("keras")
    return keras is not None and hasattr(keras, "Model") and isinstance(obj, keras.Model)


def save_as(obj: object, target: Target, suffix: str) -> None:
    """Save a Keras model as ``.keras`` or ``.h5``, through a private file, since Keras chooses the format by a path."""
    keras = _keras("saving a Keras model")
    if not isinstance(obj, keras.Model):
        raise unsuitable(obj, "a Keras model", "a keras.Model", "save a torch model's state_dict() as .safetensors, a scikit-learn model as .skops")
    with writing("a Keras model", "save its weights: model.get_weights() as .npz"), tempfile.TemporaryDirectory(prefix="mlsc-") as private:
        path = Path(private) / f"model{suffix}"
        keras.saving.save_model(obj, str(path))
        writable(target).write(path.read_bytes())


def _save(obj: object, target: Target) -> None:
    save_as(obj, target, ".keras")


FORMATS: tuple[Format, ...] = (
    Format(
        name="keras",
        families=frozenset({"keras"}),
        suffixes=(".keras",),
        runs_code=True,
        extra="keras",
        recognise=_recognise,
        load=_load,
        save=_save,
        library="keras, h5py",
        recognised_by="zip with `config.json` and `metadata.json` or `model.weights.*`",
    ),
)
