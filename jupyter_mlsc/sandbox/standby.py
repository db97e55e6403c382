"""A supervisor started before it is needed, for who starts kernels again and again: the outside of it. There is one at most.

Rules kept: it is used once, by the process that started it, and only where a supervisor started now would be the same: environment, account, limits,
interpreter and packages; else it is ended, and whoever asked starts one as always. Until then it is told nothing of any project. Its inside is `waiting`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import resource
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jupyter_mlsc.sandbox.boot import READY, TAKEN, Spec, package_location
from jupyter_mlsc.sandbox.early import start_waiting

_SECONDS_TO_ANSWER = 1.0
"""How long one that is taken may say nothing: it has nothing else to do."""
_HANDED_ON = ("Umask:", "SigIgn:", "Cap", "NoNewPrivs:", "Seccomp")
"""Lines of /proc/self/status (proc_pid_status(5)) about what a child gets."""
_LIMITS = tuple(getattr(resource, name) for name in sorted(dir(resource)) if name.startswith("RLIMIT_"))


class Conditions(NamedTuple):
    """What makes two supervisors the same before they are told what to do."""

    environ: dict[str, str]
    inherited: tuple[object, ...]
    installed: tuple[object, ...]


class _Ready(NamedTuple):
    process: subprocess.Popen[bytes]
    channel: socket.socket
    conditions: Conditions
    owner: int


class Standby:
    """The one that waits in this process. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: _Ready | None = None
        self._timer: threading.Timer | None = None
        self._ends_at_exit = False

    @property
    def pid(self) -> int | None:
        """The process that waits, if there is one."""
        ready = self._ready
        return None if ready is None else ready.process.pid

    def prepare(self, environ: Mapping[str, str], after: float = 0.0) -> None:
        """Have one started, ``after`` so many seconds in which nobody else asks for that, which who was just started has for itself.

        ``environ`` is without secrets, as a supervisor's is.
        """
        timer = threading.Timer(after, self._start, [dict(environ)])
        timer.daemon = True
        with self._lock:
            before, self._timer = self._timer, timer
            if not self._ends_at_exit:
                self._ends_at_exit = True
                atexit.register(self.end)
        if before is not None:
            before.cancel()
        timer.start()

    def take(self, spec: Spec, environ: Mapping[str, str], streams: Sequence[int]) -> subprocess.Popen[bytes] | None:
        """The process that now supervises what ``spec`` says, with these descriptors as its 0 to 2; None where none waits that is as one started now."""
        with self._lock:
            ready, self._ready = self._ready, None
            if ready is None or ready.owner != os.getpid():  # a fork has its parent's
                return None
            if ready.process.poll() is None and not _is_ready(ready.channel):
                self._ready = ready  # it still imports: for the next one
                return None
        if _is_as_now(ready, environ) and _hand_over(ready.channel, spec, streams):
            ready.channel.close()
            return ready.process
        _end(ready)
        return None

    def end(self) -> None:
        """End what waits, and start none."""
        with self._lock:
            ready, self._ready = self._ready, None
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if ready is not None and ready.owner == os.getpid():
            _end(ready)

    def _start(self, environ: dict[str, str]) -> None:
        with self._lock:
            if self._ready is None:
                with contextlib.suppress(OSError):  # whoever needs one starts it as always, and says what is wrong
                    self._ready = _start(environ)


def conditions(environ: Mapping[str, str]) -> Conditions:
    """What a supervisor would be that was started now with this environment."""
    with open("/proc/self/status", encoding="utf-8", errors="surrogateescape") as file:
        status = tuple(line for line in file if line.startswith(_HANDED_ON))
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        group = file.read()
    account = (os.getresuid(), os.getresgid(), tuple(os.getgroups()), status, group)
    limits = (*(resource.getrlimit(each) for each in _LIMITS), os.getpriority(os.PRIO_PROCESS, 0), frozenset(os.sched_getaffinity(0)))
    return Conditions(dict(environ), (*account, *limits), tuple(_installed()))


def _installed() -> list[object]:
    """The interpreter, this package's files, and the folders that distributions are installed into, which change when one is."""
    package = os.path.join(package_location(), "jupyter_mlsc")
    code = [os.path.join(folder, name) for folder, _, names in os.walk(package) for name in sorted(names) if name.endswith((".py", ".so"))]
    places = sorted({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    return [sys.executable, *(_version(path) for path in (sys.executable, os.path.join(sys.prefix, "pyvenv.cfg"), *places, *code))]


def _version(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError:
        return path, None
    return path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _start(environ: dict[str, str]) -> _Ready:
    """Raises OSError."""
    now = conditions(environ)  # before it reads a file: what changes later is seen
    process, ours = start_waiting(environ, early=False)
    return _Ready(process, ours, now, os.getpid())


def _is_as_now(ready: _Ready, environ: Mapping[str, str]) -> bool:
    try:
        return ready.conditions == conditions(environ)
    except OSError:
        return False


def _is_ready(channel: socket.socket) -> bool:
    channel.setblocking(False)
    try:
        return channel.recv(1, socket.MSG_PEEK) == READY
    except OSError:
        return False


def _hand_over(channel: socket.socket, spec: Spec, streams: Sequence[int]) -> bool:
    channel.settimeout(_SECONDS_TO_ANSWER)
    try:
        if channel.recv(1) != READY:
            return False
        socket.send_fds(channel, [spec.encoded().encode()], list(streams))
        return channel.recv(1) == TAKEN
    except OSError:
        return False


def _end(ready: _Ready) -> None:
    """Nothing of it is left that could begin later."""
    ready.channel.close()
    ready.process.kill()
    ready.process.wait()


STANDBY = Standby()
"""Of this process."""
