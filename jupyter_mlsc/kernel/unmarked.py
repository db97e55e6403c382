"""Unpickling that names no file: bytes that a cell read before, messages between processes, a library's own cache.

Rules kept: the allowlist holds here too, with what `__main__` and the project's own modules define themselves beside it; only what the
messaging of multiprocessing, loky and concurrent.futures unpickles by itself is exempt, since the other end is this notebook's own.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import FrameType

from jupyter_mlsc.formats.unpickling import DeniedUnpicklingError
from jupyter_mlsc.scan import allowlist

_MESSAGING = ("multiprocessing.", "concurrent.futures.", "loky.", "joblib.externals.loky.")
_UNPICKLERS = ("pickle", "_pickle", "_compat_pickle", "cloudpickle", "joblib.externals.cloudpickle", "jupyter_mlsc.", "wrapt")


class UnmarkedUnpickling:
    """Judges one global that is asked for outside the load of an artifact. Called by the hook; raises to refuse."""

    def __init__(self, root: str, allow: frozenset[str]) -> None:
        self._root = os.path.realpath(root) + os.sep
        self._allow = allow

    def __call__(self, module: object, name: object) -> None:
        """Raise DeniedUnpicklingError unless the global may be named here."""
        if type(module) is str and type(name) is str:
            if allowlist.is_allowed(module, name, self._allow) or self._is_own(module, name):
                return
            if _is_message(sys._getframe(1)):
                return
        raise DeniedUnpicklingError("bytes that this cell unpickles", f"{module}.{name}")

    def _is_own(self, module: str, name: str) -> bool:
        """Whether the notebook, or a module of the project, defines this class or function itself: not what it imported from elsewhere."""
        if "." in name:
            return False
        loaded = sys.modules.get(module)
        if module != "__main__":
            origin = getattr(loaded, "__file__", None) if loaded is not None else _origin(module)
            if origin is None or not os.path.realpath(origin).startswith(self._root) or "site-packages" in origin:
                return False
            if loaded is None:
                return True  # not imported yet: find_class imports it, and the file is the project's
        return getattr(vars(loaded).get(name), "__module__", None) == module if loaded is not None else False


def _origin(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return spec.origin if spec is not None else None


def _is_message(frame: FrameType | None) -> bool:
    """Whether the nearest caller that is no unpickler itself is the messaging of a process pool."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(_UNPICKLERS):
            return bool(name.startswith(_MESSAGING))
        frame = frame.f_back
    return False
