"""Overseeing: what a supervised process is about to read is judged by its descriptor, under every name that was passed on the way to it.

Rules kept: the same verdict, reasons and records as a load through this package; no name is resolved again here, so nothing can be exchanged between
the check and the read; what a rule wants scanned is scanned before the run's word on it is sealed, so that its verdict has the findings in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.accounts import record_statement, record_write, settle_read, tell_output
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.format_choice import families_of, identify_opened, mismatch_faults
from jupyter_mlsc.judging import Target, name_in_project
from jupyter_mlsc.scans import ENTRY_KIND as SCANNED
from jupyter_mlsc.verdict import Verdict

if TYPE_CHECKING:
    from jupyter_mlsc.attestation import Statement
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Actor, Run


def target_named(project: ProjectState, names: Sequence[bytes]) -> Target:
    """A file as the policy sees it, by the absolute names that were passed on the way to it, the final one last. Raises ArtifactError."""
    known = [name_in_project(Path(os.fsdecode(name)), project.root, project.policy) for name in names]
    governed = [name for name in known if project.policy.governs(name)]
    # The name that a statement would be about: the one that was asked for, unless only where it leads is governed.
    asked = governed[0] if governed else known[-1]
    return Target(Path(os.fsdecode(names[-1])), asked, tuple(dict.fromkeys((asked, *known))))


def oversee_read(
    project: ProjectState, target: Target, descriptor: int, measured: Measurement, measure_fully: Callable[[], Measurement], run: Run, by: Actor
) -> Verdict:
    """Judge and record the read of an open file whose content tree was measured. Raises BlockedArtifactError, LedgerError.

    The descriptor's offset is put back to its beginning.
    """
    identified = identify_opened(target.asked, descriptor)
    families, faults = families_of(identified), mismatch_faults(identified, target.asked)
    verdict = project.judge.judge(target, measured, measure_fully, families=families, faults=faults, run=run)
    settle_read(project, verdict, run, by)
    return verdict


def scan_written(project: ProjectState, target: Target, descriptor: int, measured: Measurement, run: Run) -> tuple[Statement, ...]:
    """What a scan finds in what a supervised process wrote, where a rule asks for one; for `oversee_write`, which may wait for others. Raises MlscError."""
    if not project.policy.requires_scan(target.asked) or run.wrote(target.asked, measured.digest):
        return ()
    from jupyter_mlsc.artifact_scans import scan_of_output  # most runs write nothing that is to be scanned

    return (scan_of_output(project, target.asked, target.path, measured, descriptor),)


def oversee_write(
    project: ProjectState, target: Target, descriptor: int, measured: Measurement, run: Run, by: Actor, scans: tuple[Statement, ...] = ()
) -> Verdict | None:
    """Record what a supervised process wrote, by the descriptor of the file that it wrote to. None where that is on record already.

    Raises ArtifactError, LedgerError.
    """
    if run.wrote(target.asked, measured.digest):
        return None
    identified = identify_opened(target.asked, descriptor)
    output = tell_output(project, target, measured, families_of(identified), run, by=by, more=scans)
    record_write(project, output, run)
    for each in scans:
        record_statement(project, SCANNED, each, (output.name, output.digest), run)
    return output.verdict
