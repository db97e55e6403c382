"""Promoting: exactly these bytes go to a stage's folder, once they satisfy what its rule asks, and the way that they took is signed.

Rules kept: bytes are hashed afresh, and the copy again; where the rule asks for several persons each of them promotes, and the last one's word
puts the file in its place; until then what lies there stays what it was. Where anything else is missing nothing is signed. A data set under its new
name gets a profile of its own.
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifact_scans import ENTRY_KIND as SCAN
from jupyter_mlsc.artifact_scans import Measured, accepted_codes, held_still, scan_statement, scans_of
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.attestation import Statement, Subject
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactChangedError, DecisionRefusedError, UsageError
from jupyter_mlsc.format_choice import families_of, identify_path, mismatch_faults
from jupyter_mlsc.judging import Target, kind_of, whole_digest
from jupyter_mlsc.profile_making import dataset_profiles, profile_body, profile_statement
from jupyter_mlsc.profiles import ENTRY_KIND as PROFILED
from jupyter_mlsc.results import Decided
from jupyter_mlsc.statement_claims import claims_of
from jupyter_mlsc.transfer import flush_to_disk, staged, wrap_os_error
from jupyter_mlsc.verdict import NOT_VERIFIED
from jupyter_mlsc.vouching import artifact_statement, key_to_sign_with, person_deciding, publish, refused, sealed

if TYPE_CHECKING:
    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.policy import Claim, PolicyLayer
    from jupyter_mlsc.policy.rules import Stage
    from jupyter_mlsc.profiles import ProfileBody
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.verdict import Reason, Verdict

_OTHERS = frozenset({"threshold-not-met"})
"""What only other persons can still give."""


@dataclass(frozen=True, slots=True)
class _Move:
    """From where to where, with the bytes that were measured."""

    source: Target
    target: Target
    measured: Measurement

    @property
    def name(self) -> str:
        return self.target.asked


def promote(project: ProjectState, path: Path, stage_name: str, *, note: str, channel: str, passphrases: PassphraseSource, key: str | None) -> Decided:
    """Promote an artifact; a decision that is not ``done`` says in its verdict what is missing.

    Raises ArtifactError, DecisionRefusedError, KeyUnavailableError, UsageError; then nothing was signed and nothing was moved.
    """
    entry = key_to_sign_with(project, key)
    person = person_deciding(project, entry, "a promotion")
    layer, stage = _stage(project, stage_name)
    if person not in layer.members(stage.by):
        allowed = sorted(layer.members(stage.by))
        raise DecisionRefusedError(
            f"{person} may not promote to {stage_name}: that takes {' or '.join(stage.by)}",
            next_step=f"ask {', '.join(allowed)}" if allowed else f"name a person in the role {stage.by[0]}",
        )
    move = _move(project, path, stage)
    at = project.gatherer.later_than_all(move.name, project.clock())
    scan, profile = _looked_at(project, move, entry.id, at, channel)
    statements = [*_statements(project, move, stage, entry.id, note, channel, at), *scan]
    claims = tuple(claim for _, statement in statements for claim in claims_of(statement, [entry.id], move.name))
    digest = whole_digest(move.measured)
    with project.yardsticks.expecting(profile, digest, entry.id):
        verdict = _with_steps(_judged(project, move, claims), move, stage)
    if profile is not None:
        statements.append((PROFILED, profile_statement(profile, digest)))
    missing = {each.code for each in verdict.reasons if each.fails or each.code in NOT_VERIFIED}
    told = Decided(decisions.PROMOTED, move.name, (whole_digest(move.measured),), person, entry.id, at, note, None, verdict, source=move.source.asked)
    if missing - _OTHERS:
        return replace(told, done=False, recorded=False)
    signer = project.keys.signer(entry, passphrases)
    if missing:
        agreed = any(seen.decision == decisions.PROMOTED and seen.by == person for seen in _judged(project, move, ()).decisions)
        if not agreed:
            publish(project, [sealed(*statements[0], signer, at)])
        return replace(told, done=False)
    with staged(move.target.path, folder=move.measured.is_tree) as replacement:
        _copy(move, replacement.staged)
        replacement.put()
        index = publish(project, [sealed(kind, statement, signer, at) for kind, statement in statements])
    return replace(told, index=index, verdict=_judged(project, move, ()))


def _stage(project: ProjectState, name: str) -> tuple[PolicyLayer, Stage]:
    layers = [layer for layer in project.policy.layers if layer.accepted]
    found = next(((layer, layer.stages[name]) for layer in layers if name in layer.stages), None)
    if found is None:
        known = sorted({each for layer in layers for each in layer.stages})
        step = f"one of: {', '.join(known)}" if known else f'write it to mlsc.toml: [stages] {name} = {{ into = "models/{name}" }}'
        raise UsageError(f"the policy knows no stage {name!r}", next_step=step)
    return found


def _move(project: ProjectState, path: Path, stage: Stage) -> _Move:
    source = project.target(path)
    name = f"{stage.into}/{source.path.name}"
    if name in source.names:
        raise UsageError(f"{path} lies in {stage.into} already", next_step="name the artifact that is to be promoted")
    measured = measure(source.path)
    identified = identify_path(source.asked, source.path)
    verdict = project.judge.judge(source, measured, lambda: measured, families=families_of(identified), faults=mismatch_faults(identified, source.asked))
    short = [each for each in verdict.reasons if each.fails or each.code in NOT_VERIFIED]
    if short:
        raise refused(source.asked, "a promotion", short)
    return _Move(source, Target(project.root / name, name, (name,)), measured)


def _statements(project: ProjectState, move: _Move, stage: Stage, key: str, note: str, channel: str, at: datetime) -> list[tuple[str, Statement]]:
    """The promotion, and, where this person's signature is one that the rule asks for, the signature under the new name."""
    kind = _kind(project, move)
    told = decisions.DecisionBody(
        move.name,
        kind,
        project.project_id,
        move.measured.size,
        channel,
        predicates.content_tree(move.measured),
        predicates.file_lines(move.measured),
        note,
        stage=stage.name,
        source=move.source.asked,
    )
    body = decisions.approval_body(decisions.PROMOTED, told, project.trust.digest, at)
    subject = (Subject(move.name, whole_digest(move.measured).in_toto()),)
    made = [("promotion", Statement(subject, decisions.SVR, predicates.to_predicate(body)))]
    if _signs_there(project, move.name, key):
        words = f"promoted to {stage.name} from {move.source.asked}" + (f": {note}" if note else "")
        made.append(("signature", artifact_statement(project, move.name, kind, move.measured, at=at, channel=channel, note=words)))
    return made


