"""Folders in which every name is alike, so that a name is told by its spelling: a file-heavy program asks about thousands, and a look at each would cost more
than its work.

Rules kept: a folder counts only if no name directly in it has a region, a grant or a rule of its own. It counts as free only while no symbolic link leads
to it, which is remembered for a moment: what is free is answered with CONTINUE and nothing else, so that whatever has changed meanwhile, the wall grants
what is free and no more, and what somebody outside changed, who is not heard here, misleads no honest program for longer. Of any other folder nothing is
remembered but what the tables say of its name: whoever acts there resolves the path anew, without links.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from jupyter_mlsc.sandbox import linux
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import is_plain

MOMENT = 1.0
"""Seconds until every folder is looked at again."""
SETTLES = 0.1
"""Seconds in which no free folder is remembered after a name became something else: the kernel carries that out only after it was answered."""
_MOST = 20_000
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINKS = linux.RESOLVE_NO_SYMLINKS | linux.RESOLVE_NO_MAGICLINKS


class Ways:
    """What is remembered of folders. ``others`` are beginnings of paths that rules know by another name (`mounts`). Used by one thread."""

    def __init__(self, places: Places, others: tuple[bytes, ...] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._places, self._others, self._clock = places, others, clock
        self._regions: dict[bytes, Region] = {}
        self._uneven: set[bytes] = set()
        self._on_the_way: set[bytes] = set()
        self._until = self._settled = 0.0

    def region(self, folder: bytes) -> Region | None:
        """The region of every name directly in a folder, told by the folder's absolute name; None where that takes a look at the name itself."""
        if self._clock() > self._until:
            self.forget()
        known = self._regions.get(folder)
        return self._look(folder) if known is None and folder not in self._uneven else known

    def becomes(self, name: bytes) -> None:
        """A name is about to mean something else: a link is made there, or something is moved from or to it."""
        if name in self._on_the_way:
            self.forget()
            self._settled = self._clock() + SETTLES

    def forget(self) -> None:
        """Look at every folder again."""
        self._regions.clear()
        self._uneven.clear()
        self._on_the_way.clear()
        self._until = self._clock() + MOMENT

    def _look(self, folder: bytes) -> Region | None:
        if len(self._regions) + len(self._uneven) >= _MOST:
            self.forget()
        region = self._places.of_all_in(folder) if folder[:1] == b"/" and is_plain(folder) and not folder.startswith(self._others) else None
        if region is None:
            self._uneven.add(folder)
            return None
        if region is Region.FREE:
            try:
                os.close(linux.openat2(linux.AT_FDCWD, folder, _FOLDER, _NO_LINKS))
            except OSError:
                return None  # a link, or nothing there yet
            if self._clock() < self._settled:
                return region
            above = folder
            while above not in self._on_the_way and above:
                self._on_the_way.add(above)
                above = above[: above.rfind(b"/")]
        self._regions[folder] = region
        return region
