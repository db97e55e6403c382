"""The process in which bytecode is held against its source: it compiles the one and reads the other, and runs neither.

Rules kept: it is confined (`confined`) before it sees a byte; one question is answered by one byte. `marshal` is not made for hostile bytes (its own
documentation says so), which is why this is a process that has nothing to lose.
"""

from __future__ import annotations

import marshal
import os
import socket
import sys
import warnings
from types import CodeType

from jupyter_mlsc.sandbox.confined import confine
from jupyter_mlsc.scan.environment.bytecode import DIFFERS, SAME, UNREAD, received

_MEMORY = 2 << 30


def main() -> None:
    """Answer until the other side closes. The argument is the channel's descriptor."""
    warnings.simplefilter("ignore")
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        confine(_MEMORY)
        while (question := received(channel)) is not None:
            source, code, level = question
            channel.sendall(_compared(source, code, level))
    os._exit(0)


def _compared(source: bytes, code: bytes, level: int) -> bytes:
    try:
        made = compile(source, "source", "exec", dont_inherit=True, optimize=level)
        found = marshal.loads(code)  # noqa: S302  # this process has nothing to lose
    except (ValueError, TypeError, EOFError, SyntaxError, RecursionError, MemoryError, OverflowError):
        return UNREAD
    # Code objects are equal where names, constants, instructions and line numbers are, also of what is defined in them; the file's name does not count.
    return SAME if isinstance(found, CodeType) and found == made else DIFFERS
