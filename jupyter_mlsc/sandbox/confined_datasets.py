"""The processes in which data sets are parsed: one imports the libraries and forks another for each data set, which gives up everything else and answers.

Rules kept: the one that forks reads nothing of the data; the one that parses is confined (`confined`) before it reads, and ends after one answer.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys

from jupyter_mlsc.sandbox.confined import confine
from jupyter_mlsc.scan.datasets.inside import LENGTH, limit_time, prepared, serve


def main() -> None:
    """Fork a process for each data set that is handed over, one after the other. The arguments are the channel's descriptor, and how much to give way."""
    os.nice(int(sys.argv[2]))
    with contextlib.suppress(ModuleNotFoundError):  # the process that needs it says so
        from jupyter_mlsc.scan.datasets import profiling  # noqa: F401
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        while True:
            asked, descriptors, _, _ = socket.recv_fds(channel, 1, 3)
            if not asked or len(descriptors) != 3:
                return
            child = os.fork()
            if child == 0:
                channel.close()
                _parse(*descriptors)
            for each in descriptors:
                os.close(each)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            channel.sendall(status.to_bytes(LENGTH, "little", signed=True))


def _parse(data: int, question: int, answer: int) -> None:
    """Confine this process and answer one question; it ends here."""
    os.dup2(question, 0)
    os.dup2(answer, 1)
    os.close(question)
    os.close(answer)
    code = 1
    try:
        asked = prepared()
        size = os.fstat(data).st_size
        limit_time(asked.limits, size)
        # The file is mapped, which takes addresses and no memory.
        confine(asked.limits.memory + size)
        serve(asked, data)
        code = 0
    except SystemExit:
        code = 0  # a library is missing, and that was said
    finally:
        os._exit(code)