def _looked_at(project: ProjectState, move: _Move, key: str, at: datetime, channel: str) -> tuple[list[tuple[str, Statement]], ProfileBody | None]:
    """What a scan finds in the bytes under their new name, where a rule asks for one there, and what a data set of that name looks like."""
    path, wants_scan = move.source.path, project.policy.requires_scan(move.name)
    kind = _kind(project, move)
    if not wants_scan and (kind != "dataset" or project.yardsticks.asked(move.name) is None):
        return [], None
    seen = Measured()
    with held_still([path]), dataset_profiles(project, [path], seen.require) as profiles:
        if measure(path, memory=seen).digest != move.measured.digest:
            raise ArtifactChangedError(f"{move.source.asked} changed while it was promoted", next_step="wait until its writer is done, then promote it again")
        made = scans_of(project, {move.name: (path, move.measured)}, key, seen)[move.name] if wants_scan else None
        looked = profiles.of(move.name, kind, path, move.measured).looked
    profile = None if looked is None else profile_body(project, move.name, move.measured.size, at, channel, looked)
    if made is None:
        return [], profile
    earlier = accepted_codes(project, move.source.asked, path, move.measured)
    return [(SCAN, scan_statement(project, move.name, move.measured, replace(made, accepted=made.accepted | earlier), at))], profile


def _kind(project: ProjectState, move: _Move) -> str:
    return kind_of(project.policy, move.name, families_of(identify_path(move.source.asked, move.source.path)))


def _signs_there(project: ProjectState, name: str, key: str) -> bool:
    for layer in project.policy.layers:
        rule = project.policy.rule_for(name, layer)
        if layer.accepted and key in layer.owners and rule is not None and rule.signed is not None and layer.owners[key].name in layer.members(rule.signed.by):
            return True
    return False


def _judged(project: ProjectState, move: _Move, more: tuple[Claim, ...]) -> Verdict:
    """What the policy says of the bytes under their new name, with what is about to be said."""
    identified = identify_path(move.name, move.source.path)
    faults = mismatch_faults(identified, move.name)
    return project.judge.judge(move.target, move.measured, lambda: move.measured, families=families_of(identified), faults=faults, more=more)


def _with_steps(verdict: Verdict, move: _Move, stage: Stage) -> Verdict:
    """The verdict with steps that can be taken now: what is to be promoted still lies under its earlier name, and others agree by promoting it too."""

    def mended(each: Reason) -> Reason:
        if each.code in _OTHERS:
            return msgspec.structs.replace(
                each, next=f"ask another person in {' or '.join(stage.by)} to run: mlsc promote {shlex.quote(move.source.asked)} --to {stage.name}"
            )
        return msgspec.structs.replace(each, next=each.next.replace(shlex.quote(move.name), shlex.quote(move.source.asked)))

    return msgspec.structs.replace(verdict, reasons=tuple(mended(each) for each in verdict.reasons))


def _copy(move: _Move, place: Path) -> None:
    try:
        if move.measured.is_tree:
            shutil.copytree(move.source.path, place, dirs_exist_ok=True)
        else:
            shutil.copyfile(move.source.path, place)
    except (OSError, shutil.Error) as err:
        raise wrap_os_error(err if not isinstance(err, shutil.Error) else OSError(str(err)), move.source.path, "copied") from err
    flush_to_disk(place)
    if measure(place).digest != move.measured.digest:
        raise ArtifactChangedError(f"{move.source.asked} changed while it was promoted", next_step="wait until its writer is done, then promote it again")
