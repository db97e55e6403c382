"""Which opens concern the policy: a cheap look at a path as a program gives it, before anything is resolved or asked.

Rules kept: a path outside the project's folder, and outside the folders that rules name beyond it, costs a comparison of its beginning; below the
project, links are followed, each once for a cell or until a link is made.
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
        self._led_elsewhere: dict[str, bool] = {}
        self._remembers = True

    def new_cell(self) -> None:
        """Begin to remember anew where links lead."""
        self.forget()
        self._remembers = True

    def forget(self) -> None:
        """Forget where links led: one is made, or gets another name."""
        self._real_folders.clear()
        self._led_elsewhere.clear()

    def unsettle(self) -> None:
        """Somebody else may make links from now on: remember nothing of them until the next cell."""
        self.forget()
        self._remembers = False

    def find(self, path: object) -> str | None:
        """The absolute path where a rule may govern it, else None. ``path`` is what a program handed to ``open``: text, bytes, PathLike, a number."""
        text = absolute(path)
        if text is None:
            return None
        if text.startswith(self._prefixes):
            return text
        if not text.startswith(self._near) and text not in self.folders:
            return None
        leads = self._led_elsewhere.get(text)
        if leads is None:
            leads = self._leads_to_governed(text)
            if self._remembers:
                self._led_elsewhere[text] = leads
        return text if leads else None

    def is_plain(self, path: str) -> bool:
        """Whether an absolute path below the project goes over no link, so that its name is all that policy must be asked about."""
        return path.startswith(self._below_root) and self._real_folder(path.rpartition("/")[0])[1] and not os.path.islink(path)

    def _leads_to_governed(self, text: str) -> bool:
        folder, _, name = text.rpartition("/")
        if text in self.folders or (self._real_folder(folder)[0] + "/" + name).startswith(self._prefixes):
            return True
        return os.path.islink(text) and os.path.realpath(text).startswith(self._prefixes)

    def _real_folder(self, folder: str) -> tuple[str, bool]:
        """Where a folder leads, and whether that is itself."""
        real = self._real_folders.get(folder)
        if real is None:
            real = os.path.realpath(folder)
            if self._remembers:
                self._real_folders[folder] = real
        return real, real == folder


def absolute(path: object) -> str | None:
    """A path as a program gives it, made absolute without following links.

    None for what leads nowhere, and for a descriptor, whose file was judged when it was opened.
    """
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
        try:
            text = f"{os.getcwd()}/{text}"  # os.path.join asks again what is known here, and this is done for every open
        except FileNotFoundError:
            return None  # the working directory is removed: no relative path leads anywhere
    if text.startswith("//"):
        text = "/" + text.lstrip("/")
    if "/." in text or "//" in text or text.endswith("/"):
        text = os.path.normpath(text)
    return text
