"""The Unix sockets outside the tree that the policy's ``[supervise] sockets`` names: paths relative to the project, absolute or below ``~``; ``@NAME``."""

from __future__ import annotations

import os
from collections.abc import Iterable


class ListedSockets:
    """Names of sockets, as written and as they led somewhere when the command started; a link that is made later changes nothing."""

    def __init__(self, sockets: Iterable[str], *, root: str, home: str) -> None:
        self._spelled: dict[bytes, frozenset[bytes]] = {}
        for each in sockets:
            if each.startswith("@"):
                self._spelled[os.fsencode(each)] = frozenset()
                continue
            expanded = home + each[1:] if each == "~" or each.startswith("~/") else each
            written = os.path.normpath(os.path.join(root, expanded))
            names = frozenset(map(os.fsencode, (written, os.path.realpath(written))))
            self._spelled.update(dict.fromkeys(names, names))

    def has(self, name: bytes) -> bool:
        """Whether a path that was resolved, or ``@NAME``, is on the list."""
        return name in self._spelled

    def is_same(self, name: bytes, bound_to: bytes) -> bool:
        """Whether the name that a server gave to bind(2) is the listed one."""
        return bound_to in self._spelled.get(name, frozenset())
