"""One row, one scan or one acceptance: a rule that asks for a scan, what was said, and what the policy makes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from policy_cases import DECIDING, NOW, OTHER_PROJECT, codes, decided, evidence, key_id, layer, made, revoked, vouch

from jupyter_mlsc.decisions import PROMOTED
from jupyter_mlsc.policy import Claim, Policy
from jupyter_mlsc.scans import ACCEPTED, BASELINE, FAILED, PASSED, TEST_RESULT, WARNED
from jupyter_mlsc.verdict import Verdict

SCANNER = "sha256:" + "5" * 64
PLAIN = 'match = "data/**"\nrequire = ["scan"]\nscan = { by = ["data-steward", "builder"] }'
FRESH = 'match = "data/**"\nrequire = ["scan"]\nscan = { by = "data-steward", max-age = "10d" }'
PERSONS = 'match = "data/**"\nsigned = { by = "data-steward" }\nrequire = ["scan"]'
FUTURE = NOW + timedelta(minutes=6)


def scan(by: str, result: str = PASSED, content: str = "v1", name: str = "data/train.csv", **changed: object) -> Claim:
    told = {"predicate_type": TEST_RESULT, "kind": None, "channel": None, "scanned": result, "scanner": SCANNER}
    return vouch(by, content, name, **{"on": 20, **told, **changed})


def acceptance(by: str, content: str = "v1", name: str = "data/train.csv", **changed: object) -> Claim:
    told = {"predicate_type": BASELINE, "kind": None, "decision": ACCEPTED, "covers": ("pickle-unlisted",)}
    return vouch(by, content, name, **{"on": 20, **told, **changed})


def policy(rule: str) -> Policy:
    return Policy((layer(rule, head=DECIDING),))


def judged(rule: str, *claims: Claim, **changed: object) -> Verdict:
    return policy(rule).decide(evidence(*claims, **{"scanner": SCANNER, **changed}), NOW)


PASSING = [
    ("a person's", PLAIN, [scan("alice")]),
    ("a run's, where runs may", PLAIN, [scan("alice-runs")]),
    ("with mild findings", PLAIN, [scan("alice", WARNED)]),
    ("it failed once, and no more", PLAIN, [scan("alice", FAILED, on=20), scan("bob", on=21)]),
    ("a stranger's fails", PLAIN, [scan("alice"), scan("mallory", FAILED, on=21)]),
    ("other bytes fail", PLAIN, [scan("alice"), scan("alice", FAILED, "v2", on=21)]),
    ("not long ago", FRESH, [scan("alice", on=25)]),
    ("under the name before it was promoted", PLAIN, [scan("alice", name="models/earlier.csv"), decided("alice", PROMOTED, on=22)]),
]
MISSING = [
    ("nobody scanned it", PLAIN, []),
    ("a run made it", PLAIN, [made("alice-runs")]),
    ("other bytes", PLAIN, [scan("alice", content="v2")]),
    ("another name", PLAIN, [scan("alice", name="data/test.csv")]),
    ("another project", PLAIN, [scan("alice", project=OTHER_PROJECT)]),
    ("a stranger", PLAIN, [scan("mallory")]),
    ("somebody without the role", PLAIN, [scan("dave")]),
    ("a run where only persons may", FRESH, [scan("alice-runs", on=28)]),
    ("nobody's signature", PLAIN, [scan("")]),
    ("another scanner", PLAIN, [scan("alice", scanner="sha256:" + "6" * 64)]),
    ("no scanner", PLAIN, [scan("alice", scanner=None)]),
    ("no date", PLAIN, [scan("alice", on=None)]),
    ("the future", PLAIN, [scan("alice", on=FUTURE)]),
    ("long ago", FRESH, [scan("alice", on=20)]),
    ("promoted by nobody who may", PLAIN, [scan("alice", name="models/earlier.csv"), decided("dave", PROMOTED, on=22)]),
]
FAILING = [
    ("it failed", PLAIN, [scan("alice", FAILED)]),
    ("it fails since", PLAIN, [scan("alice", on=20), scan("alice-runs", FAILED, on=21)]),
    ("it passed and failed at once", PLAIN, [scan("alice"), scan("bob", FAILED)]),
]


@pytest.mark.parametrize(("rule", "claims"), [row[1:] for row in PASSING], ids=[row[0] for row in PASSING])
def test_a_scan_that_counts_is_enough(rule: str, claims: list[Claim]) -> None:
    assert codes(judged(rule, *claims)) == []


@pytest.mark.parametrize(("rule", "claims"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
def test_a_scan_that_does_not_count_is_none(rule: str, claims: list[Claim]) -> None:
    assert codes(judged(rule, *claims)) == ["scan-missing"]


@pytest.mark.parametrize(("rule", "claims"), [row[1:] for row in FAILING], ids=[row[0] for row in FAILING])
def test_the_newest_scan_decides(rule: str, claims: list[Claim]) -> None:
    assert codes(judged(rule, *claims)) == ["scan-failed"]


def test_a_revoked_key_has_scanned_nothing() -> None:
    stolen = revoked("alice", key=key_id("alice-runs"), subject="key", on=28)
    assert codes(judged(PLAIN, scan("alice-runs"), revocations=(stolen,))) == ["scan-missing"]
    assert codes(judged(PLAIN, scan("alice-runs"), scan("bob"), revocations=(stolen,))) == []


ACCEPTING = [("who may sign", [acceptance("bob")]), ("a policy-admin", [acceptance("alice")]), ("two of them", [acceptance("mallory+bob")])]
NOT_ACCEPTING = [
    ("a stranger", [acceptance("mallory")]),
    ("somebody without the role", [acceptance("dave")]),
    ("a run", [acceptance("alice-runs")]),
    ("a run with the role", [acceptance("bob-runs")]),
    ("other bytes", [acceptance("bob", content="v2")]),
    ("another name", [acceptance("bob", name="data/test.csv")]),
    ("another project", [acceptance("bob", project=OTHER_PROJECT)]),
    ("the future", [acceptance("bob", on=FUTURE)]),
    ("another decision", [acceptance("bob", decision=PROMOTED)]),
]


def covered(*claims: Claim, **changed: object) -> frozenset[str]:
    return policy(PERSONS).accepted_findings(evidence(*claims, **changed), NOW)


@pytest.mark.parametrize("claims", [row[1] for row in ACCEPTING], ids=[row[0] for row in ACCEPTING])
def test_a_finding_is_accepted_by(claims: list[Claim]) -> None:
    assert covered(*claims) == {"pickle-unlisted"}


@pytest.mark.parametrize("claims", [row[1] for row in NOT_ACCEPTING], ids=[row[0] for row in NOT_ACCEPTING])
def test_a_finding_is_not_accepted_by(claims: list[Claim]) -> None:
    assert covered(*claims) == frozenset()


def test_a_revoked_key_has_accepted_nothing() -> None:
    stolen = revoked("alice", key=key_id("bob"), subject="key", on=28)
    assert covered(acceptance("bob"), revocations=(stolen,)) == frozenset()
