"""The outside of the process that parses data sets: starts it without keys and secrets, hands it the open file, ends it when it takes too long.

Rules kept: the process is isolated (`python -I`, no environment) and confined before it sees a byte of the data; what it answers is a claim about the
descriptor that it was given; a process that ended in any way but by answering is a FormatError, never a missing answer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable

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
_LEAVE_OUT = 'look at what wrote the file; to sign it without a profile write profile = "none" in its rule'


def ask(question: Question, data: int, signed_rows: bytes | None = None, *, more: Iterable[bytes] = (), size: int | None = None) -> tuple[Answer, bytes]:
    """Have a data set looked at: the answer, and the digests of its rows. The descriptor stays the caller's. Raises FormatError, MissingLibraryError.

    ``more`` is told besides, piece by piece, for what is no one file; then ``size`` says how many bytes that is.
    """
    place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    seconds = question.limits.seconds_for(os.fstat(data).st_size if size is None else size)
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _BOOT, place, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[data],
        env={name: os.environ[name] for name in _KEPT if name in os.environ} | _ENVIRON,
        cwd=os.path.abspath(os.sep),
        start_new_session=True,
    )
    clock = threading.Timer(seconds + 10, process.kill)
    clock.daemon = True
    clock.start()
    try:
        assert process.stdin is not None  # as they were asked for
        assert process.stdout is not None
        teller = threading.Thread(target=_tell, args=(process, question, signed_rows, more), name="mlsc-tell", daemon=True)
        teller.start()
        said = process.stdout.read(LONGEST_ANSWER + 1)
        process.kill()  # it has said all that it has to say
        teller.join()
    finally:
        was_in_time = clock.is_alive()
        clock.cancel()
        process.kill()
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]  # as they were asked for
    length = int.from_bytes(said[:LENGTH], "little")
    if len(said) < LENGTH or len(said) < LENGTH + length or len(said) > LONGEST_ANSWER:
        raise FormatError(_how_it_ended(code, seconds, was_in_time=was_in_time), next_step=_LEAVE_OUT)
    try:
        answer = msgspec.json.decode(said[LENGTH : LENGTH + length], type=Answer)
    except msgspec.DecodeError as err:
        raise FormatError("the process that parsed it gave no answer that can be read", next_step=_LEAVE_OUT) from err
    if answer.problem:
        kind, _, why = answer.problem.partition(": ")
        raise (MissingLibraryError if kind == "library" else FormatError)(why, next_step=answer.next or None)
    return answer, said[LENGTH + length :]


def _tell(process: subprocess.Popen[bytes], question: Question, signed_rows: bytes | None, more: Iterable[bytes]) -> None:
    """Write what the process is to know; it may be gone before it has read all of it."""
    encoded = msgspec.json.encode(question)
    parts = [len(encoded).to_bytes(LENGTH, "little"), encoded]
    if signed_rows is not None:
        parts += [len(signed_rows).to_bytes(LENGTH, "little"), signed_rows]
    assert process.stdin is not None  # as it was asked for
    with contextlib.suppress(OSError):
        for part in parts:
            process.stdin.write(part)
        for part in more:
            process.stdin.write(part)
    with contextlib.suppress(OSError):
        process.stdin.close()


def _how_it_ended(code: int, seconds: float, *, was_in_time: bool) -> str:
    if not was_in_time or code == -signal.SIGXCPU:
        return f"it took longer than {seconds:.0f} seconds"
    if code in (0, -signal.SIGKILL):
        return "the process that parsed it went away without an answer"
    if code < 0:
        return f"the process that parsed it was ended by {signal.Signals(-code).name}"
    return f"the process that parsed it ended with the exit code {code}"
