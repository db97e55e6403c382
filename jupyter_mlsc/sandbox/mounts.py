"""Places that can be reached by a second way: bind mounts show a folder under another name, and there may be more than one /proc.

Source: proc(5), /proc/PID/mountinfo. Mounts are read once, before the command starts: nothing inside can mount.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

_TABLE = "/proc/self/mountinfo"
_OCTAL = re.compile(r"\\([0-7]{3})")
_LIVES_IN_ONE_PLACE = {"proc": "/proc", "devpts": "/dev", "devtmpfs": "/dev"}


class Mount(msgspec.Struct, frozen=True):
    """One mount: the file system's device, the folder of that file system which is shown, where it is shown, and the file system's kind."""

    device: str
    root: str
    point: str
    kind: str


def mounts() -> list[Mount]:
    """The mounts that this process sees, in the order in which they were made. Raises OSError."""
    with open(_TABLE, encoding="utf-8", errors="surrogateescape") as file:
        return [_mount(line) for line in file]


def _mount(line: str) -> Mount:
    fields, _, rest = line.partition(" - ")
    parts = fields.split(" ")
    root, point = (_OCTAL.sub(lambda found: chr(int(found[1], 8)), part) for part in parts[3:5])
    return Mount(parts[2], root, point, rest.split(" ")[0])


def aliases(found: Iterable[Mount], paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Other names of these paths, or of folders below them: (the other name, the name that it means)."""
    known = list(found)
    for path in paths:
        own = max((each for each in known if _below(path, each.point) is not None), key=lambda each: len(each.point), default=None)
        if own is None:
            continue
        there = _joined(own.root, _below(path, own.point) or "")
        for each in known:
            if each.device != own.device or each.point == own.point:
                continue
            inside, around = _below(there, each.root), _below(each.root, there)
            if inside is not None:
                yield _joined(each.point, inside), path
            elif around is not None:
                yield each.point, _joined(path, around)


def strays(found: Iterable[Mount]) -> Iterator[str]:
    """Further /proc and /dev, which the tables for those names know nothing of."""
    for each in found:
        home = _LIVES_IN_ONE_PLACE.get(each.kind)
        if home is not None and _below(each.point, home) is None:
            yield each.point


def _below(path: str, folder: str) -> str | None:
    """What leads from a folder to a path in it, empty for the folder itself; None where it lies elsewhere."""
    top = folder.rstrip("/")
    if path in (folder, top):
        return ""
    return path[len(top) + 1 :] if path.startswith(top + "/") else None


def _joined(folder: str, rest: str) -> str:
    return f"{folder.rstrip('/')}/{rest}" if rest else folder
