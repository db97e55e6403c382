"""The outside of the process that parses data sets: starts it without keys and secrets, hands it the open file, ends it when it takes too long.

Rules kept: the process is isolated (`python -I`, no environment) and confined before it sees a byte of the data; what it answers is a claim about the
descriptor that it was given; a process that ended in any way but by answering is a FormatError, never a missing answer.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from io import FileIO

import msgspec

from jupyter_mlsc.errors import FormatError, MissingLibraryError
from jupyter_mlsc.scan.datasets.inside import LENGTH
from jupyter_mlsc.scan.datasets.questions import Answer, Question

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); import jupyter_mlsc; del sys.path[0]; from jupyter_mlsc.sandbox.confined_datasets import main; main()"
"""The folder is on the path for one import: nothing else of it is to be imported."""
_KEPT = ("LANG", "LC_ALL", "SYSTEMROOT")
_ENVIRON = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
"""No threads that were started before the process was confined, and no memory that is kept for later."""
LONGEST_ANSWER = 256 << 20
IDLE_SECONDS = 30.0
"""After so long without a question the process that waits for one is ended."""
_LEAVE_OUT = 'look at what wrote the file; to sign it without a profile write profile = "none" in its rule'


class _Nursery:
    """A process that has imported what profiles need, and forks one process for each data set: imports are what takes long for small ones.

    It sees no byte of the data: it hands descriptors on. Where one of its children takes too long it ends with it.
    """

    def __init__(self, niceness: int) -> None:
        place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, place, str(theirs.fileno()), str(niceness)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={name: os.environ[name] for name in _KEPT if name in os.environ} | _ENVIRON,
                cwd=os.path.abspath(os.sep),
                start_new_session=True,
            )

    def bear(self, *descriptors: int) -> None:
        """A new process with these descriptors: the data, its stdin, its stdout. Raises OSError where the nursery is gone."""
        socket.send_fds(self._channel, [b"?"], list(descriptors))

    def status(self) -> int:
        """How the last process ended (negative: by which signal), once it has."""
        with contextlib.suppress(OSError):
            told = self._channel.recv(LENGTH)
            if len(told) == LENGTH:
                return int.from_bytes(told, "little", signed=True)
        return -signal.SIGKILL

    def end(self) -> None:
        """End it, with whatever it has borne."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()


class _Kept:
    """This process's nursery, kept while it is asked again and again."""

    def __init__(self, niceness: int) -> None:
        self.lock = threading.Lock()
        self._niceness = niceness
        self._nursery: _Nursery | None = None
        self._owner = 0
        self._idle: threading.Timer | None = None
        atexit.register(self.end)

    def forget(self) -> None:
        """Begin anew, in a fork."""
        self.lock, self._nursery, self._owner, self._idle = threading.Lock(), None, 0, None

    def get(self) -> _Nursery:
        """The nursery, started where there is none. The lock is held."""
        if self._idle is not None:
            self._idle.cancel()
        if self._owner != os.getpid():
            self._nursery, self._owner = None, os.getpid()  # after a fork it is the parent's
        if self._nursery is None:
            self._nursery = _Nursery(self._niceness)
        return self._nursery

    def rest(self) -> None:
        """Nobody asks for now. The lock is held."""
        self._idle = threading.Timer(IDLE_SECONDS, self._end_idle)
        self._idle.daemon = True
        self._idle.start()

    def end(self) -> None:
        """End it, where it is this process's own."""
        if self._nursery is not None and self._owner == os.getpid():
            self._nursery.end()
        self._nursery = None

    def _end_idle(self) -> None:
        if self.lock.acquire(blocking=False):
            try:
                self.end()
            finally:
                self.lock.release()


_kept, _kept_behind = _Kept(0), _Kept(5)


def _forget() -> None:
    """In a fork: the locks may be held by threads that are not here, and the processes are the parent's."""
    for each in (_kept, _kept_behind):
        each.forget()


os.register_at_fork(after_in_child=_forget)


def prepare() -> None:
    """Start the process that gives way to others, where there is none, in this thread. Raises OSError."""
    if _kept_behind.lock.acquire(blocking=False):  # else it is at work
        try:
            _kept_behind.get()
            _kept_behind.rest()
        finally:
            _kept_behind.lock.release()


