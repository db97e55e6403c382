"""The process that forks one process for each file that a library is to parse: it has imported what takes long, and each fork is confined and answers.

Rules kept: the one that forks never sees a byte of a file, nor its descriptor; one fork is there at a time, and is ended when another one is asked for.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import os
import signal
import sys
import time
from _socket import CMSG_LEN, SCM_RIGHTS, SOL_SOCKET, socket

from jupyter_mlsc.sandbox.confined import COLLECTED_FROM, confine, let_go
from jupyter_mlsc.scan.forks import BEAR, KILL, LIBRARIES, WAIT, status_message

_GRACE = 0.2
"""Seconds in which a fork that has closed its channel comes to its end."""
_IDLE = 30.0
"""Seconds after which this one ends, if nobody asks for a fork and none is there."""


def main() -> None:
    """Fork when it is asked for. The arguments are the channel's descriptor, the memory of a fork in bytes, a library, and where libraries are installed."""
    gc.set_threshold(COLLECTED_FROM)
    held, memory, library = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    sys.path += sys.argv[4:]
    let_go(held)
    # What forks need, whichever files they get.
    from jupyter_mlsc.formats import registry  # noqa: F401
    from jupyter_mlsc.sandbox import landlock, linux  # noqa: F401
    from jupyter_mlsc.scan import engine, pickles, worker  # noqa: F401

    importlib.import_module(f"jupyter_mlsc.scan.{LIBRARIES[library]}")
    with contextlib.suppress(ImportError):  # a fork that needs it says so
        importlib.import_module(library)
    with contextlib.suppress(OSError):
        _serve(socket(fileno=held), memory)
    os._exit(0)


def _serve(control: socket, memory: int) -> None:
    fork, status = 0, 0
    control.settimeout(_IDLE)
    while True:
        try:
            asked, beside, _, _ = control.recvmsg(1, CMSG_LEN(array.array("i").itemsize))
        except TimeoutError:
            if fork:
                continue
            return
        handed = array.array("i")
        for level, kind, data in beside:
            if level == SOL_SOCKET and kind == SCM_RIGHTS:
                handed.frombytes(data)
        if fork:
            status, ended = _status(fork, asked)
            fork = 0 if ended else fork
        if not asked:
            return
        if asked == BEAR:
            fork = os.fork()
            if not fork:
                control.close()
                _answer(handed[0], memory)
        else:
            control.sendall(status_message(None if fork else status))
        for each in handed:
            os.close(each)


def _status(fork: int, asked: bytes) -> tuple[int, bool]:
    """How a fork has ended (negative: by which signal), and whether it has: it is ended where that was asked for, or another is, or nobody asks any more."""
    until = time.monotonic() + (_GRACE if asked == WAIT else 0)
    while True:
        pid, status = os.waitpid(fork, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status), True
        if time.monotonic() >= until:
            break
        time.sleep(0.002)
    if asked in (KILL, BEAR, b""):
        os.kill(fork, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]), True
    return 0, False


def _answer(channel: int, memory: int) -> None:
    """Confine this process and answer on its channel; it ends here."""
    code = 1
    try:
        confine(memory)
        from jupyter_mlsc.scan.worker import serve

        serve(socket(fileno=channel))
        code = 0
    finally:
        os._exit(code)
