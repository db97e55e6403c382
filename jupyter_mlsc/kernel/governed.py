"""Which opens concern the policy: a cheap look at a path as a program gives it, before anything is resolved or asked.

Rules kept: a path outside the project's folder, and outside the folders that rules name beyond it, costs a comparison of its beginning; below the
project, links are followed, folder by folder, each once for a cell.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from jupyter_mlsc.policy import Policy


class GovernedPaths:
    """The folders of a project in which a rule can match."""

    def __init__(self, root: str, policy: Policy) -> None:
        self._root = root
        self._below_root = root + os.sep
        self.folders = tuple(dict.fromkeys(os.path.normpath(os.path.join(root, prefix)) for prefix in policy.prefixes))
        self._prefixes = tuple(folder + os.sep for folder in self.folders)
        self._near = (self._below_root, *(p for p in self._prefixes if not p.startswith(self._below_root)))
        self._real_folders: dict[str, str] = {}

    def new_cell(self) -> None:
        """Forget where folders led: a cell may have changed links."""
        self._real_folders.clear()

    def find(self, path: object) -> str | None:
        """The absolute path where a rule may govern it, else None. ``path`` is what a program handed to ``open``: text, bytes, PathLike, a number."""
        text = absolute(path)
        if text is None:
            return None
        if text.startswith(self._prefixes):
            return text
        if not text.startswith(self._near) and text not in self.folders:
            return None
        folder, _, name = text.rpartition("/")
        real = self._real_folders.get(folder)
        if real is None:
            real = self._real_folders[folder] = os.path.realpath(folder)
        if text in self.folders or (real + "/" + name).startswith(self._prefixes):
            return text
        if os.path.islink(text) and os.path.realpath(text).startswith(self._prefixes):
            return text
        return None


def absolute(path: object) -> str | None:
    """A path as a program gives it, made absolute without following links; None for a descriptor, whose file was judged when it was opened."""
    if type(path) is str:
        text = path
    elif isinstance(path, int):
        return None
    else:
        try:
            text = os.fsdecode(path)  # type: ignore[arg-type]  # what is no path raises TypeError, and is none of ours
        except TypeError:
            return None
    if text.startswith("file:"):
        text = unquote(urlsplit(text).path)
    if not text.startswith("/"):
        text = os.path.join(os.getcwd(), text)
    if "/." in text or "//" in text or text.endswith("/"):
        text = os.path.normpath(text)
    return text
