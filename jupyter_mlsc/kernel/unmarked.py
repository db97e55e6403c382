"""Unpickling that names no governed file: bytes that a cell read before, files of no rule, messages between processes, a library's own cache.

Rules kept: the allowlist holds here too, with the classes that `__main__` and the project's imported modules define themselves beside it, never
their functions, which would run with arguments of the artifact's choice; nothing is imported from the project because an artifact names it; only
what the messaging of multiprocessing, loky and torch unpickles by itself, from an end on this machine, is exempt: the other end is this notebook's own.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import sysconfig
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import FrameType, ModuleType

from jupyter_mlsc.formats.unpickling import DeniedUnpicklingError, is_shadowed
from jupyter_mlsc.scan import allowlist

_MESSAGING = frozenset(
    {
        ("multiprocessing.connection", "recv"),
        ("multiprocessing.queues", "get"),
        ("multiprocessing.spawn", "_main"),
        ("joblib.externals.loky.cloudpickle_wrapper", "_reconstruct_wrapper"),
        ("loky.cloudpickle_wrapper", "_reconstruct_wrapper"),
        ("torch.multiprocessing.queue", "recv"),
    }
)
"""The functions, by module and name, that unpickle a message themselves. What they call or are called by is not exempt: a pool runs a cell's own code."""

_UNPICKLERS = frozenset({"pickle", "jupyter_mlsc.formats.unpickling", "jupyter_mlsc.kernel.unmarked", "jupyter_mlsc.kernel.adapters.wrapping"})
"""Modules whose frames lie between the function that unpickles and the question: pickle's Python twin, and the guard's own."""

# What the interpreter itself keeps of a class, whatever its metaclass says.
_MODULE: Callable[[type], object] = vars(type)["__module__"].__get__
_QUALNAME: Callable[[type], object] = vars(type)["__qualname__"].__get__

_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})


class UnmarkedUnpickling:
    """Judges one global that is asked for outside the load of a governed file. Called by the hook; raises to refuse, and tells ``refused`` of it."""

    def __init__(self, root: str, allow: frozenset[str], refused: Callable[[DeniedUnpicklingError], None]) -> None:
        self._root = Path(os.path.realpath(root))
        self._allow = allow
        self._refused = refused
        installed = {Path(os.path.realpath(path)) for path in (*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix)}
        self._installed = tuple(path for path in installed if path != self._root and path.is_relative_to(self._root))

    def __call__(self, module: object, name: object) -> None:
        """Raise DeniedUnpicklingError unless the global may be named here."""
        why = None
        if type(module) is str and type(name) is str:
            if allowlist.is_allowed(module, name, self._allow):
                if not (allowlist.is_allowed(module, name, frozenset()) and is_shadowed(module, self._root)):
                    return
                why = "whose module lies in the project instead of an installed library"
            elif self.is_own_class(module, name):
                return
            if _is_message(sys._getframe(1)):
                return
        error = DeniedUnpicklingError("a pickle", f"{module}.{name}", why=why, next_step=self._next_step(module))
        self._refused(error)
        raise error

    def is_own_class(self, module: str, name: str) -> bool:
        """Whether the notebook, or a module of the project that is imported, defines this class itself: not what it imported from elsewhere."""
        loaded = sys.modules.get(module)
        if not isinstance(loaded, ModuleType) or (module != "__main__" and not self._is_of_project(getattr(loaded, "__file__", None))):
            return False
        found = vars(loaded).get(name)
        return isinstance(found, type) and _MODULE(found) == module and _QUALNAME(found) == name

    def _is_of_project(self, file: object) -> bool:
        """Whether a module's file is the project's: below its root, and in no environment that lies there too."""
        if not isinstance(file, str):
            return False
        path = Path(os.path.realpath(file))
        if not path.is_relative_to(self._root) or any(path.is_relative_to(folder) for folder in self._installed):
            return False
        return _LIBRARY_FOLDERS.isdisjoint(path.relative_to(self._root).parts)

    def _next_step(self, module: object) -> str:
        top = module.partition(".")[0] if isinstance(module, str) else ""
        if top.isidentifier() and top not in sys.modules and any((self._root / each).exists() for each in (top, f"{top}.py")):
            return f"if you trust what it defines, import {module} in the notebook first, then load again"
        return (
            "load only what you know: save it as safetensors, parquet or npz, or keep it in a governed file that a person whom the policy trusts "
            "inspects and signs: mlsc sign FILE; exact names can be added in mlsc.toml: [unpickle] allow"
        )


def _is_message(frame: FrameType | None) -> bool:
    """Whether the nearest caller that is no unpickler itself is the messaging between processes."""
    while frame is not None and frame.f_globals.get("__name__") in _UNPICKLERS:
        frame = frame.f_back
    if frame is None or (frame.f_globals.get("__name__"), frame.f_code.co_name) not in _MESSAGING:
        return False
    return frame.f_code.co_name != "recv" or _is_on_this_machine(getattr(frame.f_locals.get("self"), "_handle", None))


def _is_on_this_machine(handle: object) -> bool:
    """Whether a connection is a pipe, a Unix socket or a loopback address. A connection of another make has no handle: it wraps one of these."""
    if not isinstance(handle, int) or os.name == "nt":
        return True
    if not stat.S_ISSOCK(os.fstat(handle).st_mode):
        return True
    with socket.socket(fileno=os.dup(handle)) as end:
        if end.family not in (socket.AF_INET, socket.AF_INET6):
            return True
        try:
            return ip_address(end.getpeername()[0].partition("%")[0]).is_loopback
        except OSError:
            return False  # the other end has gone: nobody can say any more where it was
