"""Imports what the command line imports: for the process that `tests.forked` forks others from."""

import importlib
import pkgutil

import jupyter_mlsc

for _found in pkgutil.walk_packages(jupyter_mlsc.__path__, "jupyter_mlsc."):
    if _found.name.split(".")[1] not in ("kernel", "server") and not _found.name.endswith("__main__"):
        importlib.import_module(_found.name)
