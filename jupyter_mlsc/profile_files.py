"""The folder ``.mlsc/profiles``: digests of rows, each file named by its own SHA-256, which a signed profile names.

Rules kept: what is read is what the statement names, byte for byte, or it is refused; a file that is not there is no error, it only tells less.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from jupyter_mlsc.errors import ArtifactError
from jupyter_mlsc.profiles import RowDigests

PROFILES_FOLDER = Path(".mlsc") / "profiles"
_SUFFIX = ".rows"


class ProfileFolder:
    """The digests of rows that a project keeps."""

    def __init__(self, root: Path) -> None:
        self.folder = root / PROFILES_FOLDER

    def put(self, data: bytes, block: int) -> RowDigests:
        """Keep digests of rows; on the disk when this returns. Raises ArtifactError."""
        name = hashlib.sha256(data).hexdigest()
        target, staged = self.folder / (name + _SUFFIX), self.folder / f".{name}.{os.getpid()}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(staged, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(staged, target)
        except OSError as err:
            with contextlib.suppress(OSError):
                staged.unlink()
            step = "make .mlsc/profiles writable, or free some space"
            raise ArtifactError(f"the digests of rows could not be written to {target}: {err.strerror}", next_step=step) from err
        return RowDigests(name, len(data), block)

    def get(self, named: RowDigests) -> bytes | None:
        """The digests that a statement names; None where the file is not there. Raises ArtifactError for one that was changed."""
        path = self.folder / (named.sha256 + _SUFFIX)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as err:
            raise ArtifactError(f"the digests of rows in {path} cannot be read: {err.strerror}", next_step=f"remove {path}, or make it readable") from err
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(named.size + 1)
        if len(data) != named.size or hashlib.sha256(data).hexdigest() != named.sha256:
            raise ArtifactError(
                f"the digests of rows in {path} are not those that the signed profile names: the file was changed",
                next_step="restore it from where it came from, or remove it: what is left is the summary",
            )
        return data
