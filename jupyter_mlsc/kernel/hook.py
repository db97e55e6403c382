"""The audit hook: hands file opens, renames and connections to the guard that is on. One hook for each process, since Python takes none back.

Rules kept: nothing is done for events that no gate asks for; the guard's own opens are not judged; the hook's state is in a closure, so that
no attribute of a module switches it off. What shares this process can still undo it: see SECURITY.md.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol


class Watcher(Protocol):
    """What the hook asks. Whatever it raises is raised by the call that opened the file."""

    def opened(self, path: object, mode: str | None, flags: int) -> None:
        """A file is about to be opened: the arguments of Python's ``open`` audit event."""

    def connected(self, database: object) -> None:
        """SQLite is about to open a database."""

    def renamed(self, source: object, target: object) -> None:
        """A file is about to get another name."""

    def linked(self) -> None:
        """A symbolic link is made."""

    def started(self, event: str, arguments: tuple[Any, ...] = ()) -> None:
        """A process or a network connection begins, with the arguments of the audit event: what it does is not seen."""


_UNSEEN = {
    # Python's pty.spawn, and pexpect, with which IPython runs "!" lines in a kernel, fork by forkpty.
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.forkpty", "socket.connect"),
    *("ctypes.dlopen", "ctypes.dlsym", "gc.get_objects", "sys.settrace", "sys.setprofile"),
}
_ASKED = frozenset({"open", "os.truncate", "os.rename", "os.symlink", "sqlite3.connect"} | _UNSEEN)


class _Thread(threading.local):
    quiet = False


class Switch:
    """Puts a watcher in charge of this process, or none; ``quiet`` exempts what the calling thread does in its block."""

    def __init__(self) -> None:
        current: list[Watcher | None] = [None]
        local = _Thread()

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in _ASKED:
                return
            watcher = current[0]
            if watcher is None or local.quiet:
                return
            if event == "open":
                watcher.opened(*arguments)
            elif event == "os.truncate":
                watcher.opened(arguments[0], "r+", 0)
            elif event == "os.rename":
                watcher.renamed(arguments[0], arguments[1])
            elif event == "sqlite3.connect":
                watcher.connected(arguments[0])
            elif event == "os.symlink":
                watcher.linked()
            else:
                watcher.started(event, arguments)

        def put(watcher: Watcher | None) -> None:
            current[0] = watcher

        @contextmanager
        def quiet() -> Iterator[None]:
            before = local.quiet
            local.quiet = True
            try:
                yield
            finally:
                local.quiet = before

        def is_quiet() -> bool:
            return local.quiet

        sys.addaudithook(hook)
        self.put: Callable[[Watcher | None], None] = put
        self.quiet = quiet
        self.is_quiet: Callable[[], bool] = is_quiet


@cache
def switch() -> Switch:
    """This process's switch; the hook is added when it is first asked for."""
    return Switch()
