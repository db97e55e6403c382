"""A signer whom the policy trusts binds the SHA-256 of one file to the content tree of another: whoever looks closely names him."""

from __future__ import annotations

import json

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import BlockedArtifactError
from tests.attacks.forgery import assert_fine, codes, digest_at, plant, provenance, rebound, run_key, vouch, vouching_key, without_own_records
from tests.conftest import CSV, Person


@pytest.fixture
def pair(ada: Person) -> Person:
    """`data/train.csv` is good; the statement names its SHA-256 and the content tree of poisoned bytes."""
    ada.write("data/train.csv", CSV.replace(",1\n", ",0\n"))
    poisoned = vouch(ada, "data/train.csv", vouching_key(ada))
    ada.write("data/train.csv")
    plant(ada, rebound(poisoned, digest_at(ada, "data/train.csv"), vouching_key(ada)))
    return ada


@pytest.mark.parametrize("content", [CSV, CSV.replace(",1\n", ",0\n")])
def test_full_verification_names_the_signer_of_a_pair_that_does_not_belong_together(pair: Person, content: str) -> None:
    pair.write("data/train.csv", content)
    done = pair.mlsc("--json", "verify", "--full", "data/train.csv")
    assert done.returncode == 1
    (artifact,) = json.loads(done.stdout)["artifacts"]
    reasons = {r["code"]: r["message"] for r in artifact["reasons"]}
    assert vouching_key(pair).public.key_id[:12] in reasons["digest-pair"]


def test_the_good_bytes_are_not_what_such_a_statement_stands_for(pair: Person) -> None:
    """The content tree is computed at every gate, and all digests that were computed must agree."""
    assert codes(pair.verify("data/train.csv")) == ["digest-mismatch", "digest-pair"]
    with pytest.raises(BlockedArtifactError):
        pair.load("data/train.csv")


def test_a_content_tree_over_other_blocks_is_told_and_does_not_count(ada: Person) -> None:
    path = ada.write("data/train.csv")
    tree = predicates.content_tree(measure(path))
    assert tree is not None
    plant(ada, vouch(ada, "data/train.csv", vouching_key(ada), content_tree=predicates.ContentTree(tree.root, 4096)))
    verdict = ada.verify("data/train.csv")
    assert codes(verdict) == ["unsigned"]
    assert "blocks of 4096 bytes" in " ".join(r.message for r in verdict.reasons)


def test_an_honest_pair_passes_full_verification(pair: Person) -> None:
    pair.write("data/other.csv", "x\n1\n")
    pair.sign("data/other.csv")
    assert pair.verify("data/other.csv", full=True).verified
    assert_fine(pair, "data/other.csv")


def test_a_runs_lie_does_not_change_what_digest_an_honest_file_is_recorded_with(ada: Person) -> None:
    """What is written down as read must be what was read, whoever else speaks of these bytes."""
    ada.write("data/train.csv")
    lie = rebound(provenance(ada, "data/train.csv", run_key(ada)), digest_at(ada, "mlsc.toml"), run_key(ada))
    plant(ada, lie, "0.jsonl")
    ada.sign("data/train.csv")
    without_own_records(ada)
    verdict = ada.verify("data/train.csv")
    assert verdict.digest == measure(ada.root / "data/train.csv").digest
