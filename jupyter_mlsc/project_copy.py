"""A project's files in a folder beside it, for work that must change nothing: a replay.

Rules kept: what git, this package and environments keep is left behind; a link within the project leads within the copy; bytes are shared where the file
system can, and are the copy's own in any case; nothing is copied through a link that leads out.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from jupyter_mlsc.errors import ArtifactError
from jupyter_mlsc.file_identity import FileIdentity

LEFT_BEHIND = frozenset({".git", ".mlsc", "node_modules", "__pycache__", ".ipynb_checkpoints", ".tox", ".nox"})
_MARKS_OF_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
_FICLONE = 0x4004_9409
"""ioctl_ficlone(2): the new file shares its blocks with the old one until either is written to."""


def copy_project(root: Path, target: Path, *, leave: Collection[str] = ()) -> None:
    """Copy a project without the files that ``leave`` names (relative, posix), with the claims about its artifacts. Raises ArtifactError."""
    try:
        for path, name in _files(root):
            if name in leave:
                continue
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                os.symlink(_led_to(path, root, target), place)
            else:
                copy_file(path, place)
        for folder in _folders(root):
            (target / folder).mkdir(parents=True, exist_ok=True)
        claims = root / ".mlsc" / "claims"
        if claims.is_dir():
            shutil.copytree(claims, target / ".mlsc" / "claims")
    except OSError as err:
        raise ArtifactError(
            f"{err.filename or root} could not be copied: {err.strerror}", next_step="make room in the temporary folder, or name one: TMPDIR"
        ) from err


def copy_file(source: Path, target: Path) -> None:
    """Copy one file with its mode. Raises OSError."""
    with open(source, "rb") as old, open(target, "xb") as new:
        try:
            import fcntl

            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except (ImportError, OSError):
            shutil.copyfileobj(old, new, 16 << 20)
        os.fchmod(new.fileno(), stat.S_IMODE(os.fstat(old.fileno()).st_mode) | stat.S_IWUSR)


def states(root: Path) -> dict[str, FileIdentity]:
    """The state of each file of a project, to tell afterwards what was changed."""
    found = {}
    for path, name in _files(root):
        try:
            found[name] = FileIdentity.of(os.lstat(path))
        except FileNotFoundError:
            continue  # somebody removed it meanwhile
    return found


def _led_to(link: Path, root: Path, target: Path) -> str:
    leads = os.readlink(link)
    if os.path.isabs(leads) and Path(leads).is_relative_to(root):
        return str(target / Path(leads).relative_to(root))
    return leads


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for folder, folders, files in os.walk(root):
        place = Path(folder)
        linked = [name for name in folders if (place / name).is_symlink()]
        folders[:] = [n for n in sorted(folders) if n not in LEFT_BEHIND and n not in linked and not _is_environment(place / n)]
        yield place, folders, [*files, *linked]


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    for folder, _, files in _walk(root):
        for name in sorted(files):
            path = folder / name
            if path.is_symlink() or path.is_file():
                yield path, path.relative_to(root).as_posix()


def _folders(root: Path) -> Iterator[Path]:
    for folder, folders, _ in _walk(root):
        yield from ((folder / name).relative_to(root) for name in folders)


def _is_environment(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in _MARKS_OF_ENVIRONMENTS)
