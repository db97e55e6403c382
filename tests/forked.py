"""Processes of the command line that are forked from one which has imported it: each has its own environment, folder and streams, and no start to wait for.

Starting an interpreter and importing the command line was a fifth of what the tests computed. Rules kept: what an interpreter takes from the environment
when it starts (``PYTHON...``, the language, the loader) is the server's own, or else the command gets an interpreter of its own; how the command line starts
and what it imports is tested with real starts (the transcripts, `tests/e2e`, `tests/cli`'s streams).
"""

from __future__ import annotations

import atexit
import io
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "LD_")
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.forked_imports"])


def fits(environ: Mapping[str, str]) -> bool:
    """Whether an interpreter that is started in this environment would be as the server is."""
    return _interpreters(environ) == _interpreters(os.environ)


def _interpreters(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(_OF_THE_INTERPRETER)}


def run(arguments: Sequence[str], cwd: Path, environ: Mapping[str, str], stdin: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of ``python -m jupyter_mlsc.cli`` whose output is captured. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory(prefix="mlsc-forked-") as folder:
        streams = [str(Path(folder, name)) for name in ("in", "out", "err")]
        Path(streams[0]).write_text(stdin)
        mask = os.umask(0o022)
        os.umask(mask)
        process = _context.Process(target=_be, args=(list(arguments), str(cwd), dict(environ), mask, streams))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        out, err = (Path(each).read_bytes().decode().replace("\r\n", "\n") for each in streams[1:])
        return subprocess.CompletedProcess([sys.executable, "-m", "jupyter_mlsc.cli", *arguments], process.exitcode, out, err)


def _be(arguments: list[str], cwd: str, environ: dict[str, str], mask: int, streams: list[str]) -> None:
    """Be the command line, in a process that was just forked, to the end of an interpreter's life."""
    for number, (place, flags) in enumerate(zip(streams, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_TRUNC] * 2), strict=True)):
        opened = os.open(place, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout = io.TextIOWrapper(io.FileIO(0, closefd=False)), io.TextIOWrapper(io.FileIO(1, "w", closefd=False))  # type: ignore[type-var]
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), errors="backslashreplace", write_through=True)  # type: ignore[type-var]
    os.chdir(cwd)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environ)
    sys.path.insert(0, cwd)
    sys.argv = ["mlsc", *arguments]
    code: object = 0
    try:
        runpy.run_module("jupyter_mlsc.cli", run_name="__main__", alter_sys=True)
    except SystemExit as err:
        code = err.code
    except BaseException:  # noqa: BLE001  # as an interpreter does at its end
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)
