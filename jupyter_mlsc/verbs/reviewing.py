"""Reviewing: a person approves or rejects exactly these bytes; of a notebook also what it read and wrote.

Rules kept: everything is hashed afresh; a decision that the policy would not count is refused before the key is unlocked, with the policy's own
reason; it is dated after all that was said of the name before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.attestation import Statement, Subject
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import DecisionRefusedError
from jupyter_mlsc.format_choice import families_of, identify_path
from jupyter_mlsc.judging import Target, kind_of, whole_digest
from jupyter_mlsc.results import Decided
from jupyter_mlsc.statement_claims import claims_of
from jupyter_mlsc.vouching import key_to_sign_with, person_deciding, publish, refused, sealed, words

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.verdict import Verdict

NOTEBOOK = ".ipynb"


def review(
    project: ProjectState,
    path: Path,
    *,
    approve: bool,
    note: str,
    channel: str,
    passphrases: PassphraseSource,
    key: str | None,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> Decided:
    """Approve or reject an artifact; ``inputs`` and ``outputs`` are the names of what a notebook's last run read and wrote.

    Raises ArtifactError, DecisionRefusedError, KeyUnavailableError, UsageError; then nothing was signed.
    """
    note = words(note, "--note")
    entry = key_to_sign_with(project, key)
    decision = decisions.APPROVED if approve else decisions.REJECTED
    person = person_deciding(project, entry, "a review")
    target = project.target(path)
    measured = measure(target.path)
    seen = [tuple(decisions.Bound(name, str(whole_digest(measure(project.root / name)))) for name in names) for names in (inputs, outputs)]
    made = []
    for name in [n for n in target.names if project.policy.governs(n)] or [target.asked]:
        at = project.gatherer.later_than_all(name, project.clock())
        statement = _statement(project, name, target, measured, decision, note, channel, at, seen[0], seen[1])
        _require_counted(project, name, target, measured, statement, person, decision, entry.id)
        made.append((statement, at))
    signer = project.keys.signer(entry, passphrases)
    index = publish(project, [sealed("review", statement, signer, at) for statement, at in made])
    verdict = project.judge.judge(target, measured, lambda: measured, families=families_of(identify_path(target.asked, target.path)))
    return Decided(decision, target.asked, (whole_digest(measured),), person, entry.id, made[0][1], note, index, verdict, seen=sum(map(len, seen)))


def _statement(
    project: ProjectState,
    name: str,
    target: Target,
    measured: Measurement,
    decision: str,
    note: str,
    channel: str,
    at: datetime,
    inputs: tuple[decisions.Bound, ...],
    outputs: tuple[decisions.Bound, ...],
) -> Statement:
    kind = "notebook" if name.endswith(NOTEBOOK) else kind_of(project.policy, name, families_of(identify_path(target.asked, target.path)))
    told = decisions.DecisionBody(
        name,
        kind,
        project.project_id,
        measured.size,
        channel,
        predicates.content_tree(measured),
        predicates.file_lines(measured),
        note,
        inputs,
        outputs,
    )
    subject = (Subject(name, whole_digest(measured).in_toto()),)
    if decision == decisions.APPROVED:
        body = decisions.approval_body(decision, told, project.trust.digest, at)
        return Statement(subject, decisions.SVR, predicates.to_predicate(body))
    return Statement(subject, decisions.REJECTION, predicates.to_predicate(decisions.rejection_body(told, project.trust.digest, at)))


def _require_counted(
    project: ProjectState, name: str, target: Target, measured: Measurement, statement: Statement, person: str, decision: str, key: str
) -> None:
    """Ask the policy what it would make of the decision. Where no rule asks for a review, anybody whom it names may say a word."""
    rules = [(layer, project.policy.rule_for(name, layer)) for layer in project.policy.layers if layer.accepted]
    asked = [(layer, rule.review) for layer, rule in rules if rule is not None and rule.review is not None]
    if not asked:
        return
    verdict = _verdict_with(project, name, target, measured, statement, key)
    if any(seen.decision == decision and seen.by == person for seen in verdict.decisions):
        return
    what = "an approval" if decision == decisions.APPROVED else "a rejection"
    entitled = sorted({each for layer, review in asked for each in layer.members(review.by)})
    if person not in entitled:
        roles = " or ".join(dict.fromkeys(role for _, review in asked for role in review.by))
        raise DecisionRefusedError(
            f"{what} of {name} by {person} would count for nothing: {person} is no {roles} here [review-missing]",
            next_step=f"ask {', '.join(entitled)}" if entitled else f"name a person in the role {roles}",
        )
    raise refused(name, what, [each for each in verdict.reasons if each.code.startswith("review-")])


def _verdict_with(project: ProjectState, name: str, target: Target, measured: Measurement, statement: Statement, key: str) -> Verdict:
    claims = tuple(claims_of(statement, [key], name))
    only = replace(target, names=(name,))
    return project.judge.judge(only, measured, lambda: measured, families=families_of(identify_path(target.asked, target.path)), more=claims)
