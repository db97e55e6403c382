"""What stands in the query of a request that only asks."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from jupyter_mlsc.server.shapes.base import Asked, Depth, Path, Size


class PathQuery(Asked, frozen=True):
    """A file or a folder."""

    path: Path = ""


class NotebookQuery(Asked, frozen=True):
    """A notebook; ``run`` asks for an earlier one than the last."""

    path: Path
    run: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET


class ArtifactQuery(Asked, frozen=True):
    """``path`` says which project, and, where it is a file, under which name; ``thorough`` also looks into a large file, which takes long."""

    path: Path = ""
    thorough: bool = False


class GraphQuery(Asked, frozen=True):
    """``path`` says which project."""

    path: Path = ""
    depth: Depth = 2


class CheckpointQuery(Asked, frozen=True):
    """``since`` is the size of a checkpoint that the client has seen."""

    path: Path = ""
    since: Size | UnsetType = UNSET


class VerifyQuery(Asked, frozen=True):
    """As ``VerifyRequest``."""

    path: Path
    full: bool = False


class Nothing(Asked, frozen=True):
    """No parameters."""
