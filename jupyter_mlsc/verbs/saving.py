"""Saving: stage the new version beside the old, measure it, swap it in, and record where it came from.

Rules kept: a save appears whole or not at all; what cannot be recorded is taken back; the run's word is provenance and never approves
data; the inputs are the reads whose values may have reached what is saved (`precise` says whether the cells' code told which); nobody waits for a profile.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import formats
from jupyter_mlsc.accounts import record_statement, record_write, tell_output
from jupyter_mlsc.artifact_scans import ENTRY_KIND as SCAN
from jupyter_mlsc.artifact_scans import scan_of_output
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.format_choice import by_name
from jupyter_mlsc.judging import NEVER_ARTIFACTS
from jupyter_mlsc.profile_making import begin_profile
from jupyter_mlsc.results import Saved
from jupyter_mlsc.transfer import flush_to_disk, staged, wrap_os_error
from jupyter_mlsc.trust import POLICY_FILE

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Run


def save(project: ProjectState, value: object, path: Path, run: Run, *, format_name: str | None, variable: str | None = None) -> Saved:
    """Save a value, which ``variable`` holds in the notebook, with its provenance.

    Raises FormatError, ArtifactError, LedgerError; then what was there before is still there.
    """
    # Writing through a link changes what it leads to, as every library's own writer does.
    target = project.target(Path(os.path.realpath(project.target(path).path)))
    name = target.asked
    if name == POLICY_FILE or name.split("/")[0] in NEVER_ARTIFACTS:
        raise UsageError(f"{path} is no artifact of this project: it holds the policy, the ledger or git's own files", next_step="choose another path")
    if name.startswith("../") and not project.policy.governs(name):
        raise UsageError(f"{path} is outside the project", next_step="save inside the project, or add a rule for that folder to mlsc.toml")
    chosen = by_name(format_name) if format_name is not None else formats.for_saving(name, value)
    with staged(target.path, folder=chosen.folder) as replacement:
        _write(chosen, value, replacement.staged, target.path)
        measured = measure(replacement.staged)
        scan = (scan_of_output(project, name, replacement.staged, measured),) if project.policy.requires_scan(name) else ()
        output = tell_output(project, target, measured, chosen.families, run, variable=variable, more=scan)
        replacement.put()
        record_write(project, output, run)
        for statement in scan:
            record_statement(project, SCAN, statement, (name, output.digest), run)
    begin_profile(project, name, target.path, measured, chosen.families)
    return Saved(name, output.digest, chosen.name, tuple(each.name for each in output.inputs), output.verdict, project.books.notes)


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
