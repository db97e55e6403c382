"""Settling: profiles that were made behind a run's back go on record as the run's word.

Rules kept: a profile of other bytes than were saved is left out; a run's profile describes and counts for nothing (`policy.yardstick`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlsc.accounts import record_statement
from jupyter_mlsc.profile_making import profile_body, profile_statement
from jupyter_mlsc.profiles import ENTRY_KIND

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Run

CHANNEL = "run"
"""The channel of a profile that no person made."""


def settle(project: ProjectState, run: Run, seconds: float) -> list[str]:
    """Record the profiles that are done, after waiting so long for those that are not; what a person should know of the others.

    Raises LedgerError, ArtifactError.
    """
    notes = []
    for seen in project.behind.take(seconds):
        saved = seen.about
        if seen.problem:
            notes.append(f"{saved.name} has no profile: {seen.problem}")
        elif seen.looked is not None and seen.looked.sha256 == saved.digest.hex:
            body = profile_body(project, saved.name, saved.size, saved.at, CHANNEL, seen.looked)
            record_statement(project, ENTRY_KIND, profile_statement(body, saved.digest), (saved.name, saved.digest), run)
    return notes
