"""What a person must be told: kept until the kernel of whoever caused it asks, and told on the supervisor's own stderr at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_MOST_TEXTS = 1000


class Messages:
    """What a person must be told: at once on the supervisor's stderr, and again by the kernel at the end of the cell."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._texts: deque[str] = deque(maxlen=_MOST_TEXTS)

    def tell(self, text: str) -> None:
        """Tell one thing. Called from any thread."""
        self._texts.append(text)
        self._tell(text)

    def take(self) -> tuple[str, ...]:
        """What was told since this was asked last."""
        taken = []
        while self._texts:
            taken.append(self._texts.popleft())
        return tuple(taken)
