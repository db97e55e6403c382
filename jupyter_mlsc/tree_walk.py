"""Which files a directory tree is made of: names, identities and links, as they are at one moment.

Rules kept here: no link leads out of the tree, not even one that is put in a directory's place during the walk: every directory is
opened relative to the tree's own descriptor and compared with what its parent listed. A name is relative, posix and UTF-8, and holds no
newline, which could forge a line of the manifest. Empty directories do not count. What is left out stands in `IGNORED`.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import NamedTuple

from jupyter_mlsc.errors import ArtifactError
from jupyter_mlsc.file_identity import FileIdentity, changed, printable, require_regular, unreadable

_OPENING_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NONBLOCK


class Ignored(NamedTuple):
    """A name at the top of a tree that is no part of it: which kinds of file it may be, what it must hold, and why it is left out."""

    kinds: tuple[int, ...]
    signature: bool
    reason: str


IGNORED: dict[str, Ignored] = {
    ".git": Ignored((stat.S_IFDIR, stat.S_IFREG), False, "changes with every git command; OMS leaves it out"),
    ".github": Ignored((stat.S_IFDIR,), False, "OMS leaves it out, and its manifests must name the same files as ours"),
    ".gitattributes": Ignored((stat.S_IFREG,), False, "OMS leaves it out, and its manifests must name the same files as ours"),
    ".gitignore": Ignored((stat.S_IFREG,), False, "OMS leaves it out, and its manifests must name the same files as ours"),
    "model.sig": Ignored((stat.S_IFREG,), True, "the OMS signature of the tree itself cannot be part of what it signs"),
}
"""Everything that is left out of a tree, and only at its top.

Whatever is left out can be added to a signed tree without changing its digest, so the list is as short as other tools allow: a reader
of whole directories (`pyarrow.dataset`) takes `part-0.parquet.sig` or `x.claims.jsonl` for data like any other file, so these count.
A `model.sig` that is not a Sigstore bundle counts for the same reason. What a tree's manifest does not name is unsigned, and a gate
that sees single files opened treats it so.
"""

_BUNDLE_KEYS = frozenset({"mediaType", "verificationMaterial", "dsseEnvelope"})
_LARGEST_BUNDLE = 64 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree's regular files by name, and its links by name with the name of the file that each leads to."""

    files: dict[str, FileIdentity]
    links: dict[str, str]


def open_tree(path: str) -> int:
    """Open a directory for `walk` and return its descriptor, which the caller closes. Raises ArtifactError when that is impossible."""
    try:
        return os.open(path, _OPENING_FOLDER)
    except OSError as err:
        raise unreadable(err, path) from err


def walk(root: int, path: str) -> Tree:
    """List the tree whose open directory is ``root``; ``path`` is where it stands, for messages and to resolve links.

    Raises ArtifactError for whatever has no digest (a device, socket, FIFO, a name that is not UTF-8 or has a newline, a link that leaves
    the tree, leads to a directory or nowhere, a directory that cannot be read) and for a tree without files; ArtifactChangedError when
    a directory is replaced meanwhile.
    """
    files: dict[str, FileIdentity] = {}
    found_links: list[str] = []
    folders: list[tuple[str, os.stat_result | None]] = [("", None)]
    while folders:
        folder, seen = folders.pop()
        shown = os.path.join(path, folder) if folder else path
        descriptor = _open_folder(root, folder, seen, shown)
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    status = entry.stat(follow_symlinks=False)
                    if not folder and _is_ignored(root, name, status):
                        continue
                    _require_plain(name, path)
                    if stat.S_ISDIR(status.st_mode):
                        folders.append((name, status))
                    elif stat.S_ISLNK(status.st_mode):
                        found_links.append(name)
                    elif stat.S_ISREG(status.st_mode):
                        files[name] = FileIdentity.of(status)
                    else:
                        require_regular(status, os.path.join(path, name))
        except FileNotFoundError as err:
            raise changed(shown, "a file was removed from it") from err
        except OSError as err:
            raise unreadable(err, shown) from err
        finally:
            os.close(descriptor)
    links = _resolve(root, path, found_links, files)
    if not files:
        raise ArtifactError(f"{printable(path)} holds no files, so it has no digest", next_step="name a directory with files in it")
    return Tree(files, links)


