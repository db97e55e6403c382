"""What an artifact is: frozen values for digests, manifests and measurements. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

Algorithm = Literal["sha256", "dirhash"]
Kind = Literal["dataset", "model", "notebook", "environment", "config"]
MOST_ARTIFACTS = 1_000
"""Artifacts that one answer about what came from what lists unless more are asked for."""
KINDS: tuple[Kind, ...] = ("dataset", "model", "notebook", "environment", "config")
MOST_ARTIFACTS = 1_000
"""Artifacts that one answer lists unless more are asked for. It stands here since every face names it, and most never walk a graph."""

_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


class Digest(msgspec.Struct, frozen=True, order=True):
    """What an artifact is: ``sha256`` over a file's bytes, or in-toto's ``dirHash`` over a tree's sorted manifest lines."""

    algorithm: Algorithm
    hex: str

    def __post_init__(self) -> None:
        if self.algorithm not in ("sha256", "dirhash") or not _HEX64.match(self.hex):
            raise ValueError(f"not a digest: {self.algorithm}:{self.hex}")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``sha256:<64 hex>`` or ``dirhash:<64 hex>``. Raises ValueError for anything else."""
        algorithm, _, value = text.partition(":")
        if algorithm not in ("sha256", "dirhash"):
            raise ValueError(f"not a digest: {text!r}")
        return cls(algorithm, value)  # type: ignore[arg-type]  # narrowed by the line above

    def in_toto(self) -> dict[str, str]:
        """The digest set of an in-toto subject: ``{"sha256": hex}`` or ``{"dirHash": hex}``."""
        return {"dirHash" if self.algorithm == "dirhash" else "sha256": self.hex}

    @classmethod
    def from_in_toto(cls, digest_set: Mapping[str, str]) -> Digest | None:
        """The digest of an in-toto subject, or None when it carries none that is accepted here (md5, sha1, git objects)."""
        for key, algorithm in (("sha256", "sha256"), ("dirHash", "dirhash")):
            value = digest_set.get(key)
            if value is not None and _HEX64.match(value):
                return cls(algorithm, value)  # type: ignore[arg-type]  # from the literal pairs above
        return None


class ManifestLine(msgspec.Struct, frozen=True, order=True):
    """One file of a tree: its name relative to the tree (posix), its SHA-256 in hex and its size in bytes."""

    name: str
    sha256: str
    size: int


class Measurement(msgspec.Struct, frozen=True):
    """What was computed from bytes. A file has ``sha256`` or ``content_root`` or both; a tree has ``dirhash`` and ``manifest``.

    ``content_root`` is the hex root of an RFC 6962 tree over the file's 1 MiB blocks; ``size`` is in bytes (of all files of a tree).
    """

    size: int
    sha256: str | None = None
    content_root: str | None = None
    dirhash: str | None = None
    manifest: tuple[ManifestLine, ...] | None = None

    @property
    def is_tree(self) -> bool:
        """True for a directory tree, false for a file."""
        return self.dirhash is not None

    @property
    def digest(self) -> Digest | None:
        """The digest that the world knows, where it was computed."""
        if self.dirhash is not None:
            return Digest("dirhash", self.dirhash)
        return Digest("sha256", self.sha256) if self.sha256 is not None else None
