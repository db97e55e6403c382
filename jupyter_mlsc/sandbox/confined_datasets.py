"""The process in which data sets are parsed: its libraries are imported, then it gives up everything else (`confined`), then it answers."""

from __future__ import annotations

import os
import sys

from jupyter_mlsc.sandbox.confined import confine
from jupyter_mlsc.scan.datasets.inside import limit_time, prepared, serve


def main() -> None:
    """Confine this process and answer one question. The argument is the descriptor of the data set."""
    data = int(sys.argv[1])
    question = prepared()
    size = os.fstat(data).st_size
    limit_time(question.limits, size)
    # The file is mapped, which takes addresses and no memory.
    confine(question.limits.memory + size)
    serve(question, data)
