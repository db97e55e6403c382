"""The statements of persons' decisions are what docs/formats.md says, and what says something else is refused."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from jupyter_mlsc import decisions
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.statement_claims import claims_of, read_revocation
from tests.attacks.decided import approval, exception, rejection, revocation
from tests.attacks.forgery import digest_at, vouching_key
from tests.conftest import Person

DOCS = Path(__file__).parent.parent / "docs"
GENERATED = runpy.run_path(str(DOCS / "schemas" / "generate.py"))
PATH = "data/train.csv"


@pytest.mark.parametrize("file", sorted(GENERATED["SCHEMAS"]))
def test_every_schema_is_the_one_of_its_type(file: str) -> None:
    assert (DOCS / "schemas" / file).read_text() == GENERATED["schema"](file)


def predicate(statement: Statement) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(statement.to_payload())["predicate"]
    return body


@pytest.mark.parametrize(("make", "schema"), [("exception", "override-v1.json"), ("revocation", "revocation-v1.json")])
def test_what_is_signed_is_valid_by_its_schema(signed_dataset: Person, make: str, schema: str) -> None:
    key = vouching_key(signed_dataset)
    envelope = exception(signed_dataset, PATH, key) if make == "exception" else revocation(signed_dataset, digest_at(signed_dataset, PATH), key)
    valid = jsonschema.Draft202012Validator(json.loads((DOCS / "schemas" / schema).read_text()))
    valid.validate(predicate(Statement.from_payload(envelope.payload)))
    assert not valid.is_valid({"why": "no more than that"})


def test_an_approval_has_what_svr_asks_and_a_rejection_what_a_vsa_does(signed_dataset: Person) -> None:
    key = vouching_key(signed_dataset)
    approved = Statement.from_payload(approval(signed_dataset, PATH, key).payload)
    body = predicate(approved)
    assert approved.predicate_type == "https://in-toto.io/attestation/svr/v0.2"
    assert body["verifier"]["id"].startswith("https://")
    assert body["verifier"]["policies"][0]["digest"]["sha256"] == signed_dataset.project.trust.digest.hex
    assert body["timeCreated"].endswith("Z")
    assert body["properties"] == ["MLSC_REVIEW_APPROVED"]
    rejected = predicate(Statement.from_payload(rejection(signed_dataset, PATH, key).payload))
    assert (rejected["verificationResult"], rejected["verifiedLevels"], rejected["resourceUri"]) == ("FAILED", ["FAILED"], PATH)


def _of_decision(change: Callable[[dict[str, Any]], None]) -> Callable[[Statement], Statement]:
    def changed(statement: Statement) -> Statement:
        body = predicate(statement)
        change(body)
        return replace(statement, predicate=body)

    return changed


BAD = [
    ("another name than its subject's", _of_decision(lambda p: p["mlsc"].update(name="data/other.csv"))),
    ("no time zone", _of_decision(lambda p: p.update(timeCreated="2026-01-31T12:00:00"))),
    ("no project", _of_decision(lambda p: p["mlsc"].pop("project"))),
    ("blocks of another size", _of_decision(lambda p: p["mlsc"]["contentTree"].update(blockSize=4096))),
    ("a manifest of other files", _of_decision(lambda p: p["mlsc"].update(files=[{"name": "a", "sha256": "0" * 64, "size": 1}]))),
    ("a promotion from nowhere", _of_decision(lambda p: p.update(properties=["MLSC_PROMOTED"]))),
    ("two subjects", lambda s: replace(s, subjects=(*s.subjects, Subject("data/b.csv", {"sha256": "0" * 64})))),
]


@pytest.mark.parametrize("change", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_a_decision_that_is_not_whole_is_refused(signed_dataset: Person, change: Callable[[Statement], Statement]) -> None:
    good = Statement.from_payload(approval(signed_dataset, PATH, vouching_key(signed_dataset)).payload)
    assert [claim.decision for claim in claims_of(good, ["k"], PATH)] == [decisions.APPROVED]
    with pytest.raises(AttestationError):
        list(claims_of(change(good), ["k"], PATH))


def test_somebody_elses_verification_result_is_nothing_to_us(signed_dataset: Person) -> None:
    good = Statement.from_payload(approval(signed_dataset, PATH, vouching_key(signed_dataset)).payload)
    body = predicate(good)
    for other in ({**body, "properties": ["SLSA_BUILD_LEVEL_3"]}, {k: v for k, v in body.items() if k != "mlsc"}):
        assert list(claims_of(replace(good, predicate=other), ["k"], PATH)) == []


REVOKED = Digest("sha256", "1" * 64)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: replace(s, predicate={**s.predicate, "revokes": "everything"}),
        lambda s: replace(s, predicate={k: v for k, v in s.predicate.items() if k != "why"}),
        lambda s: replace(s, predicate={**s.predicate, "revokes": "key"}, subjects=(*s.subjects, *s.subjects)),
        lambda s: replace(s, predicate={**s.predicate, "revokes": "key"}, subjects=(Subject("k", {"dirHash": "2" * 64}),)),
        lambda s: replace(s, subjects=(*s.subjects, Subject("old", {"md5": "0" * 32}))),
    ],
    ids=["what nobody knows", "without a reason", "two keys", "a key that is a tree", "an unaccepted digest"],
)
def test_a_revocation_that_is_not_whole_is_refused(signed_dataset: Person, change: Callable[[Statement], Statement]) -> None:
    good = Statement.from_payload(revocation(signed_dataset, REVOKED, vouching_key(signed_dataset)).payload)
    assert read_revocation(good, ["k"], "here")[1] == (REVOKED,)
    with pytest.raises(AttestationError):
        read_revocation(change(good), ["k"], "here")
