"""The border to the libraries that parse: imported when a format is used, and their many exceptions turned into two of ours."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_mlsc.errors import FormatError, MissingLibraryError, MlscError

_PLAIN: tuple[type[Exception], ...] = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    OSError,
    EOFError,
    ImportError,
    MemoryError,
)
# Errors that libraries derive from Exception itself; asked for only where the library is loaded.
_OWN_ERRORS = (("zstandard", "ZstdError"), ("safetensors", "SafetensorError"))
_EXTRA_OF = {
    "pandas": "data",
    "pyarrow": "data",
    "openpyxl": "data",
    "zstandard": "data",
    "numpy": "models",
    "joblib": "models",
    "safetensors": "models",
    "sklearn": "models",
    "scipy": "models",
    "torch": "torch",
    "transformers": "transformers",
    "skops": "skops",
    "keras": "keras",
    "onnx": "onnx",
    "google": "onnx",
    "xgboost": "boosting",
    "lightgbm": "boosting",
    "h5py": "hdf5",
    "tables": "hdf5",
    "PIL": "images",
}


def broken_errors() -> tuple[type[Exception], ...]:
    """What parsers raise for bytes that are not what they expect. Wide on purpose: each library has its own mixture of these."""
    import lzma
    import pickle
    import struct
    import zipfile
    import zlib

    own = [getattr(sys.modules[module], name) for module, name in _OWN_ERRORS if module in sys.modules]
    return (*_PLAIN, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pickle.PickleError, *own)


def _unsuitable_errors() -> tuple[type[Exception], ...]:
    """What writers raise for an object that they cannot hold. OSError is not among them: a full disk is not the object's fault."""
    import pickle

    return (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, pickle.PickleError)


_before_use: Callable[[str], None] | None = None


def before_use(tell: Callable[[str], None]) -> None:
    """Have this called with a library's name each time before one parses something in this process."""
    global _before_use  # noqa: PLW0603  # of the process
    _before_use = tell


def library(name: str, wanted_for: str) -> Any:
    """Import a library by its module name. Raises MissingLibraryError, which names the extra to install, where it is not there."""
    try:
        found = importlib.import_module(name)
    except ModuleNotFoundError as err:
        raise missing(err.name or name, wanted_for) from err
    if _before_use is not None:
        _before_use(name)
    return found


def missing(module: str, wanted_for: str) -> MissingLibraryError:
    """The error for a module that is not installed."""
    top = module.partition(".")[0]
    extra = _EXTRA_OF.get(top)
    command = f'pip install "jupyter_mlsc[{extra}]"' if extra else f"pip install {top}"
    return MissingLibraryError(f"{wanted_for} needs {top}, which is not installed", next_step=command)


@contextmanager
def reading(name: str, what: str, *also: type[Exception]) -> Iterator[None]:
    """Turn what a parser raises about the artifact ``name`` into one FormatError; ``also``: the library's own exception types."""
    try:
        yield
    except MlscError:
        raise
    except ModuleNotFoundError as err:
        raise missing(err.name or "a library", f"loading {name}") from err
    except MemoryError as err:
        raise FormatError(f"{name} is not a sound {what}, or too large: it asks for more memory than there is") from err
    except broken_errors() + also as err:
        raise FormatError(f"{name} is not a sound {what}: {_first_line(err)}", next_step="restore the file from where it came from, or save it again") from err


@contextmanager
def writing(what: str, instead: str, *also: type[Exception]) -> Iterator[None]:
    """Turn what a writer raises about an object that it cannot hold into a FormatError; a failing disk stays the OSError that it is."""
    try:
        yield
    except (MlscError, OSError):
        raise
    except _unsuitable_errors() + also as err:
        raise FormatError(f"this object cannot be saved as {what}: {_first_line(err)}", next_step=instead) from err


def unsuitable(obj: object, what: str, wanted: str, instead: str) -> FormatError:
    """The error for an object of a type that a format cannot hold."""
    kind = type(obj)
    shown = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return FormatError(f"an object of type {shown} cannot be saved as {what}, which holds {wanted}", next_step=instead)


def _first_line(err: BaseException) -> str:
    text = str(err).strip()
    return text.splitlines()[0][:300] if text else type(err).__name__
