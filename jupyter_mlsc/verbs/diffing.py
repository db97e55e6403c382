"""Comparing: a data set as it is against the last signed profile of it. Nothing is loaded, recorded or decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.digests import measure_many
from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.judging import whole_digest
from jupyter_mlsc.profiles import DatasetDiff

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def diff(project: ProjectState, path: Path, *, against: Path | None, progress: Callable[[int, int], None] | None) -> DatasetDiff:
    """Compare a data set with the newest profile that counts, of itself or of what ``against`` names; where there is none, with what a run saved.

    Raises UsageError where there is neither, FormatError, ArtifactError, MissingLibraryError.
    """
    target = project.target(path)
    wanted = target if against is None else project.target(against)
    yardstick = next((found for name in wanted.names if (found := project.yardsticks.of(name)) is not None), None)
    by_run = yardstick is None
    if yardstick is None:
        yardstick = next((found for name in wanted.names if (found := project.yardsticks.of_runs(name)) is not None), None)
    measured = measure_many([target.path], progress=progress)[target.path]
    digest = whole_digest(measured)
    if yardstick is None:
        raise UsageError(
            f"no profile of {target.asked} is on record that counts here",
            next_step=f'a profile is made of a data set when it is signed: mlsc sign {target.asked} (the rule must not say profile = "none")',
        )
    body = yardstick.body
    looked = None
    if digest != yardstick.digest:
        looked = project.yardsticks.compare(target.asked, target.path, yardstick)
        if looked is None:
            raise UsageError(f"{target.asked} is of no format that can be compared", next_step=f"see: mlsc verify {target.asked}")
    return DatasetDiff(
        target.asked,
        digest == yardstick.digest,
        digest,
        yardstick.digest,
        body.signed_at,
        yardstick.signer,
        body.name,
        None if looked is None else looked.facts,
        None if looked is None else looked.differences,
        by_run,
    )
