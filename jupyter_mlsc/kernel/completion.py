"""Tab completion of paths after the magics that take one."""

from __future__ import annotations

import glob
import os
from typing import Any

COMPLETED = tuple(f"%mlsc_{verb}" for verb in ("load", "save", "sign", "verify", "lineage"))


def complete_paths(shell: Any, event: Any) -> list[str]:
    """Paths that begin with the symbol under the cursor; folders end in a slash. IPython's custom completer protocol."""
    del shell
    symbol = event.symbol
    if symbol.startswith("%"):
        return []
    found = sorted(glob.glob(glob.escape(symbol) + "*"))
    return [path + "/" if os.path.isdir(path) else path for path in found]
