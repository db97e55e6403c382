"""Starts a command behind the wall: no privileges, no descriptors but 0 to 2, Landlock, the filter, and the listener handed to its supervisor.

Rules kept: nothing of the command runs before the filter is in place; the child dies with its supervisor, and all that it started with it (`ender`); a
command that cannot be executed is told apart from one that could not be put under supervision.
"""

from __future__ import annotations

import _socket as socket  # a command waits for what `socket` adds to it
import array
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence

import msgspec

from jupyter_mlsc.errors import SupervisionError
from jupyter_mlsc.sandbox import landlock, linux
from jupyter_mlsc.sandbox.ender import Ender, stand_by
from jupyter_mlsc.sandbox.filter import Row, install

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class Launched(msgspec.Struct, frozen=True):
    """The command's process, the listener that its questions arrive at, and who ends all that it starts."""

    pid: int
    listener: int
    ender: Ender


class Launching:
    """A command's process that puts itself under supervision. There is time for something else until `launched` is asked for."""

    def __init__(self, pid: int, channel: socket.socket, to_ender: socket.socket) -> None:
        self._pid, self._channel, self._to_ender = pid, channel, to_ender

    def launched(self) -> Launched:
        """Wait until the command runs. Raises SupervisionError where the kernel refuses the wall or the filter."""
        with contextlib.closing(self._channel) as channel:
            message, ancillary, _, _ = channel.recvmsg(4096, socket.CMSG_SPACE(array.array("i", [0]).itemsize))
        listeners = array.array(
            "i", [fd for level, kind, data in ancillary if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS) for fd in _descriptors(data)]
        )
        if not listeners:
            os.waitpid(self._pid, 0)
            why = message.decode("utf-8", "replace") or "the process died"
            raise SupervisionError(f"the command could not be put under supervision: {why}", next_step="see what this machine can do: mlsc status")
        os.set_inheritable(listeners[0], False)
        number = self._to_ender.recv(32)
        if not number:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            raise SupervisionError("the command was not run: what it starts could not be ended for sure", next_step="see what this machine can do: mlsc status")
        return Launched(self._pid, listeners[0], Ender(int(number), self._to_ender))


def launch(
    argv: Sequence[str], executable: str, environ: Mapping[str, str], *, rows: list[Row], seccomp_number: int, grants: Sequence[tuple[bytes, int]]
) -> Launching:
    """Begin to start ``executable`` with ``argv`` under supervision. Call it before any thread is started."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    to_ender, of_ender = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _become(theirs, of_ender, argv, executable, environ, supervisor, rows, seccomp_number, grants)
    theirs.close()
    of_ender.close()
    return Launching(pid, ours, to_ender)


def _descriptors(data: bytes) -> array.array[int]:
    found = array.array("i")
    found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found


def _close_all_but(*kept: int) -> None:
    begin = 3
    for number in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(begin, number)
        begin = number + 1


def _become(
    channel: socket.socket,
    ender: socket.socket,
    argv: Sequence[str],
    executable: str,
    environ: Mapping[str, str],
    supervisor: int,
    rows: list[Row],
    seccomp_number: int,
    grants: Sequence[tuple[bytes, int]],
) -> None:
    """The child's side; it does not return."""
    status = _NOT_EXECUTABLE
    try:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(status)  # it died before the line above could see that
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        _close_all_but(channel.fileno(), ender.fileno())
        linux.prctl(linux.PR_SET_DUMPABLE, 1)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        linux.drop_capabilities()
        landlock.hold_signals()
        stand_by(ender, supervisor)
        ender.close()
        landlock.restrict(grants)
        listener = install(rows, seccomp_number)
        channel.sendmsg([b"+"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
        os.close(listener)
    except OSError as err:
        channel.send(str(err).encode())
        os._exit(status)
    channel.close()
    try:
        os.execve(executable, list(argv), dict(environ))  # noqa: S606  # the command that a person named
    except FileNotFoundError:
        status = _NOT_FOUND
    except OSError:
        pass  # the status says it, as a shell's does
    os.write(
        2, f"mlsc: {executable} could not be executed ({'not found' if status == _NOT_FOUND else 'no permission, or no leave to execute there'})\n".encode()
    )
    os._exit(status)
