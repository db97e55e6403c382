"""Scanning: every file that is named, or lies below a folder that is named, is looked at in a process that holds no key.

Rules kept: a file is opened once, measured and scanned from that descriptor, and held still meanwhile; links inside a folder are not followed, since
what they lead to is another file; outside a project nothing is recorded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlsc.errors import ArtifactMissingError
from jupyter_mlsc.scan.finding import Finding, Scanned
from jupyter_mlsc.scan.limits import DEFAULT, Limits
from jupyter_mlsc.scan.process import ScanProcess
from jupyter_mlsc.transfer import OpenedFile, wrap_os_error

_PASSED_OVER = frozenset({".git", ".mlsc", "__pycache__", "node_modules", ".ipynb_checkpoints"})
"""Folders below a named one that hold no artifacts. Naming one of them scans it."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    shown: str


def scan(
    paths: Sequence[Path],
    *,
    allow: frozenset[str] = frozenset(),
    also: frozenset[str] = frozenset(),
    limits: Limits = DEFAULT,
    progress: Callable[[int, int], None] | None = None,
) -> Scanned:
    """Findings on files and on all files of folders. Raises ArtifactError for what cannot be read, ArtifactMissingError for what is not there."""
    files = list({each.path: each for path in paths for each in _files(path)}.values())
    sizes = [each.path.lstat().st_size for each in files]
    findings: list[Finding] = []
    with ScanProcess(limits, allow, also) as scanning:
        done, whole = 0, sum(sizes)
        for each, size in zip(files, sizes, strict=True):
            if progress is not None:
                progress(done, whole)
            done += size
            with OpenedFile(each.path) as opened:
                findings += scanning.scan(each.shown, opened.descriptor)
                opened.require_unchanged()
    if progress is not None:
        progress(whole, whole)
    return Scanned(tuple(findings), len(files))


def _files(path: Path) -> Iterator[_File]:
    if not os.path.lexists(path):
        raise ArtifactMissingError(f"{path} does not exist", next_step="check the path; it is taken relative to the working directory")
    if not path.is_dir():
        yield _File(path, os.fspath(path))
        return
    try:
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as err:
        raise wrap_os_error(err, path, "read") from err
    for entry in found:
        inner = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _PASSED_OVER:
                yield from _files(inner)
        elif entry.is_file(follow_symlinks=False):
            yield _File(inner, os.fspath(inner))
