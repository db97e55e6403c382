"""Something is edited after it was approved: a data set, a model, a signature, a statement. One changed bit is found, and says so."""

from __future__ import annotations

import base64
import json
import os
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from jupyter_mlsc.attestation import Envelope
from jupyter_mlsc.verbs import loading
from tests.attacks.forgery import (
    assert_fine,
    assert_refused,
    changed_byte,
    codes,
    digest_at,
    edited,
    plant,
    plant_beside,
    vouch,
    vouching_key,
    without_own_records,
)
from tests.conftest import CSV, Person


@pytest.mark.parametrize("at", [0, len(CSV) // 2, -1])
def test_a_changed_bit_of_a_data_set_is_refused_and_the_restored_one_is_not(signed_dataset: Person, at: int) -> None:
    assert_fine(signed_dataset, "data/train.csv")
    before = changed_byte(signed_dataset.root / "data/train.csv", at)
    assert_refused(signed_dataset, "data/train.csv", "digest-mismatch")
    signed_dataset.write("data/train.csv", before)
    assert_fine(signed_dataset, "data/train.csv")


def test_a_data_set_that_was_cut_or_extended_is_refused(signed_dataset: Person) -> None:
    for content in (CSV[:-4], CSV + "\n", CSV + "50,0\n", ""):
        signed_dataset.write("data/train.csv", content)
        assert codes(signed_dataset.verify("data/train.csv")) == ["digest-mismatch"]


def test_a_changed_bit_far_inside_a_large_file_is_refused(ada: Person) -> None:
    """Never sampled: also not where a file has several blocks."""
    ada.write("data/large.txt", b"0123456789abcde\n" * (4 << 16))
    ada.sign("data/large.txt")
    assert_fine(ada, "data/large.txt")
    changed_byte(ada.root / "data/large.txt", (3 << 20) + 4711)
    assert_refused(ada, "data/large.txt", "digest-mismatch")


def test_a_changed_bit_of_a_model_is_refused(signed_dataset: Person) -> None:
    run = signed_dataset.new_run()
    frame = signed_dataset.load("data/train.csv", run)
    signed_dataset.save(LogisticRegression().fit(frame[["x"]], frame["y"]), "models/m.joblib", run)
    assert_fine(signed_dataset, "models/m.joblib")
    path = signed_dataset.root / "models/m.joblib"
    changed_byte(path, path.read_bytes().rindex(b"\x3f"))
    assert_refused(signed_dataset, "models/m.joblib", "digest-mismatch")
    # The run that made it does not get it back either.
    assert_refused(signed_dataset, "models/m.joblib", "digest-mismatch", run=run)


def test_restored_times_do_not_fool_the_digest_cache(signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ten seconds later, so that the file is old enough for the cache to keep what it knows of it.
    monkeypatch.setattr(loading, "time", SimpleNamespace(time_ns=lambda: time.time_ns() + 10 * 10**9))
    path = signed_dataset.root / "data/train.csv"
    os.utime(path, ns=(10**18, 10**18))
    signed_dataset.load("data/train.csv")
    status = path.stat()
    assert signed_dataset.project.digest_cache.get(status, time.time_ns() + 10 * 10**9) is not None
    before = changed_byte(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size) == (status.st_ino, status.st_mtime_ns, status.st_size)
    assert_refused(signed_dataset, "data/train.csv", "digest-mismatch")
    path.write_bytes(before)
    assert_fine(signed_dataset, "data/train.csv")


def _envelope(person: Person) -> tuple[Any, Envelope]:
    """Ada's statement and the only place where it stands: its claims file."""
    without_own_records(person)
    file = person.root / ".mlsc/claims" / f"{digest_at(person, 'data/train.csv').hex}.jsonl"
    first, *_ = file.read_bytes().splitlines()
    return file, Envelope.from_json(first)


def test_a_changed_signature_is_refused_and_named(signed_dataset: Person) -> None:
    file, envelope = _envelope(signed_dataset)
    (signature,) = envelope.signatures
    changed = bytearray(signature.sig)
    changed[-1] ^= 1
    file.write_bytes(replace(envelope, signatures=(replace(signature, sig=bytes(changed)),)).to_json() + b"\n")
    verdict = signed_dataset.verify("data/train.csv")
    assert "signature-invalid" in codes(verdict)
    assert file.name in next(r.message for r in verdict.reasons if r.code == "signature-invalid")
    assert not verdict.allowed
    file.write_bytes(envelope.to_json() + b"\n")
    assert_fine(signed_dataset, "data/train.csv")


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["predicate"].update(kind="model"),
        lambda body: body["predicate"].update(project="another-project"),
        lambda body: body["predicate"].update(note="approved by all"),
        lambda body: body["predicate"].update(signedAt="2100-01-01T00:00:00Z"),
        lambda body: body["predicate"].update(channel="hub"),
    ],
)
def test_a_changed_statement_is_refused(signed_dataset: Person, change: Any) -> None:
    file, envelope = _envelope(signed_dataset)
    file.write_bytes(edited(envelope, change).to_json() + b"\n")
    verdict = signed_dataset.verify("data/train.csv")
    assert "signature-invalid" in codes(verdict)
    assert not verdict.allowed


def test_a_statement_edited_to_fit_a_changed_data_set_is_refused(signed_dataset: Person) -> None:
    _, envelope = _envelope(signed_dataset)
    changed_byte(signed_dataset.root / "data/train.csv")
    fitting = json.loads(vouch(signed_dataset, "data/train.csv", vouching_key(signed_dataset)).payload)

    def fit(body: dict[str, Any]) -> None:
        body.update(subject=fitting["subject"], predicate=fitting["predicate"])

    forged = edited(envelope, fit)
    plant(signed_dataset, forged)
    plant_beside(signed_dataset, forged, "data/train.csv")
    verdict = signed_dataset.verify("data/train.csv")
    assert {"signature-invalid", "digest-mismatch"} == set(codes(verdict))
    assert not verdict.allowed


def test_a_signature_moved_to_another_payload_type_or_statement_is_refused(signed_dataset: Person) -> None:
    file, envelope = _envelope(signed_dataset)
    file.write_bytes(replace(envelope, payload_type="application/json").to_json() + b"\n")
    assert not signed_dataset.verify("data/train.csv").allowed


def test_another_second_reading_of_the_same_json_is_refused(signed_dataset: Person) -> None:
    """Two fields of one name: one reader sees the first, another the second."""
    file, envelope = _envelope(signed_dataset)
    doubled = envelope.to_json()[:-1] + b',"payload":"' + base64.b64encode(b"{}") + b'"}'
    assert json.loads(doubled)["payload"] == base64.b64encode(b"{}").decode()
    file.write_bytes(doubled + b"\n")
    verdict = signed_dataset.verify("data/train.csv")
    assert codes(verdict) == ["unsigned"]
    (told,) = [r for r in verdict.reasons if r.code == "statement-invalid"]
    assert "stands twice" in told.message
    assert f"{file.name}:1" in told.message


def test_a_bad_signature_beside_a_good_one_takes_nothing_away_and_is_told(signed_dataset: Person) -> None:
    file, envelope = _envelope(signed_dataset)
    (signature,) = envelope.signatures
    both = replace(envelope, signatures=(signature, replace(signature, sig=signature.sig[:-1] + bytes([signature.sig[-1] ^ 1]))))
    file.write_bytes(both.to_json() + b"\n")
    verdict = signed_dataset.verify("data/train.csv")
    assert verdict.verified
    assert [r.code for r in verdict.reasons] == ["statement-invalid"]


def test_the_command_line_refuses_in_a_process_of_its_own(signed_dataset: Person) -> None:
    assert signed_dataset.mlsc("verify", "data/train.csv").returncode == 0
    changed_byte(signed_dataset.root / "data/train.csv")
    done = signed_dataset.mlsc("--json", "verify")
    assert done.returncode == 1
    (artifact,) = json.loads(done.stdout)["artifacts"]
    assert artifact["verdict"] == "block"
    assert [r["code"] for r in artifact["reasons"]] == ["digest-mismatch"]
