"""Observing: what a library opens by itself is judged before it does, and what was written is recorded once it is there.

Rules kept: the same verdict, reasons and records as a load or a save through this package; a folder that a statement names, or that is laid
out as a model, is one artifact, any other stands for the governed files in it; a file that was written by nobody whom this process
observed names an unverified input, so that nothing is laundered by being dropped into a folder; what a rule wants scanned is scanned before the run's
word on it is sealed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.accounts import record_statement, record_write, settle_read, tell_output
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.digest_cache import measure_cached
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ArtifactChangedError, MlscError
from jupyter_mlsc.format_choice import families_of, identify_here, mismatch_faults
from jupyter_mlsc.judging import NEVER_ARTIFACTS
from jupyter_mlsc.scans import ENTRY_KIND as SCANNED
from jupyter_mlsc.verdict import Verdict

if TYPE_CHECKING:
    from jupyter_mlsc.attestation import Statement
    from jupyter_mlsc.errors import LedgerError
    from jupyter_mlsc.imported_code import CodeFile
    from jupyter_mlsc.judging import Target
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Actor, Run


def observe_read(project: ProjectState, path: Path, run: Run, unrecorded: Callable[[LedgerError], None]) -> list[Verdict]:
    """Judge and record what is about to be read; nothing where no rule governs it. Raises BlockedArtifactError, ArtifactError, LedgerError.

    ``unrecorded`` is told what could not be written in a mode in which the read goes on.
    """
    return [_read(project, target, run, unrecorded) for target in _governed(project, path)]


def observe_code(project: ProjectState, code: Sequence[CodeFile], run: Run, unrecorded: Callable[[LedgerError], None]) -> list[MlscError]:
    """Remember the project's own code that runs in this process, and judge what of it a rule governs. Returns what was refused, or could not be checked."""
    failed: list[MlscError] = []
    for each in code:
        is_governed = project.is_governed(Path(each.path))
        if is_governed:
            try:
                observe_read(project, Path(each.path), run, unrecorded)
            except MlscError as err:
                failed.append(err)
        run.note_code(each.name, each.digest, is_governed=is_governed)
    return failed


def observe_write(project: ProjectState, path: Path, run: Run, *, observed: bool, by: Actor | None = None) -> Verdict | None:
    """Record what was written, with its provenance. None where no rule governs it or this run recorded these bytes already.

    ``observed`` is false where nothing in this process was seen to write it; then what another run, or a person who signed it meanwhile, says of
    these bytes stands, and nothing is added to it. Raises ArtifactError, LedgerError.
    """
    target = project.target(path)
    if not any(project.policy.governs(name) for name in target.names):
        return None
    measured = measure(target.path)
    if run.wrote(target.asked, measured.digest):
        return None
    if not observed and _is_told_of(project, target, measured):
        return None
    identified = identify_here(target.asked, target.path)
    scans: tuple[Statement, ...] = ()
    if project.policy.requires_scan(target.asked):
        from jupyter_mlsc.artifact_scans import scan_of_output  # most runs write nothing that is to be scanned

        scans = (scan_of_output(project, target.asked, target.path, measured),)
        if measure(target.path).digest != measured.digest:
            raise ArtifactChangedError(f"{target.asked} changed while it was scanned", next_step="wait until its writer is done")
    output = tell_output(project, target, measured, families_of(identified), run, observed=observed, by=by, more=scans)
    record_write(project, output, run)
    for each in scans:
        record_statement(project, SCANNED, each, (output.name, output.digest), run)
    return output.verdict


def _is_told_of(project: ProjectState, target: Target, measured: Measurement) -> bool:
    """Whether a statement that somebody known has made binds exactly these bytes to this name."""
    claims = project.gatherer.gather(target.asked, target.path, measured).claims
    return any(
        claim.keys and claim.decision is None and claim.is_about(measured) and (claim.name == target.asked or claim.within is not None) for claim in claims
    )


def _read(project: ProjectState, target: Target, run: Run, unrecorded: Callable[[LedgerError], None]) -> Verdict:
    def measured(whole: bool) -> Measurement:
        return measure_cached(target.path, project.digest_cache, time.time_ns(), sha256=whole)

    identified = identify_here(target.asked, target.path)
    faults = mismatch_faults(identified, target.asked)
    verdict = project.judge.judge(target, measured(False), lambda: measured(True), families=families_of(identified), faults=faults, run=run, told=True)
    settle_read(project, verdict, run, unrecorded=unrecorded)
    return verdict


def _governed(project: ProjectState, path: Path) -> Iterator[Target]:
    target = project.target(path)
    governed = any(project.policy.governs(name) for name in target.names)
    if not target.path.is_dir():
        if governed and target.path.is_file():
            yield target
        return
    is_tree = any(project.gatherer.is_tree(name) for name in target.names) or identify_here(target.asked, target.path).format is not None
    if governed and is_tree:
        yield target
        return
    if not any(project.policy.governs_below(name) for name in target.names):
        return
    for folder, folders, files in os.walk(target.path):
        folders[:] = sorted(name for name in folders if name not in NEVER_ARTIFACTS)
        for name in sorted(files):
            inside = project.target(Path(folder) / name)
            if any(project.policy.governs(each) for each in inside.names) and inside.path.is_file():
                yield inside
