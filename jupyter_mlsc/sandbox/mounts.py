"""Places that can be reached by a second way: bind mounts show a folder under another name, so do the layers of an overlay, and there may be more than
one /proc.

Source: proc(5), /proc/PID/mountinfo; the kernel's overlayfs documentation for its options. Mounts are read once, before the command starts: nothing inside
can mount.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

import msgspec

_TABLE = "/proc/self/mountinfo"
_OCTAL = re.compile(r"\\([0-7]{3})")
_LAYERS = frozenset({"lowerdir", "lowerdir+", "datadir+", "upperdir"})
_BETWEEN_LAYERS = re.compile(r"(?<!\\):")
_LIVES_IN_ONE_PLACE = {"proc": "/proc", "devpts": "/dev", "devtmpfs": "/dev"}


class Mount(msgspec.Struct, frozen=True):
    """One mount: the file system's device, the folder of that file system which is shown, where it is shown, and the file system's kind.

    ``layers`` are the folders that an overlay is made of, those that can be seen from here.
    """

    device: str
    root: str
    point: str
    kind: str
    layers: tuple[str, ...] = ()


def mounts() -> list[Mount]:
    """The mounts that this process sees, in the order in which they were made. Raises OSError."""
    with open(_TABLE, encoding="utf-8", errors="surrogateescape") as file:
        return [_mount(line) for line in file]


def _mount(line: str) -> Mount:
    fields, _, rest = line.partition(" - ")
    parts = fields.split(" ")
    root, point = map(_plain, parts[3:5])
    kind, _, options = rest.rstrip("\n").split(" ", 2)
    seen = {os.path.realpath(folder) for folder in layers(options) if os.path.isabs(folder)} if kind == "overlay" else set()
    return Mount(parts[2], root, point, kind, tuple(sorted(filter(os.path.isdir, seen))))


def layers(options: str) -> list[str]:
    """The folders in an overlay's options, as they were spelled by who mounted it."""
    named = (option.partition("=") for option in options.split(","))
    return [folder.replace("\\:", ":") for name, _, value in named if name in _LAYERS for folder in _BETWEEN_LAYERS.split(_plain(value)) if folder]


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def aliases(found: Iterable[Mount], paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Other names of these paths, or of folders below them: (the other name, the name that it means)."""
    known, asked = list(found), list(paths)
    yield from _mounted_twice(known, asked)
    for other, path in _in_layers(known, asked):
        yield other, path
        for again, meant in _mounted_twice(known, [other]):
            yield again, _joined(path, _below(meant, other) or "")


def _in_layers(known: Iterable[Mount], paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What is in a layer of an overlay shows where the overlay is, and the other way round. What another layer hides is held to be seen."""
    shown = [(each.point, _joined(layer, each.root.strip("/"))) for each in known for layer in each.layers]
    pairs = [pair for one, two in dict.fromkeys(shown) if one != two for pair in ((one, two), (two, one))]
    asked = list(paths)
    # A machine that runs containers has some thousand layers, and few of them have to do with a path.
    above, below = {place for path in asked for place in ways_up(path)}, tuple(f"{path.rstrip('/')}/" for path in asked)
    near = [pair for pair in pairs if pair[0] in above or pair[0].startswith(below)]
    for path in asked:
        for here, there in near:
            inside, around = _below(path, here), _below(here, path)
            if inside is not None:
                yield _joined(there, inside), path
            elif around is not None:
                yield there, here


def ways_up(path: str) -> Iterator[str]:
    """A path and all folders that it lies in."""
    while path not in ("", "/"):
        yield path
        path = path.rpartition("/")[0]
    yield "/"


def _mounted_twice(known: list[Mount], paths: Iterable[str]) -> Iterator[tuple[str, str]]:
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
