"""What a run read and wrote goes on record: the statement about a load and the provenance of an output, made and appended in one place.

Rules kept: a load that cannot be recorded fails in `enforce`; a record is made once for each (name, digest, outcome) of a run; the run's word
is provenance and never approves data; the inputs are the reads whose values may have reached the output, or, where the cells' code does not
tell, all that the run has read so far, and the statement says so (`precise` is false).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.environment import git_state
from jupyter_mlsc.errors import BlockedArtifactError, LedgerError
from jupyter_mlsc.judging import Target, kind_of, whole_digest
from jupyter_mlsc.project_state import ProjectState
from jupyter_mlsc.recording import Actor, Read, Run, phase_statement
from jupyter_mlsc.statement_claims import claims_of
from jupyter_mlsc.verdict import Mode, Verdict


@dataclass(frozen=True, slots=True)
class Output:
    """An output that is about to be recorded: the sealed statement, the inputs in it, and the policy's verdict."""

    name: str
    digest: Digest
    envelope: Envelope
    inputs: tuple[Read, ...]
    verdict: Verdict
    observed: bool
    variable: str | None = None
    """The variable that was saved, where that is known."""


def _warn_of(err: LedgerError) -> None:
    warnings.warn(f"this load was not recorded: {err}", stacklevel=3)


def settle_read(project: ProjectState, verdict: Verdict, run: Run, by: Actor | None = None, unrecorded: Callable[[LedgerError], None] = _warn_of) -> None:
    """Record the verdict, remember the input, and stop here if the verdict blocks. ``by`` is the process that reads, where a supervisor saw it.

    Raises BlockedArtifactError, and in `enforce` LedgerError; in the other modes ``unrecorded`` is told what could not be written.
    """
    if verdict.digest is not None and run.first("read", verdict.path, verdict.digest, verdict.decision):
        try:
            _record_read(project, verdict, run, by)
        except LedgerError as err:
            run.forget("read", verdict.path, verdict.digest, verdict.decision)
            if not verdict.allowed:
                raise BlockedArtifactError(verdict) from err
            if verdict.mode is Mode.ENFORCE:
                raise
            unrecorded(err)
    if not verdict.allowed:
        raise BlockedArtifactError(verdict)
    run.note_read(verdict, by)


def _record_read(project: ProjectState, verdict: Verdict, run: Run, by: Actor | None) -> None:
    assert verdict.digest is not None  # the caller looked
    now = project.clock()
    told = predicates.LoadFacts(str(verdict.decision), verdict.verified, tuple(r.code for r in verdict.reasons), verdict.kind, run.facts(by))
    body = predicates.load_body(verdict.path, project.trust.digest, told, now)
    statement = Statement((Subject(verdict.path, verdict.digest.in_toto()),), predicates.VSA, predicates.to_predicate(body))
    envelope = seal(statement, [project.run_signer])
    project.record(run, entry_of("read", envelope, predicates.VSA, [(verdict.path, verdict.digest)], now))


def record_write(project: ProjectState, output: Output, run: Run) -> None:
    """Append an output's provenance to the ledger and to the claim files. Raises LedgerError, ArtifactError.

    Only what was seen being written here is the run's own output, which it may read back: what merely appeared may be anybody's.
    """
    project.record(run, entry_of("write", output.envelope, predicates.PROVENANCE, [(output.name, output.digest)], project.clock()))
    project.books.file_claim(output.digest, output.envelope)
    if output.observed:
        run.note_write(output.name, output.digest, verified=all(each.is_good for each in output.inputs), variable=output.variable)


def record_statement(project: ProjectState, kind: str, statement: Statement, subject: tuple[str, Digest], run: Run) -> None:
    """Append something else that the run says of an artifact, signed with the run key. Raises LedgerError, ArtifactError."""
    envelope = seal(statement, [project.run_signer])
    project.record(run, entry_of(kind, envelope, statement.predicate_type, [subject], project.clock()))
    project.books.file_claim(subject[1], envelope)


def record_end(project: ProjectState, run: Run) -> None:
    """The run's last statement: how it was observed and what was not. Nothing where there is nothing to tell. Raises LedgerError."""
    if not run.started and not run.installs:
        return
    now = project.clock()
    statement = phase_statement(run, now, "end")
    entry = entry_of("run", seal(statement, [project.run_signer]), predicates.RUN, [("environment", Digest.parse(run.environment.digest))], now)
    project.record(run, entry)
    run.started = False


UNOBSERVED = "(written by something that was not observed)"
"""The input that stands for all that is not known of a file which appeared without this process having been seen to write it."""


def tell_output(
    project: ProjectState,
    target: Target,
    measured: Measurement,
    families: frozenset[str],
    run: Run,
    *,
    observed: bool = True,
    by: Actor | None = None,
    variable: str | None = None,
    more: tuple[Statement, ...] = (),
) -> Output:
    """The run's statement about an output: SLSA provenance v1, sealed with the run key, with the policy's verdict on it.

    Unless ``observed``, an unverified input stands in it for the unknown writer. ``variable`` names what was saved. ``more`` is what
    the run says of it besides.
    """
    name, digest = target.asked, whole_digest(measured)
    inputs, precise = run.inputs_of(name, variable) if observed else (run.inputs, False)
    state = run.work_tree(lambda: git_state(project.root))
    facts = run.facts(by, environment=run.environment.digest, git_commit=state.commit, git_dirty=state.dirty)
    output = predicates.OutputBody(
        name,
        kind_of(project.policy, name, families),
        project.project_id,
        measured.size,
        predicates.content_tree(measured),
        predicates.file_lines(measured),
    )
    annotated: list[tuple[str, Digest | None, predicates.InputBody]] = [
        (each.name, each.digest, predicates.InputBody(each.decision, each.verified, each.cell, each.code)) for each in inputs
    ]
    if not observed:
        annotated.append((UNOBSERVED, None, predicates.InputBody("warn", False)))
    at = project.gatherer.later_than_all(name, project.clock())

    def statement(verdict: str | None) -> Statement:
        body = predicates.provenance_body(msgspec.structs.replace(output, verdict=verdict), facts, annotated, at, precise=precise)
        return Statement((Subject(name, digest.in_toto()),), predicates.PROVENANCE, predicates.to_predicate(body))

    claims = tuple(claim for each in (statement(None), *more) for claim in claims_of(each, [project.run_signer.public.key_id], name))
    verdict = project.judge.judge(target, measured, lambda: measured, families=families, more=claims)
    return Output(name, digest, seal(statement(str(verdict.decision)), [project.run_signer]), inputs, verdict, observed, variable)
