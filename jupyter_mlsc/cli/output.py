"""What the commands print: results on stdout, everything else on stderr.

Rules kept: a reader who goes away (``mlsc verify | head``) changes neither the work nor the exit code; output that cannot be written is
an error with a sentence and not a traceback; a character that the terminal's encoding lacks is shown as an escape.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO


def prepare() -> None:
    """Make both streams take every character. Called once, by the process's entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def result(text: str) -> None:
    """Print on stdout. Raises ArtifactError where that is impossible, for instance on a full disk."""
    try:
        _write(sys.stdout, text)
    except OSError as err:
        from jupyter_mlsc.errors import ArtifactError

        raise ArtifactError(f"the output could not be written: {err.strerror}", next_step="the command itself was carried out; see: mlsc status") from err


def document(value: Any) -> None:
    """Print a JSON document on stdout. Raises ArtifactError as `result` does."""
    import json

    result(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def message(text: str) -> None:
    """Print advice, a note or an error on stderr. Where not even that can be written there is nobody left to tell."""
    try:
        _write(sys.stderr, text + "\n")
    except OSError:
        _to_nowhere(sys.stderr)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # the shell closed it: `mlsc status >&-`
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _to_nowhere(stream)
    except OSError:
        # What is still buffered must not be tried again when the interpreter ends.
        _to_nowhere(stream)
        raise


def _to_nowhere(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
