"""A notebook that is about to be saved is judged: only where a rule asks for it, and by what its mode means. Nothing is recorded.

Rules kept: what a scan does not pass with (`high` and worse) blocks in `enforce` and warns in `warn`; where the scan itself fails, `enforce` does not let
it pass, and the other modes do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.results import SaveJudged
from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.verdict import Decision, decision_for, reason

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def judge_save(project: ProjectState, path: Path, find: Callable[[str], Sequence[Finding]]) -> SaveJudged | None:
    """The decision with its findings; None where no rule asks for a scan at save. Raises ArtifactError for no path."""
    name = project.target(path).asked
    mode = project.policy.mode_of_saving(name)
    if mode is None:
        return None
    try:
        findings = tuple(find(name))
    except (MlscError, OSError, ValueError) as err:
        told = reason("save-refused", name=name, why=f"it could not be scanned: {err}")
        return SaveJudged(decision_for(mode, [told]), (), told)
    failing = [each for each in findings if each.severity.fails]
    if not failing:
        return SaveJudged(Decision.ALLOW, findings)
    first = failing[0]
    more = f", and {len(failing) - 1} more" if len(failing) > 1 else ""
    where = f" ({first.where})" if first.where else ""
    told = reason("save-refused", name=name, why=f"{first.message}{where} [{first.code}]{more}")
    return SaveJudged(decision_for(mode, [told]), findings, told)
