"""Merkle trees against published vectors, against RFC 6962's own recursion, and against every mutation of a proof."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlsc import merkle
from jupyter_mlsc.merkle import CompactRange, Node, leaf_hash, plan_consistency, plan_inclusion, proof_of, root_of

VECTORS = Path(__file__).parent / "vectors" / "merkle"
REFERENCE = json.loads((VECTORS / "reference_tree.json").read_text())
LEAVES = [bytes.fromhex(leaf) for leaf in REFERENCE["leaves"]]


def vectors(name: str) -> list[object]:
    cases = [json.loads(line) for line in (VECTORS / f"{name}.jsonl").read_text().splitlines()]
    return [pytest.param(case, id=case["case"]) for case in cases]


def unpacked(case: dict, *names: str) -> list[bytes]:
    return [base64.b64decode(case[name] or "") for name in names]


def tree_head(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it: the definition, not the way that we compute it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_head(leaves[:split]) + tree_head(leaves[split:])).digest()


def grown(leaves: list[bytes]) -> tuple[CompactRange, dict[Node, bytes]]:
    edge, nodes = CompactRange(), {}
    for leaf in leaves:
        nodes.update(edge.append(leaf_hash(leaf)))
    return edge, nodes


@pytest.mark.parametrize("size", range(9))
def test_the_reference_tree_has_the_published_roots(size: int) -> None:
    expected = REFERENCE["roots"][size]
    assert root_of(map(leaf_hash, LEAVES[:size])).hex() == expected
    assert grown(LEAVES[:size])[0].root().hex() == expected


@pytest.mark.parametrize("case", vectors("inclusion"))
def test_published_inclusion_proofs_are_judged_as_published(case: dict) -> None:
    leaf, root = unpacked(case, "leafHash", "root")
    proof = [base64.b64decode(item) for item in case["proof"] or ()]
    assert merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root) is not case["wantErr"]


@pytest.mark.parametrize("case", vectors("consistency"))
def test_published_consistency_proofs_are_judged_as_published(case: dict) -> None:
    old_root, new_root = unpacked(case, "root1", "root2")
    if len(old_root) != merkle.HASH_SIZE and not case["wantErr"]:
        # Two equal sizes with a 'root' that is no hash: accepted there, never a tree here.
        assert not merkle.verify_consistency(case["size1"], case["size2"], [], old_root, new_root)
        return
    proof = [base64.b64decode(item) for item in case["proof"] or ()]
    assert merkle.verify_consistency(case["size1"], case["size2"], proof, old_root, new_root) is not case["wantErr"]


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_both_ways_to_a_root_are_the_rfcs_definition(leaves: list[bytes]) -> None:
    assert root_of(map(leaf_hash, leaves)) == grown(leaves)[0].root() == tree_head(leaves)


@given(st.integers(1, 300), st.data())
def test_every_inclusion_proof_holds_and_needs_few_nodes(size: int, data: st.DataObject) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size)]
    edge, nodes = grown(leaves)
    index = data.draw(st.integers(0, size - 1))
    plan = plan_inclusion(index, size)
    assert sum(map(len, plan)) <= 2 * size.bit_length()
    assert merkle.verify_inclusion(leaf_hash(leaves[index]), index, size, proof_of(plan, nodes), edge.root())


@given(st.integers(1, 300), st.data())
def test_every_consistency_proof_holds_and_needs_few_nodes(size: int, data: st.DataObject) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size)]
    edge, nodes = grown(leaves)
    old = data.draw(st.integers(1, size))
    plan = plan_consistency(old, size)
    assert sum(map(len, plan)) <= 2 * size.bit_length()
    assert merkle.verify_consistency(old, size, proof_of(plan, nodes), root_of(map(leaf_hash, leaves[:old])), edge.root())


@given(st.integers(2, 130), st.data())
def test_a_mutated_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size)]
    edge, nodes = grown(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = proof_of(plan_inclusion(index, size), nodes)
    mutated = data.draw(mutations(proof))
    assert not merkle.verify_inclusion(leaf_hash(leaves[index]), index, size, mutated, edge.root())
    other = data.draw(st.integers(-1, size).filter(lambda number: number != index))
    assert not merkle.verify_inclusion(leaf_hash(leaves[index]), other, size, proof, edge.root())
    assert not merkle.verify_inclusion(leaf_hash(b"another"), index, size, proof, edge.root())


@given(st.integers(2, 130), st.data())
def test_a_mutated_consistency_proof_is_refused(size: int, data: st.DataObject) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size)]
    edge, nodes = grown(leaves)
    old = data.draw(st.integers(1, size - 1))
    proof, old_root = proof_of(plan_consistency(old, size), nodes), root_of(map(leaf_hash, leaves[:old]))
    mutated = data.draw(mutations(proof))
    assert not merkle.verify_consistency(old, size, mutated, old_root, edge.root())
    assert not merkle.verify_consistency(old, size, proof, edge.root(), old_root)
    forked = root_of(map(leaf_hash, [*leaves[: old - 1], b"forged"]))
    assert not merkle.verify_consistency(old, size, proof, forked, edge.root())


@st.composite
def mutations(draw: st.DrawFn, proof: tuple[bytes, ...]) -> list[bytes]:
    """A proof that is not this one: a bit flipped, a hash lost, doubled, cut or added, two exchanged."""
    kind = draw(st.sampled_from(["flip", "lose", "double", "cut", "before", "after"]))
    mutated, place = list(proof), draw(st.integers(0, len(proof) - 1))
    if kind == "flip":
        bit = draw(st.integers(0, 255))
        mutated[place] = (int.from_bytes(mutated[place], "big") ^ (1 << bit)).to_bytes(32, "big")
    elif kind == "lose":
        del mutated[place]
    elif kind == "double":
        mutated.insert(place, mutated[place])
    elif kind == "cut":
        mutated[place] = mutated[place][:-1]
    else:
        mutated.insert(0 if kind == "before" else len(mutated), draw(st.binary(min_size=32, max_size=32)))
    return mutated


def test_a_leaf_cannot_stand_for_a_node() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    assert leaf_hash(left + right) != merkle.node_hash(left, right)


@given(st.integers(0, 200), st.integers(0, 60))
def test_a_tree_grows_on_from_its_peaks_alone(size: int, more: int) -> None:
    leaves = [number.to_bytes(2, "big") for number in range(size + more)]
    edge, nodes = grown(leaves[:size])
    again = CompactRange(size, [nodes[peak] for peak in merkle.peaks(size)])
    assert again.hashes == edge.hashes
    for leaf in leaves[size:]:
        again.append(leaf_hash(leaf))
    assert again.root() == root_of(map(leaf_hash, leaves))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_no_consistency_proof_is_planned_or_accepted_for_sizes_that_have_none(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof leads"):
        plan_consistency(old, new)
    assert not merkle.verify_consistency(old, new, [], merkle.EMPTY_ROOT, merkle.EMPTY_ROOT)


def test_a_range_with_the_wrong_number_of_peaks_is_refused() -> None:
    with pytest.raises(ValueError, match="not 1 peaks"):
        CompactRange(3, [merkle.EMPTY_ROOT])
    with pytest.raises(ValueError, match="leaf 3 is not in a tree of 3"):
        plan_inclusion(3, 3)
