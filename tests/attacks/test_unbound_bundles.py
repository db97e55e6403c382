"""A plain OMS bundle binds no name and no project: it counts where the rule says `unbound = true`, and nowhere else."""

from __future__ import annotations

import json
import shutil

import pytest

from jupyter_mlsc.digests import measure
from jupyter_mlsc.export.oms import oms_bundle
from jupyter_mlsc.keys import Signer
from tests.attacks.forgery import accept, assert_fine, assert_refused, changed_byte, codes, run_key, stranger, vouching_key
from tests.conftest import CSV, Person


def _bundle(person: Person, path: str, signer: Signer) -> None:
    target = person.root / path
    sig = target / "model.sig" if target.is_dir() else target.with_name(target.name + ".sig")
    sig.write_bytes(oms_bundle(measure(target), target.name, signer))


@pytest.fixture
def unbound(ada: Person) -> Person:
    """Bundles of a key that the policy names count for data sets here."""
    accept(ada, change=lambda text: text.replace('signed = { by = "data-steward" }', 'signed = { by = "data-steward", unbound = true }'))
    return ada


def test_a_bundle_is_refused_where_the_rule_does_not_ask_for_it(ada: Person) -> None:
    ada.write("data/train.csv")
    _bundle(ada, "data/train.csv", vouching_key(ada))
    assert_refused(ada, "data/train.csv", "unbound")


def test_a_bundle_counts_where_the_rule_asks_for_it(unbound: Person) -> None:
    unbound.write("data/train.csv")
    _bundle(unbound, "data/train.csv", vouching_key(unbound))
    assert_fine(unbound, "data/train.csv")
    unbound.write("data/parts/config.json", "{}")  # laid out as a model, so that the folder is judged as one artifact
    unbound.write("data/parts/a.csv")
    _bundle(unbound, "data/parts", vouching_key(unbound))
    assert unbound.verify("data/parts").verified


def test_not_for_other_bytes_nor_by_strangers_or_runs(unbound: Person) -> None:
    unbound.write("data/train.csv")
    for signer in (stranger(), run_key(unbound)):
        _bundle(unbound, "data/train.csv", signer)
        assert_refused(unbound, "data/train.csv", "untrusted-signer")
    _bundle(unbound, "data/train.csv", vouching_key(unbound))
    changed_byte(unbound.root / "data/train.csv")
    assert_refused(unbound, "data/train.csv", "digest-mismatch")


def test_a_changed_bundle_is_refused_and_told(unbound: Person) -> None:
    unbound.write("data/train.csv")
    _bundle(unbound, "data/train.csv", vouching_key(unbound))
    sig = unbound.root / "data/train.csv.sig"
    bundle = json.loads(sig.read_bytes())
    signature = bundle["dsseEnvelope"]["signatures"][0]["sig"]
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
    sig.write_text(json.dumps(bundle))
    verdict = unbound.verify("data/train.csv")
    assert not verdict.allowed
    assert "signature-invalid" in codes(verdict)


def test_a_tree_is_compared_by_names_and_not_by_the_root_alone(unbound: Person) -> None:
    """The root of an OMS manifest leaves names out: files that exchange their names have the same."""
    unbound.write("data/parts/config.json", "{}")  # laid out as a model, so that the folder is judged as one artifact
    unbound.write("data/parts/a.csv")
    unbound.write("data/parts/b.csv", CSV.replace(",1\n", ",0\n"))
    _bundle(unbound, "data/parts", vouching_key(unbound))
    assert unbound.verify("data/parts").verified
    a, b, c = (unbound.root / "data/parts" / name for name in ("a.csv", "b.csv", "c.csv"))
    b.rename(c)
    assert not unbound.verify("data/parts").allowed
    c.rename(b)
    a.rename(c)
    b.rename(a)
    c.rename(b)
    assert not unbound.verify("data/parts").allowed


def test_a_bundle_supersedes_no_statement_that_binds_the_name(unbound: Person) -> None:
    """Last version's bytes with last version's bundle, put back over a signed new version."""
    unbound.write("data/train.csv")
    _bundle(unbound, "data/train.csv", vouching_key(unbound))
    old = unbound.root / "data/train.csv.sig"
    shutil.copy(old, unbound.root / "kept.sig")
    unbound.write("data/train.csv", CSV + "50,0\n")
    unbound.sign("data/train.csv")
    unbound.write("data/train.csv")
    assert_refused(unbound, "data/train.csv", "superseded")