def require_same_tree(before: Tree, after: Tree, path: str) -> None:
    """Raise ArtifactChangedError, naming a file, unless both walks found the same."""
    if before == after:
        return
    old, new = {**before.links, **before.files}, {**after.links, **after.files}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            how = "was added" if name not in old else "was removed" if name not in new else "changed"
            raise changed(path, f"{printable(name)} {how}")


def _open_folder(root: int, folder: str, seen: os.stat_result | None, shown: str) -> int:
    if seen is None:
        return os.dup(root)
    try:
        descriptor = os.open(folder, _OPENING_FOLDER | os.O_NOFOLLOW, dir_fd=root)
    except (FileNotFoundError, NotADirectoryError) as err:
        raise changed(shown, "it was removed or replaced") from err
    except OSError as err:
        raise unreadable(err, shown) from err
    # O_NOFOLLOW guards the last part of the name only: a link in place of a folder above shows in the identity.
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) != (seen.st_dev, seen.st_ino):
        os.close(descriptor)
        raise changed(shown, "another directory was put in its place")
    return descriptor


def _require_plain(name: str, path: str) -> None:
    """A name that a manifest line can carry."""
    if "\n" in name:
        raise ArtifactError(f"the name has a newline: {printable(os.path.join(path, name))}", next_step="rename the file")
    if not name.isascii():
        try:
            name.encode("utf-8")
        except UnicodeEncodeError as err:
            raise ArtifactError(f"the name is not UTF-8: {printable(os.path.join(path, name))}", next_step="rename the file") from err


def _resolve(root: int, path: str, names: list[str], files: dict[str, FileIdentity]) -> dict[str, str]:
    """Where each link leads: always to a file that the walk found itself, so that its bytes are the ones that are hashed."""
    if not names:
        return {}
    top = os.path.realpath(path)
    if not os.path.samestat(os.stat(top), os.fstat(root)):
        raise changed(path, "another directory was put in its place")
    inside = top.rstrip("/") + "/"
    links = {}
    for name in names:
        link = printable(os.path.join(path, name))
        try:
            target = os.path.realpath(inside + name, strict=True)
        except FileNotFoundError as err:
            raise ArtifactError(f"{link} is a symbolic link that leads nowhere", next_step="remove the link, or restore its file") from err
        except OSError as err:
            raise unreadable(err, os.path.join(path, name)) from err
        if target != top and not target.startswith(inside):
            raise ArtifactError(f"{link} is a symbolic link that leaves the tree, to {printable(target)}", next_step="put a copy of the file in its place")
        links[name] = target[len(inside) :]
        if links[name] not in files:
            what = "a directory" if os.path.isdir(target) else "a file that is no part of it"
            raise ArtifactError(f"{link} is a symbolic link to {what}, {printable(target)}", next_step="put a copy in its place")
    return links


def _is_ignored(root: int, name: str, status: os.stat_result) -> bool:
    ignored = IGNORED.get(name)
    if ignored is None or stat.S_IFMT(status.st_mode) not in ignored.kinds:
        return False
    return not ignored.signature or _is_bundle(root, name, status)


def _is_bundle(root: int, name: str, status: os.stat_result) -> bool:
    """Whether this file is one Sigstore bundle and nothing else."""
    import json

    if status.st_size > _LARGEST_BUNDLE:
        return False
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=root)
    with open(descriptor, "rb") as file:
        data = file.read(_LARGEST_BUNDLE + 1)
    try:
        bundle = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(bundle, dict) and "dsseEnvelope" in bundle and bundle.keys() <= _BUNDLE_KEYS
