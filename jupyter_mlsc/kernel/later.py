"""The extension in a supervised kernel that is starting: loaded while the front end pauses after the kernel's first answer, and before any code all the same.

Rules kept: whatever runs code through the shell (cells, start-up files and lines) finds the extension loaded; it is loaded once; a load that fails is told
where the extension manager would have told it, or in the cell that waited for it. Nothing is imported here that a kernel has not imported anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

SECONDS = 0.1
"""From the start of the kernel's loop. Clients that wait for a kernel are silent for 0.2 s after its first answer (jupyter_client's `wait_for_ready`)."""
_RUN_FILES = ("safe_execfile", "safe_run_module")
"""What start-up files are run with; everything else that runs code tells of it by ``pre_execute``."""


def is_starting(shell: InteractiveShell) -> bool:
    """Whether this is a kernel's shell that has run nothing yet, in the thread whose loop is to start."""
    import asyncio  # every kernel has

    kernel = getattr(shell, "kernel", None)
    if kernel is None or threading.current_thread() is not threading.main_thread():
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return bool(shell.execution_count == 1)
    return False


class Later:
    """A load that is to come. Safe to use from any thread."""

    def __init__(self, shell: InteractiveShell, load: Callable[[InteractiveShell], None]) -> None:
        self._shell, self._load = shell, load
        self._lock = threading.RLock()
        self._is_due = True
        self._kept: dict[str, Any] = {name: getattr(shell, name) for name in _RUN_FILES}

    def begin(self) -> None:
        """Have it come."""
        from tornado.ioloop import IOLoop  # a kernel's own

        self._shell.events.register("pre_execute", self.now)
        for name, run in self._kept.items():
            setattr(self._shell, name, self._first(run))
        loop = IOLoop.current()
        loop.add_callback(loop.call_later, SECONDS, self.now)

    def now(self) -> None:
        """Load, if that has not happened yet. Raises what the load raises, the first time."""
        with self._lock:
            if not self._is_due:
                return
            self._is_due = False
            self._shell.events.unregister("pre_execute", self.now)
            for name in self._kept:
                delattr(self._shell, name)
            self._load(self._shell)

    def _first(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def loaded_first(*arguments: Any, **named: Any) -> Any:
            self.now()
            return run(*arguments, **named)

        return loaded_first
