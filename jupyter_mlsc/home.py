"""User state: where keys, accepted policies, remembered checkpoints and the digest cache of this user live.

`MLSC_HOME` names the folder; without it, platformdirs' user data folder. It is never inside a project: an editor's `.env` file could
set the variable, so a value that points into the project is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from jupyter_mlsc.errors import UsageError

PRIVATE_FOLDER = 0o700


class Home(msgspec.Struct, frozen=True):
    """The folder of this user's state. Nothing is made before it is needed."""

    path: Path

    @classmethod
    def find(cls, environ: Mapping[str, str], *, project: Path | None = None) -> Home:
        """Locate the folder from the environment. Raises UsageError for a relative path, one inside ``project``, or none at all."""
        named = environ.get("MLSC_HOME")
        if named:
            path = Path(named)
            if not path.is_absolute():
                raise UsageError(
                    f"MLSC_HOME is not an absolute path: {named}", next_step="set it to a folder outside any project, for instance ~/.local/share/mlsc"
                )
        else:
            import platformdirs

            try:
                path = Path(platformdirs.user_data_dir("mlsc", appauthor=False))
            except RuntimeError as err:  # an account that has none, as a container's `--user 4711` or systemd's DynamicUser=
                raise UsageError(
                    "this account has no home folder, so there is no place for keys and what was accepted",
                    next_step="set MLSC_HOME, or HOME, to a folder of its own",
                ) from err
        refuse_inside("MLSC_HOME", path, project)
        return cls(path)

    @property
    def keys(self) -> Path:
        """Folder of key files."""
        return self.path / "keys"

    @property
    def accepted(self) -> Path:
        """Folder of accepted policies, one pair of files for each project id."""
        return self.path / "accepted"

    @property
    def checkpoints(self) -> Path:
        """Database of the last checkpoint seen of each ledger."""
        return self.path / "checkpoints.db"

    @property
    def digest_cache(self) -> Path:
        """Database of file digests by device, inode, size and times; may be dropped at any time."""
        return self.path / "digests.db"

    def make(self) -> Home:
        """Create the folder, readable by this user only. Raises UsageError when that is impossible."""
        try:
            self.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as err:
            raise UsageError(
                f"cannot make the folder for user state, {self.path}: {err.strerror}", next_step="set MLSC_HOME to a folder that you can write to"
            ) from err
        return self


def refuse_inside(variable: str, path: Path, project: Path | None) -> None:
    """Raise UsageError when an environment variable's path lies inside the project."""
    if project is None:
        return
    real, root = os.path.realpath(path), os.path.realpath(project)
    if real == root or real.startswith(root + os.sep):
        raise UsageError(
            f"{variable} points into the project ({path}), where anybody's clone could set it", next_step=f"unset {variable}, or point it outside {project}"
        )
