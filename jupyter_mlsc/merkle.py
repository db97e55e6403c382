"""Merkle trees of RFC 6962 section 2.1 (RFC 9162 section 2.1): hashes, roots, proofs and what a store must keep to give them.

Rules kept here: no I/O; a leaf and a node are hashed with different prefixes, so neither can stand for the other; only *complete*
subtrees are ever named or stored, since only they never change again; a proof is first a *plan* that names the complete nodes that it
is made of, so that a store answers from O(log n) rows. Verification follows the step lists of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, TypeAlias

HASH_SIZE = 32
"""Length of every hash of the tree, in bytes."""

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree that has no leaves (RFC 6962: the hash of an empty string)."""

_LEAF = b"\x00"
_NODE = b"\x01"


class Node(NamedTuple):
    """Name of a complete subtree: it covers the leaves ``place << level`` up to, not including, ``(place + 1) << level``."""

    level: int
    place: int


ProofPlan: TypeAlias = tuple[tuple[Node, ...], ...]
"""A proof before its hashes: each item lists, from left to right, the complete nodes that are folded into one hash of the proof."""


def leaf_hash(data: bytes | bytearray | memoryview) -> bytes:
    """Hash one leaf: ``SHA-256(0x00 || data)``, 32 bytes."""
    hasher = sha256(_LEAF)
    hasher.update(data)
    return hasher.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node: ``SHA-256(0x01 || left || right)``, 32 bytes."""
    return sha256(_NODE + left + right).digest()


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Root of the tree over these leaf hashes, level by level: a last node without a partner moves up unchanged."""
    row = list(leaf_hashes)
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        alone = row[-1] if len(row) % 2 else None
        pairs = iter(row)
        row = [sha256(_NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
        if alone is not None:
            row.append(alone)
    return row[0]


def peaks(size: int) -> tuple[Node, ...]:
    """The complete subtrees, largest first, that a tree of ``size`` leaves is made of: one for each bit of ``size``."""
    return _cover(0, size)


def fold(hashes: Sequence[bytes]) -> bytes:
    """Hash of the subtree that these complete subtrees, largest first, make up; the empty root for none."""
    if not hashes:
        return EMPTY_ROOT
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


class CompactRange:
    """The growing edge of a tree: its size and the hashes of its peaks, which is all that an append needs."""

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Start from a tree of ``size`` leaves whose ``peaks(size)`` have these hashes. Raises ValueError if their number is wrong."""
        self._size = size
        self._hashes = list(hashes)
        if size < 0 or len(self._hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has not {len(self._hashes)} peaks")

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Hashes of the peaks, largest subtree first."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Add a leaf by its hash. Returns the nodes that became complete, from the leaf itself (level 0) upwards."""
        hashes, index, level, folded = self._hashes, self._size, 0, leaf
        completed = [(Node(0, index), leaf)]
        while index & 1:
            folded = sha256(_NODE + hashes.pop() + folded).digest()
            level += 1
            index >>= 1
            completed.append((Node(level, index), folded))
        hashes.append(folded)
        self._size += 1
        return completed

    def root(self) -> bytes:
        """Root of the tree as it is now."""
        return fold(self._hashes)


def plan_inclusion(index: int, size: int) -> ProofPlan:
    """Plan the audit path of leaf ``index`` in a tree of ``size`` leaves (RFC 6962 section 2.1.1). Raises ValueError outside the tree."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    begin, end = 0, size
    downwards: list[tuple[Node, ...]] = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            downwards.append(_cover(middle, end))
            end = middle
        else:
            downwards.append(_cover(begin, middle))
            begin = middle
    return tuple(reversed(downwards))


def plan_consistency(old_size: int, new_size: int) -> ProofPlan:
    """Plan the proof that a tree of ``new_size`` leaves extends one of ``old_size`` (RFC 6962 section 2.1.2).

    Raises ValueError unless ``0 < old_size <= new_size``: every tree extends the empty one, which needs no proof.
    """
    if not 0 < old_size <= new_size:
        raise ValueError(f"no proof leads from {old_size} to {new_size} leaves")
    begin, end, known = 0, new_size, True
    downwards: list[tuple[Node, ...]] = []
    while old_size != end:
        middle = begin + _split(end - begin)
        if old_size <= middle:
            downwards.append(_cover(middle, end))
            end = middle
        else:
            downwards.append(_cover(begin, middle))
            begin, known = middle, False
    if not known:
        downwards.append(_cover(begin, end))
    return tuple(reversed(downwards))


def proof_of(plan: ProofPlan, nodes: Mapping[Node, bytes]) -> tuple[bytes, ...]:
    """Turn a plan into a proof with the hashes of the nodes that it names. Raises KeyError for one that is missing."""
    return tuple(fold([nodes[node] for node in item]) for item in plan)


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that this proof leads to from a leaf's hash, or None when its shape does not fit the place (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, *proof):
        return None
    place, last, folded = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            folded = node_hash(sibling, folded)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            folded = node_hash(folded, sibling)
        place, last = place >> 1, last >> 1
    return folded if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that the leaf with this hash stands at ``index`` in the tree of ``size`` leaves with this root."""
    return root_from_inclusion(leaf, index, size, proof) == root


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the proof shows that the new tree holds the old one's leaves unchanged as its first ones (RFC 9162 2.1.4.2).

    An ``old_size`` of 0 is never proven: the caller decides what the empty tree is worth.
    """
    if not 0 < old_size <= new_size or not _are_hashes(old_root, new_root, *proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    folded_old = folded_new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            folded_old, folded_new = node_hash(sibling, folded_old), node_hash(sibling, folded_new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            folded_new = node_hash(folded_new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and folded_old == old_root and folded_new == new_root


def _split(width: int) -> int:
    """Largest power of two below ``width``, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _cover(begin: int, end: int) -> tuple[Node, ...]:
    """The complete subtrees, largest first, over the leaves from ``begin`` to ``end``; ``begin`` is where a subtree of that width begins."""
    nodes = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        nodes.append(Node(level, begin >> level))
        begin += 1 << level
    return tuple(nodes)


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
