"""How much processor time the process that scans may take: the kernel ends it (SIGXCPU), whatever it is doing.

Rules kept: only a process that is there for scanning has a limit, since its end is a finding; in any other nothing is limited here. Limits are in whole
seconds (setrlimit(2), RLIMIT_CPU), so that a part may take up to two seconds more than it is given.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

_until: float | None = None
"""Seconds of processor time that this process may have used; None where it has no limit."""


def limit(seconds: float) -> None:
    """Let this process use so many seconds more. On another system than Linux the clock of who started it is the limit."""
    global _until  # noqa: PLW0603  # of the process
    with contextlib.suppress(ImportError, ValueError, OSError):
        until = _used() + seconds
        _set(until)
        _until = until


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """For libraries in C that can be led in circles, where no exception reaches them: less than what is left, if the process has a limit."""
    before = _until
    if before is None:
        yield
        return
    _set(min(before, _used() + seconds))
    try:
        yield
    finally:
        _set(before)


def _used() -> float:
    import resource

    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def _set(until: float) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (int(until) + 2, resource.getrlimit(resource.RLIMIT_CPU)[1]))
