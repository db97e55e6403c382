"""Overriding: a person lets one version of one artifact be used for a while, although it fails, and says why.

Rules kept: bytes are hashed afresh and the exception is for what they fail now, and for nothing else; what is revoked, tampered with, wrongly signed or
a fault is no matter of exceptions; whoever may not, or asks for longer than the policy lets, is refused before anything is signed.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.attestation import Statement, Subject
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import DecisionRefusedError, UsageError
from jupyter_mlsc.format_choice import families_of, identify_path, mismatch_faults
from jupyter_mlsc.judging import Target, whole_digest
from jupyter_mlsc.policy.overriding import COVERABLE
from jupyter_mlsc.policy.reasons import duration
from jupyter_mlsc.results import Decided
from jupyter_mlsc.statement_claims import claims_of
from jupyter_mlsc.vouching import key_to_sign_with, person_deciding, publish, refused, sealed, words

if TYPE_CHECKING:
    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.policy import Claim
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.verdict import Verdict


def override(project: ProjectState, path: Path, *, why: str, until: datetime, channel: str, passphrases: PassphraseSource, key: str | None) -> Decided:
    """Make an exception. Raises ArtifactError, DecisionRefusedError, KeyUnavailableError, UsageError; then nothing was signed."""
    why = words(why, "--why")
    entry = key_to_sign_with(project, key)
    person = person_deciding(project, entry, "an exception")
    target = project.target(path)
    name = next((n for n in target.names if project.policy.governs(n)), None)
    if name is None:
        raise UsageError(f"no rule asks anything of {path}, so there is nothing to override", next_step=f"see: mlsc policy explain {path}")
    now = project.clock()
    _require_entitled(project, person, entry.id, until, now)
    target = Target(target.path, name, (name,))
    measured = measure(target.path)
    failing = [each for each in _judged(project, target, measured).reasons if each.fails]
    if not failing:
        raise UsageError(f"{name} is let through as it is, so there is nothing to override", next_step=f"see: mlsc verify {name}")
    hopeless = [each for each in failing if each.code not in COVERABLE]
    if hopeless:
        raise refused(name, "an override", hopeless)
    at = project.gatherer.later_than_all(name, now)
    covers = tuple(dict.fromkeys(each.code for each in failing))
    body = decisions.OverrideBody(name, project.project_id, measured.size, why, until, at, channel, covers, predicates.content_tree(measured))
    statement = Statement((Subject(name, whole_digest(measured).in_toto()),), decisions.OVERRIDE, predicates.to_predicate(body))
    would = _judged(project, target, measured, more=tuple(claims_of(statement, [entry.id], name)))
    if not any(seen.decision == decisions.OVERRIDDEN and seen.by == person for seen in would.decisions):
        raise refused(name, "an override", failing)
    index = publish(project, [sealed("override", statement, project.keys.signer(entry, passphrases), at)])
    verdict = _judged(project, target, measured)
    return Decided(decisions.OVERRIDDEN, name, (whole_digest(measured),), person, entry.id, at, why, index, verdict, until)


def _require_entitled(project: ProjectState, person: str, key: str, until: datetime, now: datetime) -> None:
    layers = [layer for layer in project.policy.layers if layer.accepted]
    allowing = [layer for layer in layers if key in layer.owners and layer.owners[key].name in layer.members(layer.override.by)]
    if not allowing:
        others = sorted({name for layer in layers for name in layer.members(layer.override.by)})
        step = f"ask one of those who may: {', '.join(others)}" if others else "name a role in [override] by in mlsc.toml, or put right what fails"
        raise DecisionRefusedError(f"{person} may make no exceptions here", next_step=step)
    if until <= now:
        raise UsageError(f"{until.isoformat()} has passed already", next_step="write a time to come: --until YYYY-MM-DD")
    longest = max(layer.override.max for layer in allowing)
    if until - now > longest:
        raise DecisionRefusedError(
            f"the policy lets an exception last {duration(longest)} at most, and {until.isoformat()} is later",
            next_step=f"write an earlier date: --until {(now + longest).date().isoformat()}T00:00Z",
        )


def _judged(project: ProjectState, target: Target, measured: Measurement, more: tuple[Claim, ...] = ()) -> Verdict:
    identified = identify_path(target.asked, target.path)
    faults = mismatch_faults(identified, target.asked)
    return project.judge.judge(target, measured, lambda: measured, families=families_of(identified), faults=faults, more=more)
