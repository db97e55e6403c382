"""At which line of a TOML text a key stands: asked only when an error must name it, and answered with the parser's own eyes.

`tomllib` gives no positions. A statement that sets a key ends at the smallest n such that the first n lines parse and contain the key, and
begins after the longest shorter prefix that parses. Containing is monotone over the prefixes that parse, so n is found by bisection.
"""

from __future__ import annotations

import tomllib
from typing import Any

KeyPath = tuple[str | int, ...]
_BUDGET = 4 << 20
"""Characters parsed at most while looking for a line: a hostile file of one endless statement costs a second, not an hour."""


def line_of(text: str, path: KeyPath) -> int | None:
    """The line, counted from 1, at which the statement that sets ``path`` begins; None when the text does not say or is too long to ask."""
    search = _Search(text)
    low, high = 0, len(search.lines)
    while high - low > 1:
        middle = (low + high) // 2
        at = search.parsable(middle, low)
        if at is not None and _contains(search.document(at), path):
            high = at
        else:
            low = middle
        if search.spent > _BUDGET:
            return None
    if not _contains(search.document(high), path):
        return None
    before = search.parsable(high - 1, 0)
    return None if search.spent > _BUDGET else (before or 0) + 1


class _Search:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.spent = 0
        self._seen: dict[int, dict[str, Any] | None] = {0: {}}

    def document(self, count: int) -> dict[str, Any] | None:
        if count not in self._seen:
            head = "\n".join(self.lines[:count]).removesuffix("\r")
            self.spent += len(head)
            try:
                self._seen[count] = tomllib.loads(head)
            except (ValueError, RecursionError):
                self._seen[count] = None
        return self._seen[count]

    def parsable(self, most: int, more_than: int) -> int | None:
        """The longest prefix of at most ``most`` and more than ``more_than`` lines that parses."""
        for count in range(most, more_than, -1):
            if self.document(count) is not None:
                return count
            if self.spent > _BUDGET:
                return None
        return None


def _contains(document: Any, path: KeyPath) -> bool:
    for step in path:
        if isinstance(step, str):
            document = document.get(step) if isinstance(document, dict) else None
        else:
            document = document[step] if isinstance(document, list) and step < len(document) else None
    return document is not None
