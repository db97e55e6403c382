"""File systems of their own, for tests of full and read-only disks."""

from __future__ import annotations

import subprocess
from pathlib import Path


def mount(folder: Path, options: str) -> bool:
    """Mount a file system in memory; false where this user may not."""
    folder.mkdir(exist_ok=True)
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], stderr=subprocess.DEVNULL, check=False).returncode == 0
