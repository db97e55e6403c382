"""The command line ``mlsc`` (also ``jupyter mlsc``). What a command will wait for is begun before the line itself is imported.

Exit codes: 0 fine; 1 a verdict is ``block`` or a check failed; 2 wrong usage or bad policy; 3 it could not be done.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""
_COLLECTED_FROM = 50_000
"""Objects made between two looks for garbage: nothing of what is imported is ever garbage."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    gc.set_threshold(_COLLECTED_FROM)
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # while it was imported: the line tells of those that come later
        sys.stderr.write("interrupted: nothing was done\n")
        code = INTERRUPTED
    gc.freeze()  # all of it goes with the process: looking through it for garbage first is a tenth of a short command's time
    sys.exit(code)


def _run(given: list[str]) -> int:
    _begin(given)
    from jupyter_mlsc.cli import line, output

    output.prepare()
    return line.run_inside(given) if "MLSC_SUPERVISED" in os.environ else line.run(given)


def run(arguments: Sequence[str]) -> int:
    """Run the command line. Returns the exit code; errors are told on stderr, and on stdout as JSON where ``--json`` asks for it."""
    from jupyter_mlsc.cli import line

    return line.run(list(arguments))


def _begin(given: list[str]) -> None:
    """Start the process that scans where files are to be scanned: it imports what it needs while this one does."""
    command = next((each for each in given if not each.startswith("-")), None)
    if command == "scan" and {"-h", "--help", "--environment"}.isdisjoint(given):
        from jupyter_mlsc.scan.starting import start_early

        start_early()
