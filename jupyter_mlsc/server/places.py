"""Paths that clients name: each is turned into one place below the server's folder, or refused. Files of the server are named back the same way.

Rules kept: the parts of a path are looked at before any file is; what leads out of the server's folder, by its words or by a symbolic link, does not
exist for a client; hidden files are as hidden here as in the rest of the server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlsc.errors import AccessDeniedError, ArtifactMissingError, UsageError
from jupyter_mlsc.verdict import printable

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

COLLABORATION = "RTC:"
"""The drive under which clients of jupyter-collaboration name the same files."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folder that a server serves, links followed; ``hidden`` where clients may see files whose name begins with a dot."""

    root: Path
    hidden: bool = False

    def locate(self, asked: str) -> Path:
        """The place that a client's path means, as it is written, links not followed.

        Raises UsageError for what is no relative path with ``/``, AccessDeniedError for a hidden name, ArtifactMissingError for what leads out.
        """
        text = asked.removeprefix(COLLABORATION)
        if _CONTROL.search(text) or "\\" in text or _DRIVE.match(text) or text.startswith("/") or not _is_text(text):
            raise UsageError(f"not a path of this server: {printable(ascii(asked)[:200])}", next_step="name a file relative to the server's folder, with /")
        parts = [part for part in text.split("/") if part]
        if ".." in parts or "." in parts:
            raise UsageError(f"not a path of this server: {asked[:200]}", next_step="name it without . and ..")
        if not self.hidden and any(part.startswith(".") for part in parts):
            raise AccessDeniedError(f"hidden files are not served: {asked[:200]}", next_step="rename the file, or allow hidden files in the server's settings")
        place = self.root.joinpath(*parts)
        try:
            real = os.path.realpath(place)
        except (OSError, ValueError) as err:
            raise UsageError(f"not a path of this server: {asked[:200]}", next_step="check the path") from err
        if not _is_within(real, str(self.root)):
            raise ArtifactMissingError(f"there is nothing at {asked[:200]} that this server serves", next_step="copy the file into the server's folder")
        return place

    def existing(self, asked: str) -> Path:
        """As `locate`, and something lies there. Raises ArtifactMissingError where nothing does."""
        place = self.locate(asked)
        if not os.path.lexists(place):
            raise ArtifactMissingError(f"there is nothing at {asked[:200]}", next_step="check the path; it is relative to the server's folder")
        return place

    def named(self, place: Path) -> str | None:
        """How clients name a place; None where it lies outside the server's folder, by its words or by a link."""
        relative = os.path.relpath(place, self.root)
        if relative == ".":
            return ""
        if relative == ".." or relative.startswith("../") or not _is_within(os.path.realpath(place), str(self.root)):
            return None
        return Path(relative).as_posix()

    def one_answer(self) -> Callable[[str], str | None]:
        """`named` for many places of one answer: where their folders lead is looked up once for each."""
        folders: dict[str, str | None] = {}

        def named(place: str) -> str | None:
            parent, name = os.path.split(place)
            if name in ("", ".", ".."):
                return self.named(Path(place))
            if parent not in folders:
                folders[parent] = self.named(Path(parent))
            folder = folders[parent]
            if folder is None or os.path.islink(place):
                return self.named(Path(place))
            return f"{folder}/{name}" if folder else name

        return named

    def folder_of(self, project: Path) -> str:
        """A project's folder relative to the server's; with ``..`` where it lies above."""
        relative = Path(os.path.relpath(project, self.root)).as_posix()
        return "" if relative == "." else relative


def _is_within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
