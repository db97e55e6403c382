"""Verifying: everything is hashed afresh, several files at once, and judged; nothing is loaded and nothing is recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.digests import measure, measure_many
from jupyter_mlsc.errors import ArtifactMissingError
from jupyter_mlsc.format_choice import families_of, identify_path, mismatch_faults
from jupyter_mlsc.judging import NEVER_ARTIFACTS, Target
from jupyter_mlsc.transfer import wrap_os_error
from jupyter_mlsc.trust import POLICY_FILE
from jupyter_mlsc.verdict import Reason, Verdict

if TYPE_CHECKING:
    from jupyter_mlsc.policy import Explanation
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Run

SIDECARS = (".sig", ".claims.jsonl")
"""Suffixes of files that hold statements about their neighbour; they are never artifacts themselves."""

MOST_TOLD = 4
"""Artifacts up to which each one that was changed is compared with its signed profile."""


def verify(project: ProjectState, paths: Sequence[Path], *, full: bool, run: Run | None, progress: Callable[[int, int], None] | None) -> list[Verdict]:
    """Judge files and signed trees; a folder that is neither stands for the governed files in it."""
    with project.gatherer.one_look():
        targets = list({target.path: target for path in (paths or [project.root]) for target in _expand(project, path)}.values())
    measured = measure_many([t.path for t in targets], sha256=full, content_tree=True, progress=progress)
    with project.gatherer.one_look():
        return [_verdict(project, target, measured[target.path], run, told=len(targets) <= MOST_TOLD) for target in targets]


def explain_verdict(project: ProjectState, path: Path) -> Explanation:
    """The verdict on one artifact with its grounds: the rules that decided, and what became of every statement."""
    target = project.target(path)
    families, faults = _identify(target)
    return project.judge.explain(target, measure(target.path), families=families, faults=faults)


def _verdict(project: ProjectState, target: Target, measured: Measurement, run: Run | None, *, told: bool) -> Verdict:
    families, faults = _identify(target)

    def measure_fully() -> Measurement:
        return measured if measured.digest is not None else measure(target.path)

    return project.judge.judge(target, measured, measure_fully, families=families, faults=faults, run=run, told=told)


def _identify(target: Target) -> tuple[frozenset[str], tuple[Reason, ...]]:
    identified = identify_path(target.asked, target.path)
    return families_of(identified), mismatch_faults(identified, target.asked)


def _expand(project: ProjectState, path: Path) -> Iterator[Target]:
    target = project.target(path)
    if not os.path.lexists(target.path):
        raise ArtifactMissingError(f"{path} does not exist", next_step="check the path; it is taken relative to the working directory")
    if not target.path.is_dir() or (target.path != project.root and _is_tree(project, target)):
        yield target
    else:
        yield from _below(project, target.path)


def _is_tree(project: ProjectState, target: Target) -> bool:
    """A folder is an artifact of its own where a statement says so, where it stands in a signed file's place, or where it is laid out as a model."""
    gatherer = project.gatherer
    return any(gatherer.is_tree(name) or gatherer.is_named(name) for name in target.names) or identify_path(target.asked, target.path).format is not None


def _below(project: ProjectState, folder: Path) -> Iterator[Target]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda e: e.name)
    except OSError as err:
        raise wrap_os_error(err, folder, "read") from err
    for entry in found:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            target = project.target(path)
            if target.asked in NEVER_ARTIFACTS:  # the project's own; deeper down such a name hides nothing
                continue
            if _is_tree(project, target) and any(project.policy.governs(n) for n in target.names):
                yield target
            else:
                yield from _below(project, path)
        elif not entry.name.endswith(SIDECARS) and entry.name != "model.sig" and path != project.root / POLICY_FILE:
            target = project.target(path)
            if any(project.policy.governs(n) for n in target.names):
                yield target
