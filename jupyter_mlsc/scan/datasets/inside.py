"""The inside of the process that parses data sets: one question on stdin, one answer on stdout, the data as an open descriptor. It holds no key.

What comes in: the question's length, the question, the digests of rows to compare with; then, of a folder of images, its files one after the other.
What goes out: the answer's length, the answer, the digests of the rows.
"""

from __future__ import annotations

import sys

import msgspec

from jupyter_mlsc.errors import FormatError, MissingLibraryError, MlscError
from jupyter_mlsc.scan.datasets.questions import Answer, Limits, Question

LENGTH = 8
"""Bytes that tell a length, the smallest first."""


def limit_time(limits: Limits, size: int) -> None:
    """Let the kernel end this process where it takes too long. On systems without limits the parent's clock is the limit."""
    try:
        import resource
    except ImportError:
        return
    seconds = int(limits.seconds_for(size)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))


def prepared() -> Question:
    """Read the question, and import what an answer needs while it can be. Exits where a library is not there."""
    question = msgspec.json.decode(told(), type=Question)
    try:
        if question.family == "images":
            from jupyter_mlsc.scan.datasets import images  # noqa: F401
        else:
            from jupyter_mlsc.scan.datasets import profiling  # noqa: F401
    except ModuleNotFoundError as err:
        from jupyter_mlsc.formats.libraries import missing

        answer(failed(missing(err.name or "a library", "a profile of this data set")))
        sys.exit(0)
    return question


def serve(question: Question, data: int) -> None:
    """Answer the question about the data set that a descriptor holds."""
    try:
        if question.family == "images":
            from jupyter_mlsc.scan.datasets.images import look
        else:
            from jupyter_mlsc.scan.datasets.profiling import look
        found, rows = look(question, data, told() if question.against is not None and question.against.has_rows else None)
    except MlscError as err:
        found, rows = failed(err), b""
    except MemoryError:
        found, rows = failed(FormatError("it needs more memory than a profile may take", next_step='write profile = "none" in its rule')), b""
    answer(found, rows)


def failed(err: MlscError) -> Answer:
    """An answer that says why there is nothing."""
    kind = "library" if isinstance(err, MissingLibraryError) else "format"
    return Answer(problem=f"{kind}: {err.message}", next=err.next_step or "")


def answer(found: Answer, rows: bytes = b"") -> None:
    """Say it."""
    encoded = msgspec.json.encode(found)
    for part in (len(encoded).to_bytes(LENGTH, "little"), encoded, rows):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def told() -> bytes:
    """The next thing that is said; nothing at the end."""
    length = int.from_bytes(sys.stdin.buffer.read(LENGTH), "little")
    return sys.stdin.buffer.read(length)
