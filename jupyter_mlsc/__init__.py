"""jupyter_mlsc: a Jupyter notebook as a safe place to touch data and models.

    import jupyter_mlsc as mlsc

    frame = mlsc.load("data/train.csv")        # hashed, checked against mlsc.toml, recorded; blocked where the policy says so
    mlsc.save(model, "models/churn.joblib")    # written whole, hashed, signed by the run, recorded with its inputs

In a notebook: ``%load_ext jupyter_mlsc``, then ``%mlsc_load``, ``%mlsc_save``, ``%mlsc_verify``. In a shell: ``mlsc --help``.
Everything is imported at its first use.
"""

from __future__ import annotations

import sys
import types

__version__ = "0.1.0"

TYPE_CHECKING = False  # what `typing` has under this name takes as long to import as all else here
if TYPE_CHECKING:
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_mlsc.errors import BlockedArtifactError, MlscError
    from jupyter_mlsc.session import diff, impact, lineage, load, open, save, scan, sign, verify  # the contract's name

__all__ = ["BlockedArtifactError", "MlscError", "__version__", "diff", "impact", "lineage", "load", "open", "save", "scan", "sign", "verify"]

_HOMES = {
    "BlockedArtifactError": "jupyter_mlsc.errors",
    "MlscError": "jupyter_mlsc.errors",
    **dict.fromkeys(("diff", "impact", "lineage", "load", "open", "save", "scan", "sign", "verify"), "jupyter_mlsc.session"),
}


class _Face(types.ModuleType):
    """This package as a module whose public names stay what they are: importing a room of the same name (``scan``, ``lineage``) does not take its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOMES or not isinstance(value, types.ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext jupyter_mlsc`` calls, and a kernel that is started with it."""
    import os

    if os.environ.get("MLSC_SUPERVISED") == "1":  # `wire.VARIABLE`: a hint only, which says when to load and nothing else
        from jupyter_mlsc.kernel.later import Later, is_starting

        if is_starting(shell):
            Later(shell, _load_extension).begin()
            return
    _load_extension(shell)


def _load_extension(shell: InteractiveShell) -> None:
    from jupyter_mlsc.kernel.extension import load_extension

    load_extension(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%unload_ext jupyter_mlsc`` calls."""
    from jupyter_mlsc.kernel.extension import unload_extension

    unload_extension(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What a Jupyter server asks before it loads the extension."""
    from jupyter_mlsc.server.app import MlscExtension

    return [{"module": "jupyter_mlsc", "app": MlscExtension}, {"module": "jupyter_mlsc.sandbox.in_server"}]
