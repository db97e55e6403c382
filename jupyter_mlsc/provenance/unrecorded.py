"""The claim files' statements that stand in no ledger here, found without reading what was found to be in it before.

Rules kept: a line is known to be in the ledger by its own SHA-256, so that one that was changed is read; a file is skipped while its size and its time are
those with which all its lines were in the ledger. It serves what is shown: verdicts read every claim file themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.attestation import Envelope, read_unverified
from jupyter_mlsc.claim_files import FoundEnvelope, contents
from jupyter_mlsc.errors import ArtifactError, AttestationError

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Ledger
    from jupyter_mlsc.ledger.graph_index import GraphIndex

Stamp = tuple[int, int]
"""Time of the last change (ns) and size (bytes) of a file."""


@dataclass
class UnrecordedClaims:
    """The folder of claims of one project."""

    folder: Path
    _read: dict[str, tuple[Stamp, tuple[FoundEnvelope, ...]]] = field(default_factory=dict)
    _ledger_size: int = -1

    def look(self, ledger: Ledger | None, index: GraphIndex | None) -> None:
        """Read the files that are new or changed; those of which nothing is left to say are remembered. Raises ArtifactError, LedgerError."""
        size = -1 if ledger is None else ledger.size
        present = self._present()
        if size != self._ledger_size:
            # What was in no ledger may be now.
            self._read = {name: known for name, known in self._read.items() if not known[1]}
            self._ledger_size = size
        self._read = {name: known for name, known in self._read.items() if present.get(name) == known[0]}
        missing = {name: stamp for name, stamp in present.items() if name not in self._read}
        if not missing:
            return
        settled = {} if index is None else index.settled()
        self._read |= {name: (stamp, ()) for name, stamp in missing.items() if settled.get(name) == stamp}
        lines = {name: self._lines(name) for name in missing if name not in self._read}
        recorded = frozenset() if ledger is None else ledger.known_envelopes(digest for each in lines.values() for digest in each)
        for name, each in lines.items():
            left = (self._parsed(name, line) for digest, line in each.items() if digest not in recorded)
            self._read[name] = (missing[name], tuple(found for found in left if found is not None))
        if index is not None:
            index.settle({name: missing[name] for name, each in lines.items() if recorded.issuperset(each)})

    def of_type(self, predicate_type: str) -> Iterator[FoundEnvelope]:
        """The statements of one predicate type, in the order of their files."""
        for name in sorted(self._read):
            yield from (found for found in self._read[name][1] if found.statement.predicate_type == predicate_type)

    def _present(self) -> dict[str, Stamp]:
        try:
            with os.scandir(self.folder) as entries:
                files = [(e.name, e.stat(follow_symlinks=False)) for e in entries if e.name.endswith(".jsonl") and e.is_file(follow_symlinks=False)]
                return {name: (status.st_mtime_ns, status.st_size) for name, status in files}
        except FileNotFoundError:
            return {}
        except OSError as err:
            raise ArtifactError(f"the claims in {self.folder} cannot be read: {err.strerror}", next_step="make .mlsc/claims readable") from err

    def _lines(self, name: str) -> dict[str, bytes]:
        """The lines of a file by their digests; none of one that is no regular file, which `verify` reports."""
        data = contents(self.folder / name)
        return {f"sha256:{sha256(line).hexdigest()}": line for line in data.split(b"\n") if line.strip()} if isinstance(data, bytes) else {}

    def _parsed(self, name: str, line: bytes) -> FoundEnvelope | None:
        try:
            envelope = Envelope.from_json(line)
            return FoundEnvelope(f".mlsc/claims/{name}", envelope, read_unverified(envelope))
        except AttestationError:
            return None  # `verify` reports it
