"""Saving: stage the new version beside the old, measure it, swap it in, and record where it came from.

Rules kept: a save appears whole or not at all; what cannot be recorded is taken back; the run's word is provenance and never approves
data; the inputs are all that the run has read so far, and the statement says so (`precise` is false).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlsc import formats, predicates
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.digests import measure
from jupyter_mlsc.environment import git_state, installed
from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.format_choice import by_name
from jupyter_mlsc.gathering import claims_of
from jupyter_mlsc.judging import Target, kind_of, whole_digest
from jupyter_mlsc.results import Saved
from jupyter_mlsc.transfer import flush_to_disk, staged, wrap_os_error
from jupyter_mlsc.verdict import Verdict

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Read, Run


def save(project: ProjectState, value: object, path: Path, run: Run, *, format_name: str | None) -> Saved:
    """Save a value with its provenance. Raises FormatError, ArtifactError, LedgerError; then what was there before is still there."""
    # Writing through a link changes what it leads to, as every library's own writer does.
    target = project.target(Path(os.path.realpath(path)))
    name = target.asked
    if name.startswith("../") and not project.policy.governs(name):
        raise UsageError(f"{path} is outside the project", next_step="save inside the project, or add a rule for that folder to mlsc.toml")
    chosen = by_name(format_name) if format_name is not None else formats.for_saving(name)
    with staged(target.path, folder=chosen.folder) as replacement:
        _write(chosen, value, replacement.staged, target.path)
        measured = measure(replacement.staged)
        digest = whole_digest(measured)
        envelope, inputs, verdict = _provenance(project, target, measured, chosen.families, run)
        replacement.put()
        project.record(run, entry_of("write", envelope, predicates.PROVENANCE, [(name, digest)], project.clock()))
        project.books.file_claim(digest, envelope)
    run.note_write(name, digest, verified=all(each.verified for each in inputs))
    return Saved(name, digest, chosen.name, tuple(each.name for each in inputs), verdict, project.books.notes)


def _write(chosen: formats.Format, value: object, place: Path, shown: Path) -> None:
    try:
        if chosen.folder:
            chosen.save(value, place)
        else:
            with open(place, "wb") as stream:
                chosen.save(value, stream)
    except OSError as err:
        raise wrap_os_error(err, shown, "written") from err
    flush_to_disk(place)


def _provenance(project: ProjectState, target: Target, measured: Measurement, families: frozenset[str], run: Run) -> tuple[Envelope, tuple[Read, ...], Verdict]:
    """The run's statement about an output (SLSA provenance v1, sealed with the run key), its inputs, and the policy's verdict on it."""
    name, digest, inputs = target.asked, whole_digest(measured), run.inputs
    state = git_state(project.root)
    facts = run.facts(environment=installed().digest, git_commit=state.commit, git_dirty=state.dirty)
    output = predicates.OutputBody(
        name,
        kind_of(project.policy, name, families),
        project.project_id,
        measured.size,
        predicates.content_tree(measured),
        predicates.file_lines(measured),
    )
    annotated = [(each.name, each.digest, predicates.InputBody(each.decision, each.verified, each.cell)) for each in inputs]
    at = project.gatherer.later_than_all(name, project.clock())

    def statement(verdict: str | None) -> Statement:
        body = predicates.provenance_body(msgspec.structs.replace(output, verdict=verdict), facts, annotated, at, precise=False)
        return Statement((Subject(name, digest.in_toto()),), predicates.PROVENANCE, predicates.to_predicate(body))

    claims = tuple(claims_of(statement(None), [project.run_signer.public.key_id], name))
    verdict = project.judge.judge(target, measured, lambda: measured, families=families, more=claims)
    return seal(statement(str(verdict.decision)), [project.run_signer]), inputs, verdict
