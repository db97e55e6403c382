"""Policies, statements and evidence for the tests of policy, built as the rest of the program builds them."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest, ManifestLine, Measurement
from jupyter_mlsc.policy import Claim, Evidence, InputClaim, Policy, PolicyLayer, parse_policy
from jupyter_mlsc.policy.evidence import Revocation
from jupyter_mlsc.verdict import Verdict

PROJECT = "project-0123456789"
OTHER_PROJECT = "another-0123456789"
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
NAME = "data/train.csv"
PEOPLE = ("alice", "bob", "carol", "dave")


def der(owner: str) -> bytes:
    """An Ed25519 SubjectPublicKeyInfo: policy compares keys and never uses them."""
    return bytes.fromhex("302a300506032b6570032100") + sha256(owner.encode()).digest()


def encoded(owner: str) -> str:
    return base64.b64encode(der(owner)).decode()


def key_id(owner: str) -> str:
    return sha256(der(owner)).hexdigest()


IDENTITIES = f"""
[identities]
alice      = {{ key = ["{encoded("alice")}", "{encoded("alice-2")}"] }}
bob        = {{ key = "{encoded("bob")}" }}
carol      = {{ key = "{encoded("carol")}" }}
dave       = {{ key = "{encoded("dave")}" }}
alice-runs = {{ key = "{encoded("alice-runs")}", runs-of = "alice" }}
bob-runs   = {{ key = "{encoded("bob-runs")}", runs-of = "bob" }}
dave-runs  = {{ key = "{encoded("dave-runs")}", runs-of = "dave" }}

[roles]
data-steward = ["alice", "bob"]
ml-lead      = ["alice", "carol"]
builder      = ["alice-runs", "bob-runs"]
policy-admin = ["alice", "bob-runs"]
"""


DECIDING = (
    IDENTITIES
    + """
reviewer = ["bob", "carol"]
security = ["carol", "alice-runs"]

[override]
by  = "security"
max = "30d"

[stages]
top = { into = "data", by = "ml-lead" }
"""
)
"""The same people, among whom decisions are shared out; for policies with a rule for ``data/**``."""


def policy_text(*rules: str, mode: str = "enforce", project: str | None = PROJECT, head: str = IDENTITIES) -> str:
    named = f'[project]\nid = "{project}"\n' if project is not None else ""
    return f'version = 1\nmode = "{mode}"\n{named}{head}' + "".join(f"\n[[rule]]\n{rule}\n" for rule in rules)


@cache
def layer(*rules: str, mode: str = "enforce", name: str = "project", head: str = IDENTITIES) -> PolicyLayer:
    text = policy_text(*rules, mode=mode, project=PROJECT if name == "project" else None, head=head)
    return parse_policy(text, "mlsc.toml", name)


DATA = 'match = "data/**"\nkind = "dataset"\nsigned = { by = "data-steward" }'


def measured(content: str) -> Measurement:
    return Measurement(len(content), sha256(content.encode()).hexdigest(), sha256(b"tree of " + content.encode()).hexdigest())


def tree(**files: str) -> Measurement:
    lines = tuple(ManifestLine(n, sha256(content.encode()).hexdigest(), len(content)) for n, content in sorted(files.items()))
    text = "".join(f"{line.sha256}  {line.name}\n" for line in lines)
    return Measurement(sum(line.size for line in lines), dirhash=sha256(text.encode()).hexdigest(), manifest=lines)


def day(number: int) -> datetime:
    return datetime(2026, 5, 1, tzinfo=UTC) + timedelta(days=number - 1)


def vouch(by: str, content: str | Measurement = "v1", name: str | None = NAME, *, on: int | datetime | None = 1, **changed: object) -> Claim:
    """A person's statement; ``on`` is a day of May 2026; ``by`` may name several keys: ``"alice+bob"``."""
    what = measured(content) if isinstance(content, str) else content
    assert what.digest is not None
    claim = Claim(
        predicates.ARTIFACT,
        name,
        "dataset",
        PROJECT,
        what.digest,
        tuple(key_id(owner) for owner in by.split("+")) if by else (),
        day(on) if isinstance(on, int) else on,
        f"a statement by {by}",
        content_root=what.content_root,
        size=what.size,
        channel="terminal",
    )
    return replace(claim, **changed)


def made(by: str, content: str | Measurement = "v1", name: str | None = NAME, *, verified: bool = True, **changed: object) -> Claim:
    """A run's statement that it made the bytes from one input."""
    inputs = (InputClaim("data/raw.csv", Digest("sha256", "0" * 64), verified),)
    return vouch(by, content, name, **{"predicate_type": predicates.PROVENANCE, "channel": None, "tier": "guarded", "run": "r1", "inputs": inputs, **changed})


def bundle(by: str, content: str = "v1", **changed: object) -> Claim:
    """A plain OMS bundle: it binds bytes and nothing else, and has no date."""
    plain = {"predicate_type": predicates.OMS_SIGNATURE, "kind": None, "project": None, "channel": None, "content_root": None, "size": None}
    return replace(vouch(by, content, None, on=None), **{**plain, **changed})


def decided(by: str, decision: str, content: str | Measurement = "v1", name: str | None = NAME, *, on: int | datetime | None = 1, **changed: object) -> Claim:
    """A person's decision. An exception is for what a signature lacks, and ends ten days after its date."""
    kinds = {decisions.REJECTED: decisions.REJECTION, decisions.OVERRIDDEN: decisions.OVERRIDE}
    more: dict[str, object] = {"predicate_type": kinds.get(decision, decisions.SVR), "decision": decision, "note": "because"}
    if decision == decisions.OVERRIDDEN:
        at = day(on) if isinstance(on, int) else on
        more |= {"until": None if at is None else at + timedelta(days=10), "covers": ("unsigned",)}
    if decision == decisions.PROMOTED:
        more["promoted_from"] = "models/earlier.csv"
    return vouch(by, content, name, on=on, **(more | changed))


def revoked(by: str, *, on: int | datetime = 1, **changed: object) -> Revocation:
    """A revocation of the artifact at hand."""
    keys = tuple(key_id(owner) for owner in by.split("+")) if by else ()
    made = Revocation(PROJECT, NAME, "it is bad", keys, day(on) if isinstance(on, int) else on, "terminal", f"a revocation by {by}")
    return replace(made, **changed)


def evidence(*claims: Claim, content: str | Measurement | None = "v1", name: str = NAME, **changed: object) -> Evidence:
    what = measured(content) if isinstance(content, str) else content
    return Evidence(name, PROJECT, what, claims, **changed)


def decide(rule: str, *claims: Claim, mode: str = "enforce", **changed: object) -> Verdict:
    return Policy((layer(rule, mode=mode),)).decide(evidence(*claims, **changed), NOW)


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]
