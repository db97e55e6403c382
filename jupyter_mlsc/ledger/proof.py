"""Proofs that a ledger gives, as values: whoever holds a root can check them with no ledger at hand. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mlsc import merkle
from jupyter_mlsc.ledger.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That the leaf with this hash stands at ``index`` in the tree of ``size`` leaves: audit path from the leaf upwards."""

    index: int
    size: int
    leaf_hash: bytes
    proof: tuple[bytes, ...]

    def verify(self, root: bytes) -> bool:
        """Whether the proof leads to this root."""
        return merkle.verify_inclusion(self.leaf_hash, self.index, self.size, self.proof, root)


@dataclass(frozen=True, slots=True)
class Included:
    """All that shows that a leaf (its bytes) stands in the tree that a checkpoint signs; ``file`` is the same as a tlog-proof file."""

    leaf: bytes
    inclusion: InclusionProof
    checkpoint: Checkpoint
    file: str


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the tree of ``new_size`` leaves extends the one of ``old_size``."""

    old_size: int
    new_size: int
    proof: tuple[bytes, ...]

    def verify(self, old_root: bytes, new_root: bytes) -> bool:
        """Whether the proof leads from one root to the other. Any tree extends the empty one."""
        if self.old_size == 0:
            return not self.proof and old_root == merkle.EMPTY_ROOT
        return merkle.verify_consistency(self.old_size, self.new_size, self.proof, old_root, new_root)
