"""Redacting: a copy of a notebook without its secrets, under another name. The notebook itself stays as it is.

Rules kept: nothing is overwritten; what was taken out is told by place and kind, never by value.
"""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_mlsc.errors import FormatError, UsageError
from jupyter_mlsc.transfer import OpenedFile, wrap_os_error


def redact(notebook: Path, target: Path) -> tuple[tuple[str, str], ...]:
    """Write the copy, and say what was taken out: (where, what). Raises FormatError for what is no notebook, UsageError where something lies at the target."""
    from jupyter_mlsc.scan.finding import NotUnderstoodError
    from jupyter_mlsc.scan.notebooks.redaction import redact as taken_out

    with OpenedFile(notebook) as opened:
        data = opened.private_copy().tobytes()
    try:
        clean = taken_out(data)
    except NotUnderstoodError as err:
        raise FormatError(f"{notebook} is no notebook: {err}", next_step="name a file that Jupyter wrote") from err
    try:
        number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError as err:
        raise UsageError(f"{target} is there already", next_step="name a new file for the copy") from err
    except OSError as err:
        raise wrap_os_error(err, target, "written") from err
    with os.fdopen(number, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(clean.text)
    return clean.taken
