"""A text that somebody else chose, as a message may repeat it."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text on one line, with control and bidirectional characters shown as escapes: no name rewrites a terminal or adds a line to a message."""
    return text if text.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
