"""Decisions as an attacker makes them: of any content, signed with any key; and a team among whom the roles are shared out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.digests import measure
from jupyter_mlsc.keys import Signer
from jupyter_mlsc.results import Decided
from tests.attacks.forgery import accept, digest_at, digest_of, now, vouching_key
from tests.conftest import Person

MODEL, MADE = "models/churn.json", [1, 2, 3]
TOP = "models/production/churn.json"

RULES = """
[revoke]
by = ["security"]

[override]
by  = "security"
max = "30d"

[stages]
production = { into = "models/production" }

[[rule]]
match   = "models/production/**"
kind    = "model"
signed  = { by = "ml-lead", threshold = 2 }
require = ["provenance", "review"]

[[rule]]
match   = "reviewed/**"
require = ["review"]
review  = { by = "reviewer", threshold = 2, channel = "terminal" }

"""


class Team:
    """Ada made the project and its models and leads; Bob leads and reviews; Carol reviews and sees to security; Dave is named and has no role."""

    def __init__(self, person: Callable[..., Person], *, more: str = "") -> None:
        self.ada: Person = person("ada")
        self.ada.init("enforce")
        self.root = self.ada.root
        self.bob, self.carol, self.dave = (self._join(person, name) for name in ("bob", "carol", "dave"))
        keys = "".join(f'{each.name} = {{ key = "{vouching_key(each).public.base64_der}" }}\n' for each in (self.bob, self.carol, self.dave))

        def change(text: str) -> str:
            text = text.replace("[roles]", f'{keys}\n[roles]\nreviewer = ["bob", "carol", "ada"]\nsecurity = ["carol"]', 1)
            text = text.replace('ml-lead      = ["ada"]', 'ml-lead      = ["ada", "bob"]')
            return text.replace("[[rule]]", RULES + more + "[[rule]]", 1)

        self.change(change)
        self.ada.write("data/train.csv")
        self.ada.sign("data/train.csv")

    def _join(self, person: Callable[..., Person], name: str) -> Person:
        made: Person = person(name, root=self.root.parent / f"of-{name}")
        made.init()
        return Person(name, made.home, self.root)

    @property
    def everybody(self) -> tuple[Person, ...]:
        return self.ada, self.bob, self.carol, self.dave

    def change(self, change: Callable[[str], str]) -> None:
        """Everybody accepts a new version of the policy."""
        accept(self.ada, change=change)
        for each in (self.bob, self.carol, self.dave):
            accept(each)

    def make_model(self, path: str = MODEL, value: object = MADE) -> None:
        """A run of Ada's makes a model from the data that she signed."""
        run = self.ada.new_run()
        self.ada.load("data/train.csv", run)
        self.ada.save(value, path, run)


def approve(person: Person, path: str, *, yes: bool = True, note: str = "looked at it") -> Decided:
    project = person.project
    return project.review(person.root / path, approve=yes, note=note, channel="terminal", passphrases=person.passphrases)


def revoke(person: Person, reference: str, why: str = "it is bad") -> Decided:
    project = person.project
    named = reference if re.match(r"sha256:|dirhash:|[0-9a-f]{12,64}$", reference) else str(person.root / reference)
    return project.revoke(named, why=why, channel="terminal", passphrases=person.passphrases)


def override(person: Person, path: str, *, until: datetime, why: str = "the demonstration is today") -> Decided:
    return person.project.override(person.root / path, why=why, until=until, channel="terminal", passphrases=person.passphrases)


def promote(person: Person, path: str = MODEL, stage: str = "production") -> Decided:
    return person.project.promote(person.root / path, stage, note="", channel="terminal", passphrases=person.passphrases)


def told(person: Person, path: str, decision: str, **changes: Any) -> Statement:
    """An approval, rejection or promotion; ``changes`` are fields of its body, ``at`` its date."""
    measured = measure(person.root / changes.pop("of", path))
    at = changes.pop("at", now())
    body = decisions.DecisionBody(
        path, "dataset", person.project.project_id, measured.size, "terminal", predicates.content_tree(measured), predicates.file_lines(measured), "forged"
    )
    fields = {name: getattr(body, name) for name in body.__struct_fields__} | changes
    body = decisions.DecisionBody(**fields)
    subject = (Subject(body.name, digest_of(measured).in_toto()),)
    policy = person.project.trust.digest
    if decision == decisions.REJECTED:
        return Statement(subject, decisions.REJECTION, predicates.to_predicate(decisions.rejection_body(body, policy, at)))
    return Statement(subject, decisions.SVR, predicates.to_predicate(decisions.approval_body(decision, body, policy, at)))


def approval(person: Person, path: str, *signers: Signer, **changes: Any) -> Envelope:
    return seal(told(person, path, decisions.APPROVED, **changes), signers)


def rejection(person: Person, path: str, *signers: Signer, **changes: Any) -> Envelope:
    return seal(told(person, path, decisions.REJECTED, **changes), signers)


def promotion(person: Person, path: str, *signers: Signer, source: str, **changes: Any) -> Envelope:
    return seal(told(person, path, decisions.PROMOTED, source=source, stage="production", of=source, **changes), signers)


def revocation(person: Person, digest: Digest, *signers: Signer, **changes: Any) -> Envelope:
    fields: dict[str, Any] = {"project": person.project.project_id, "revokes": "artifact", "why": "forged", "signed_at": now(), "channel": "terminal"}
    body = decisions.RevocationBody(**(fields | changes))
    subject = Subject(body.name or str(digest), digest.in_toto())
    return seal(Statement((subject,), decisions.REVOCATION, predicates.to_predicate(body)), signers)


def exception(person: Person, path: str, *signers: Signer, **changes: Any) -> Envelope:
    measured = measure(person.root / path)
    fields: dict[str, Any] = {
        "name": path,
        "project": person.project.project_id,
        "size": measured.size,
        "why": "forged",
        "until": now(days=1),
        "signed_at": now(),
        "channel": "terminal",
        "covers": ("unsigned",),
        "content_tree": predicates.content_tree(measured),
    }
    body = decisions.OverrideBody(**(fields | changes))
    subject = Subject(body.name, digest_at(person, path).in_toto())
    return seal(Statement((subject,), decisions.OVERRIDE, predicates.to_predicate(body)), signers)