def ask(
    question: Question, data: int, signed_rows: bytes | None = None, *, more: Iterable[bytes] = (), size: int | None = None, behind: bool = False
) -> tuple[Answer, bytes]:
    """Have a data set looked at: the answer, and the digests of its rows. The descriptor stays the caller's. Raises FormatError, MissingLibraryError.

    ``more`` is told besides, piece by piece, for what is no one file; then ``size`` says how many bytes that is. ``behind`` asks the process that
    gives way to others.
    """
    kept = _kept_behind if behind else _kept
    with kept.lock:
        said, code, seconds, was_in_time = _answered(kept, question, data, signed_rows, more, size)
        kept.rest()
    length = int.from_bytes(said[:LENGTH], "little")
    if code != 0 or len(said) < LENGTH + length or len(said) > LONGEST_ANSWER:
        raise FormatError(_how_it_ended(code, seconds, was_in_time=was_in_time), next_step=_LEAVE_OUT)
    try:
        answer = msgspec.json.decode(said[LENGTH : LENGTH + length], type=Answer)
    except msgspec.DecodeError as err:
        raise FormatError("the process that parsed it gave no answer that can be read", next_step=_LEAVE_OUT) from err
    if answer.problem:
        kind, _, why = answer.problem.partition(": ")
        raise (MissingLibraryError if kind == "library" else FormatError)(why, next_step=answer.next or None)
    return answer, said[LENGTH + length :]


def _answered(kept: _Kept, question: Question, data: int, signed_rows: bytes | None, more: Iterable[bytes], size: int | None) -> tuple[bytes, int, float, bool]:
    """What a process says, how it ended, the seconds that it had, and whether it kept to them."""
    nursery = kept.get()
    seconds = question.limits.seconds_for(os.fstat(data).st_size if size is None else size)
    clock = threading.Timer(seconds + 10, nursery.end)
    clock.daemon = True
    their_in, our_out = os.pipe()
    our_in, their_out = os.pipe()
    with open(our_in, "rb", buffering=0) as hearing, open(our_out, "wb", buffering=0) as telling:
        try:
            nursery.bear(data, their_in, their_out)
        except OSError as err:
            kept.end()
            raise FormatError("the process that parses data sets went away", next_step=_LEAVE_OUT) from err
        finally:
            os.close(their_in)
            os.close(their_out)
        clock.start()
        # What is told may be read from files at that moment: that is for the thread which was asked, since a guard watches by thread.
        parts: list[bytes] = []
        hearer = threading.Thread(target=_hear, args=(hearing, parts), name="mlsc-hear", daemon=True)
        hearer.start()
        _tell(telling, question, signed_rows, more)
        hearer.join()
        said = b"".join(parts)
        code = nursery.status() if len(said) <= LONGEST_ANSWER else -signal.SIGKILL
        was_in_time = clock.is_alive()
        clock.cancel()
        if code != 0:
            kept.end()
    return said, code, seconds, was_in_time


def _hear(hearing: FileIO, parts: list[bytes]) -> None:
    """Take in all that is said, or more than may be."""
    length = 0
    while length <= LONGEST_ANSWER and (part := hearing.read(1 << 20)):
        parts.append(part)
        length += len(part)


def _tell(telling: FileIO, question: Question, signed_rows: bytes | None, more: Iterable[bytes]) -> None:
    """Write what the process is to know; it may be gone before it has read all of it."""
    encoded = msgspec.json.encode(question)
    parts = [len(encoded).to_bytes(LENGTH, "little"), encoded]
    if signed_rows is not None:
        parts += [len(signed_rows).to_bytes(LENGTH, "little"), signed_rows]
    with contextlib.suppress(OSError):
        for part in parts:
            _write(telling, part)
        for part in more:
            _write(telling, part)
    with contextlib.suppress(OSError):
        telling.close()


def _write(telling: FileIO, part: bytes) -> None:
    view = memoryview(part)
    while view:
        view = view[telling.write(view) or 0 :]


def _how_it_ended(code: int, seconds: float, *, was_in_time: bool) -> str:
    if not was_in_time or code == -signal.SIGXCPU:
        return f"it took longer than {seconds:.0f} seconds"
    if code in (0, -signal.SIGKILL):
        return "the process that parsed it went away without an answer"
    if code < 0:
        return f"the process that parsed it was ended by {signal.Signals(-code).name}"
    return f"the process that parsed it ended with the exit code {code}"
