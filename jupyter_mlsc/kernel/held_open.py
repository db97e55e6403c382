"""Which files this process still holds open or mapped: they can go on changing in cells after the one that opened them.

Asked of Linux's ``/proc``; where there is none, every file counts as still held.
"""

from __future__ import annotations

import os

_DESCRIPTORS = "/proc/self/fd"
_MAPPINGS = "/proc/self/maps"


def held_open(paths: set[str]) -> set[str]:
    """Those of these files and folders that a descriptor or a mapping of this process leads to, or into."""
    if not paths or not os.path.isdir(_DESCRIPTORS):
        return set(paths)
    files = _descriptors() | _mappings()
    real = {os.path.realpath(path): path for path in paths}
    return {path for target, path in real.items() if target in files or any(each.startswith(target + "/") for each in files)}


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir(_DESCRIPTORS):
        try:
            found.add(os.readlink(f"{_DESCRIPTORS}/{name}"))
        except OSError:
            continue  # closed since it was listed
    return found


def _mappings() -> set[str]:
    """Files that are mapped shared and to be written: a numpy memmap keeps no descriptor."""
    try:
        with open(_MAPPINGS, encoding="utf-8", errors="surrogateescape") as lines:
            return {fields[5].rstrip("\n") for line in lines if len(fields := line.split(None, 5)) == 6 and fields[1][1] == "w" and fields[1][3] == "s"}
    except OSError:
        return set()
