"""An attacker who has another folder stand in for one, for as long as a file of it is open, and puts the first back."""

from __future__ import annotations

from pathlib import Path

from jupyter_mlsc.transfer import OpenedFile


def standing_in(folder: Path, other: Path) -> type[OpenedFile]:
    """What opens files, while ``other`` stands where ``folder`` was. The folder itself is as it was at every look before and after."""
    away = folder.with_name("away")

    class Swapped(OpenedFile):
        def __init__(self, path: Path) -> None:
            folder.rename(away)
            other.rename(folder)
            super().__init__(path)

        def close(self) -> None:
            super().close()
            folder.rename(other)
            away.rename(folder)

    return Swapped
