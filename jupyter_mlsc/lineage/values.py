"""The values of the graph: artifacts, how one was made, and what else is to be said of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jupyter_mlsc.artifacts import Digest


@dataclass(frozen=True, slots=True)
class Artifact:
    """Bytes under a name; without a digest where nothing is known but the name."""

    path: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that made an artifact: ids, paths and digests only."""

    run: str
    notebook: str | None
    """The notebook's or the script's path in the project."""
    cell: str | None
    tier: str
    at: datetime
    signer: str | None
    environment: Digest | None = None
    code: str | None = None
    """``sha256:<hex>`` of the cell's source, or of the script."""
    git_commit: str | None = None
    executable: str | None = None
    """The program that wrote it, where a supervisor saw it."""
    key_revoked: bool = False
    """The key that signed this is revoked: it says nothing that counts."""
    observed: bool = True
    """False where nobody saw what wrote it."""


@dataclass(frozen=True, slots=True)
class InputEdge:
    """One input as the run recorded it: name, digest, the cell that read it, the verdict at that moment."""

    path: str
    digest: Digest
    cell: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Production:
    """How one artifact was made."""

    path: str
    digest: Digest
    origin: Origin
    inputs: tuple[InputEdge, ...]
    precise: bool
    kind: str | None = None

    @property
    def artifact(self) -> Artifact:
        """What was made."""
        return Artifact(self.path, self.digest)

    def edge_from(self, digest: Digest) -> InputEdge | None:
        """The input that has these bytes."""
        return next((edge for edge in self.inputs if edge.digest == digest), None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes went by a person's word: ``promoted`` to ``path`` from ``source``, or ``overridden`` there until a time."""

    what: Literal["promoted", "overridden"]
    path: str
    by: str | None
    at: datetime
    source: str | None = None
    stage: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What else is to be said of bytes. ``input_revoked``: they were made from what is revoked."""

    revoked: bool = False
    input_revoked: bool = False
    places: tuple[Place, ...] = ()


Omitted = Literal["repeated", "depth", "limit"]
"""Why something is not listed under an artifact: it is listed where the artifact stands first, lies deeper than was asked for, or is too much."""
