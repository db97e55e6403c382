"""Places that refuse: a disk that is full, a folder that cannot be written. As root by mounting, as anybody else by limits and modes."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _mount(*arguments: str) -> None:
    if subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode != 0:
        pytest.skip("root here may not mount")


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[tuple[str, ...]]:
    """``folder`` becomes a disk of ``size`` bytes. Gives what is put before a command where nobody may mount: a limit on files."""
    folder.mkdir(exist_ok=True)
    if os.geteuid() != 0:
        yield ("prlimit", f"--fsize={size}")
        return
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield ()
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody can write below ``folder`` meanwhile."""
    if os.geteuid() == 0:
        _mount("--bind", str(folder), str(folder))
        try:
            _mount("-o", "remount,bind,ro", str(folder))
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    below = [folder, *folder.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in below}
    for path in below:
        path.chmod(modes[path] & ~0o222)
    try:
        yield
    finally:
        for path in below:
            path.chmod(modes[path])


def fill(file: Path) -> None:
    """Write a file until its disk is full."""
    with open(file, "wb", buffering=0) as stream, contextlib.suppress(OSError):
        while stream.write(b"\0" * 4096) == 4096:
            pass
