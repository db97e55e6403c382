"""The interpreter itself: which files it is made of, and their digest.

Rules kept: nobody ships a list of these files' hashes with Python, so the digest says only whether they are what they were at an earlier look.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def files() -> list[str]:
    """The running interpreter's executable, its shared library and its standard library's source and extension modules: absolute real paths, sorted."""
    library = sysconfig.get_config_var("LDLIBRARY") or ""
    shared = os.path.join(sysconfig.get_config_var("LIBDIR") or "", library)
    found = {os.path.realpath(path) for path in (sys.executable, getattr(sys, "_base_executable", sys.executable), shared) if path and os.path.isfile(path)}
    for key in ("stdlib", "platstdlib"):
        for root, folders, names in os.walk(sysconfig.get_path(key)):
            folders[:] = [name for name in folders if name not in ("site-packages", "dist-packages", "__pycache__", "test", "tests", "idlelib")]
            found |= {os.path.join(root, name) for name in names if name.endswith((".py", ".so", ".pyd"))}
    return sorted(found)


def digest(paths: list[str], threads: int) -> str:
    """``sha256:<hex>`` over the sorted lines ``<sha256 hex><two spaces><path>\\n`` (what ``sha256sum`` prints, hashed once more).

    Raises OSError where a file cannot be read.
    """
    with ThreadPoolExecutor(threads) as pool:
        lines = [f"{each}  {path}\n" for path, each in zip(paths, pool.map(_sha256, paths), strict=True)]
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
