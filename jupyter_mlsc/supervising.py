"""The supervisor's own program: `sandbox` with the command line for those who ask inside. Started as `sandbox.boot` says, and by nobody else."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence

from jupyter_mlsc.sandbox import boot


def main() -> None:
    """Supervise what the first argument describes, and exit with its status."""
    boot.run(boot.decoded(sys.argv[1]), carry_out)


def wait() -> None:
    """Be ready, and supervise what is said over the channel that the first argument names."""
    from jupyter_mlsc.sandbox import waiting

    waiting.main(carry_out)


def carry_out(arguments: Sequence[str]) -> tuple[int, str, str]:
    """Run the command line here: its exit code, and what it printed on stdout and stderr. One at a time: the streams are the process's."""
    from jupyter_mlsc import cli

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(arguments)
    return code, out.getvalue(), err.getvalue()
