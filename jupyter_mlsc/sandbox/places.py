"""What a path is to the supervisor: one region for each name, found by its longest known folder. Values only; `survey` fills them in.

Rules kept: a name that leads into something protected is protected, whatever else it is; a governed name stays governed wherever a link on it leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum


class Region(IntEnum):
    """What may be done at a name, from the freest to the strictest: of several names the strictest counts."""

    FREE = 0
    """Nothing governed or protected can be below: the wall grants everything there."""
    SYSTEM = 1
    """Interpreters, environments, libraries, configuration: read and executed by anybody, written by nobody."""
    WRITABLE = 2
    """The project, temporary folders, caches: opened on the caller's behalf."""
    ELSEWHERE = 3
    """The rest of the file system: read on the caller's behalf, not written."""
    DEVICE = 4
    PROCESS = 5
    GOVERNED = 6
    """A rule asks something of it: read only after a verdict, written on record."""
    READ_ONLY = 7
    """The policy, start-up files, hooks: what runs or rules later."""
    HIDDEN = 8
    """The ledger, keys, tokens, other kernels' connection files: not opened at all."""


PROTECTED = frozenset({Region.READ_ONLY, Region.HIDDEN})
NOT_WRITTEN = frozenset({Region.SYSTEM, Region.ELSEWHERE, Region.READ_ONLY, Region.HIDDEN, Region.PROCESS, Region.DEVICE})
_SAME_BELOW = PROTECTED | {Region.PROCESS, Region.DEVICE, Region.FREE}
"""Regions that no rule of the policy changes."""
_MOST_KNOWN = 50_000


class Places:
    """The regions of a supervised tree.

    ``folders`` are absolute paths (files too) with their regions, the longest that fits counts; ``governs`` says whether a rule asks something of a path,
    ``governs_below`` whether one could for something below it. Both get absolute paths. ``granted`` are the folders that the wall grants.
    """

    def __init__(
        self, folders: Mapping[bytes, Region], governs: Callable[[bytes], bool], governs_below: Callable[[bytes], bool], granted: Iterable[bytes] = ()
    ) -> None:
        self._folders = dict(folders)
        self._governs = governs
        self._governs_below = governs_below
        self._known: dict[bytes, Region] = {}
        self._even: dict[bytes, Region] = {}
        """Folders in which every name has the same region: most names are new ones in such a folder."""
        self._below: dict[bytes, bool] = {}
        self._above: set[bytes] = set()
        for path, region in self._folders.items():
            if region in PROTECTED:
                self._above.update(_ancestors(path))
        self._granted = set(granted)
        self._above_granted = {above for path in self._granted for above in _ancestors(path)} | self._granted
        self._uneven = {_folder_of(path) for path in (*self._folders, *self._above, *self._above_granted)}

    def of(self, name: bytes) -> Region:
        """The region of one name."""
        even = self._even.get(name[: name.rfind(b"/")])
        if even is not None:
            return even
        known = self._known.get(name)
        if known is None:
            known = self._find(name)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[name] = known
        return known

    def strictest(self, names: Iterable[bytes]) -> Region:
        """The region that counts for something with several names."""
        return max(self.of(name) for name in names)

    def holds_protected(self, folder: bytes) -> bool:
        """Whether something protected lies below: such a folder is not moved, removed or replaced."""
        return folder in self._above

    def holds_grant(self, folder: bytes) -> bool:
        """Whether the wall grants this folder itself, or one below: a grant is the folder's own, and goes with it wherever it is moved."""
        return folder in self._above_granted

    def holds_governed(self, folder: bytes) -> bool:
        """Whether a rule could ask something of a name below."""
        known = self._below.get(folder)
        if known is None:
            known = self._governs_below(folder)
            if len(self._below) >= _MOST_KNOWN:
                self._below.clear()
            self._below[folder] = known
        return known

    def of_all_in(self, folder: bytes) -> Region | None:
        """The region of every name directly in a folder; None where some name there has a region, a grant or a rule of its own, or leads to what has one."""
        if folder in self._uneven:
            return None
        region = self._around(folder)
        return region if region in _SAME_BELOW or not self.holds_governed(folder) else None

    def add(self, path: bytes, region: Region) -> None:
        """Give one path a region of its own: a kernel's connection file, or a folder that the wall granted and that is gone."""
        self._granted.discard(path)
        self._folders[path] = region
        self._uneven.add(_folder_of(path))
        self._known.clear()
        self._even.clear()

    def _find(self, name: bytes) -> Region:
        region = self._folders.get(name)
        above = _folder_of(name)
        if region is None:
            even = self.of_all_in(above)
            if even is not None:
                if len(self._even) >= _MOST_KNOWN:
                    self._even.clear()
                self._even[above] = even
                return even
            region = self._around(above)
        # Of a folder it is known what could be governed in it; a new name in one where nothing is needs no look at the rules.
        return Region.GOVERNED if region not in _SAME_BELOW and self.holds_governed(above) and self._governs(name) else region

    def _around(self, folder: bytes) -> Region:
        """The region of the longest known folder at or above one."""
        while True:
            region = self._folders.get(folder)
            if region is not None:
                return region
            if folder in (b"/", b""):
                return Region.ELSEWHERE
            folder = _folder_of(folder)


def _folder_of(path: bytes) -> bytes:
    return path.rpartition(b"/")[0] or b"/"


def _ancestors(path: bytes) -> Iterable[bytes]:
    while path not in (b"/", b""):
        path = _folder_of(path)
        yield path
