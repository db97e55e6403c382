"""Replaying: a recorded run of a notebook is run again in a copy of the project, on the recorded inputs, and what comes out is compared and stated.

Rules kept: nothing of the project is written to but the record, and where something of it changed all the same nothing is stated; the copy's inputs are
hashed, and one that is not what the record says ends it before anything runs; what was read and written is taken from the record of whoever watched the
replay, never from the notebook; what cannot be compared is not the same.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates, replays
from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.attestation import Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.comparing import compared
from jupyter_mlsc.decisions import Bound
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import ReplayError, UsageError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.judging import whole_digest
from jupyter_mlsc.policy import AcceptedPolicies
from jupyter_mlsc.project_copy import copy_file, copy_project, states
from jupyter_mlsc.project_state import ProjectState
from jupyter_mlsc.replays import DIFFERS, DOCUMENT_ORDER, EQUAL, MISSING, RECORDED_ORDER, WITHIN, DifferenceBody, ReplayBody, ReplayedOutput
from jupyter_mlsc.results import Replayed
from jupyter_mlsc.transfer import wrap_os_error
from jupyter_mlsc.trust import POLICY_FILE

if TYPE_CHECKING:
    from jupyter_mlsc.story import NotebookStory, Recorded

_SHOWN = 5

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What a kernel puts into its error messages for a terminal."""


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell to be run: its id and source, and whether it failed when it was recorded, so that it may fail again."""

    id: str
    source: str
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells in the order in which they are run, in the copy: ``notebook`` is the file there, ``hidden`` the project that nothing in it may open."""

    notebook: Path
    policy: Path
    hidden: Path
    cells: tuple[PlannedCell, ...]


@dataclass(frozen=True, slots=True)
class Executed:
    """How it went: the id of the cell that failed and may not have, and what the kernel said; both None where every cell ran."""

    failed: str | None = None
    error: str | None = None


Execute = Callable[[Plan], Executed]
"""Runs the cells in a kernel that is watched. Handed in, since who starts kernels stands above."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of a replay: the tolerance for comparing by meaning, the order of the cells, and whether the copy is kept."""

    tolerance: float | None = None
    order: str = RECORDED_ORDER
    keep: bool = False


@dataclass
class _Compared:
    outputs: list[ReplayedOutput] = field(default_factory=list)
    why_not: dict[str, str] = field(default_factory=dict)


def replay(project: ProjectState, story: NotebookStory, story_of: Callable[[ProjectState, Path], NotebookStory], execute: Execute, wish: Wish) -> Replayed:
    """Run a notebook's last run again and state what came of it.

    ``story`` is the notebook's, ``story_of`` reads that of the copy. Raises ReplayError where it cannot be run again as it was, ArtifactError, LedgerError,
    and what ``execute`` raises; then nothing was stated.
    """
    if wish.tolerance is not None and not replays.is_tolerance(wish.tolerance):
        raise UsageError(f"{wish.tolerance} is no tolerance", next_step="name a number from 0 (the same values) to 1, as in 1e-9")
    cells, order = _cells(story, wish.order)
    before = states(project.root)
    with _copy(project, story, keep=wish.keep) as root:
        _require_inputs(project, story, root)
        plan = Plan(root / story.path, root / POLICY_FILE, project.root, cells)
        done = execute(plan)
        copied = ProjectState(root, project.home, project.trust, project.tier, project.clock)
        seen = story_of(copied, plan.notebook)
        if seen.run in (None, story.run) or seen.tier is None:
            failed = f", which failed: {_COLOURS.sub('', done.error).strip().rpartition(chr(10))[2]}" if done.error else ""
            raise ReplayError(f"nothing is on record of the replay of {story.path}{failed}", next_step="see what is written above, and: mlsc replay --keep")
        found = _compare(project, story, root, wish.tolerance)
        _require_unchanged(project, story, before)
    body = _body(project, story, seen, order, wish.tolerance, found.outputs, done)
    signer, index = _state(project, body, seen.tier)
    return Replayed(body, signer, index, found.why_not, _other_versions(story, seen), done.error, str(root) if wish.keep else None)


def _cells(story: NotebookStory, wished: str) -> tuple[tuple[PlannedCell, ...], str]:
    """What is run, in which order."""
    if story.run is None:
        raise ReplayError(f"no run of {story.path} is on record, so there is none to be run again", next_step=f"run it: mlsc run {story.path}")
    if not story.writes:
        raise ReplayError(
            f"the last run of {story.path} wrote nothing that a rule governs, so there is nothing to compare", next_step="see: mlsc policy explain"
        )
    as_they_stand = tuple(PlannedCell(cell.id, cell.source) for cell in story.saved)
    if wished == DOCUMENT_ORDER or not story.complete:
        return as_they_stand, DOCUMENT_ORDER
    sources = {cell.code: cell for cell in story.saved}
    gone = [str(each.execution_count) for each in story.executions if each.code not in sources]
    if gone:
        raise ReplayError(
            f"code that ran is not in {story.path} any more: [{'], ['.join(gone[:_SHOWN])}]{' and more' if len(gone) > _SHOWN else ''}",
            next_step="run the cells as they stand in the notebook: mlsc replay --order document; or run it anew: mlsc run",
        )
    # The cell that switches the watch on is not on record; it stands above all that is.
    executed = {each.code for each in story.executions}
    above = [saved for cell, saved in zip(story.cells, story.saved, strict=True) if cell.state == "unseen" and saved.code not in executed]
    unseen = [PlannedCell(saved.id, saved.source) for saved in above]
    ran = [PlannedCell(sources[each.code].id, sources[each.code].source, each.failed) for each in story.executions]
    return (*unseen, *ran), RECORDED_ORDER


@contextmanager
def _copy(project: ProjectState, story: NotebookStory, *, keep: bool) -> Iterator[Path]:
    """The project in a folder of its own, without what the run wrote, under the policy that rules here; forgotten and removed at the end."""
    names = [*story.reads, *story.writes]
    outside = [name for name in story.writes if PurePosixPath(name).is_absolute()]
    if outside:
        raise ReplayError(f"the run wrote to {outside[0]}, by a rule's absolute path: a replay would write over it", next_step="write it to the project")
    above = max((PurePosixPath(name).parts.count("..") for name in names), default=0)
    try:
        scratch = Path(os.path.realpath(tempfile.mkdtemp(prefix="mlsc-replay-")))
    except OSError as err:
        raise wrap_os_error(err, Path(tempfile.gettempdir()), "written") from err
    root = scratch.joinpath(*["beside"] * above, project.root.name)
    try:
        root.mkdir(parents=True)
        copy_project(project.root, root, leave=set(story.writes))
        for name in story.reads:
            if name.startswith("../") and (project.root / name).is_file():
                place = Path(os.path.normpath(root / name))
                place.parent.mkdir(parents=True, exist_ok=True)
                copy_file(project.root / name, place)
        (root / POLICY_FILE).unlink(missing_ok=True)
        (root / POLICY_FILE).write_text(project.trust.layer.text, encoding="utf-8")
        yield root
    except OSError as err:
        raise wrap_os_error(err, Path(err.filename or root), "copied") from err
    finally:
        _forget(project, root)
        if not keep:
            shutil.rmtree(scratch, ignore_errors=True)


def _forget(project: ProjectState, root: Path) -> None:
    """The copy and its ledger leave nothing in the user's memory of projects."""
    AcceptedPolicies(project.home.accepted).unsettle(root)
    project.books.memory.forget(str(root / project.books.place.relative_to(project.root)))


def _require_inputs(project: ProjectState, story: NotebookStory, root: Path) -> None:
    """Raise ReplayError unless each input has the recorded digest, in the copy, which nobody changes any more."""
    del project
    wrong = []
    for each in (each for each in story.recorded if each.role == "input"):
        place = Path(os.path.normpath(root / each.path))
        present = whole_digest(measure(place)) if place.exists() else None
        if present != each.digest:
            own = " (the run itself wrote over it)" if each.path in story.writes else ""
            wrong.append(f"{each.path} was {_short(each.digest)} and is {_short(present) if present is not None else 'not there'}{own}")
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ReplayError(
            f"the inputs of {story.path} are not those of its run: {'; '.join(wrong[:_SHOWN])}{more}",
            next_step=f"restore what the run read; or run it on what is there: mlsc run {story.path}",
        )


def _require_unchanged(project: ProjectState, story: NotebookStory, before: Mapping[str, FileIdentity]) -> None:
    """Raise ReplayError where a file of the project is not as it was: the notebook names it by an absolute path, or somebody else works here."""
    now = states(project.root)
    changed = sorted({name for name, state in before.items() if now.get(name) != state} | (set(now) - set(before)))
    if changed:
        listed = ", ".join(changed[:_SHOWN]) + (f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else "")
        raise ReplayError(
            f"files of the project changed while {story.path} was replayed in a copy of it, so nothing is stated: {listed}",
            next_step="look whether the notebook names them by an absolute path; else replay it while nobody works here",
        )


def _compare(project: ProjectState, story: NotebookStory, root: Path, tolerance: float | None) -> _Compared:
    found = _Compared()
    for each in (each for each in story.recorded if each.role == "output"):
        here, there = project.root / each.path, Path(os.path.normpath(root / each.path))
        if not os.path.lexists(there):
            found.outputs.append(ReplayedOutput(each.path, str(each.digest), MISSING))
            continue
        measured = measure(there)
        came_out = whole_digest(measured)
        if came_out == each.digest:
            found.outputs.append(ReplayedOutput(each.path, str(each.digest), EQUAL, str(came_out), predicates.content_tree(measured)))
            continue
        recorded = measure(here) if here.exists() else None
        if recorded is None or recorded.digest != each.digest:
            found.why_not[each.path] = "the recorded bytes are not there any more"
            found.outputs.append(ReplayedOutput(each.path, str(each.digest), DIFFERS, str(came_out)))
            continue
        difference = _difference(project, each, here, there, (recorded, measured), tolerance, found)
        within = tolerance is not None and difference is not None and difference.values == 0
        result = WITHIN if within else DIFFERS
        found.outputs.append(ReplayedOutput(each.path, str(each.digest), result, str(came_out), predicates.content_tree(recorded), difference))
    return found


def _difference(
    project: ProjectState, output: Recorded, here: Path, there: Path, measured: tuple[Measurement, Measurement], tolerance: float | None, found: _Compared
) -> DifferenceBody | None:
    """By how much an output differs; None, and why, where that cannot be told."""
    if measured[0].manifest is not None or measured[1].manifest is not None:
        old, new = ({line.name: line.sha256 for line in each.manifest or ()} for each in measured)
        files = sorted(name for name in {**old, **new} if old.get(name) != new.get(name))
        return DifferenceBody(len(files), None, files[0] if files else "")
    told = compared(here, there, name=output.path, tolerance=tolerance or 0.0, allow=project.policy.unpickle_allow, folder=there.parent)
    if isinstance(told, str):
        found.why_not[output.path] = told
        return None
    return DifferenceBody(told.differing, told.largest, told.where)


def _body(
    project: ProjectState, story: NotebookStory, seen: NotebookStory, order: str, tolerance: float | None, outputs: list[ReplayedOutput], done: Executed
) -> ReplayBody:
    known = {*story.reads, *story.writes}
    assert story.run is not None  # `_cells` looked
    assert seen.run is not None and seen.tier is not None  # noqa: PT018  # the caller looked
    return ReplayBody(
        project=project.project_id,
        facts=predicates.RunFacts(seen.run, project.project_id, seen.tier, notebook=story.path, environment=seen.environment),
        notebook=Bound(story.path, str(story.digest)),
        of=story.run,
        order=order,
        inputs=tuple(Bound(each.path, str(each.digest)) for each in story.recorded if each.role == "input"),
        outputs=tuple(outputs),
        at=project.clock(),
        tolerance=tolerance,
        environment=story.environment,
        failed=done.failed,
        besides=tuple(name for name in seen.reads if name not in known),
        coverage=dict(seen.coverage or {}),
    )


def _state(project: ProjectState, body: ReplayBody, tier: str) -> tuple[str | None, int | None]:
    """Sign with the run key of the tier and put it on record, under the notebook and under each output. Raises LedgerError, ArtifactError."""
    subjects = [(body.notebook.name, Digest.parse(body.notebook.digest)), *((each.name, Digest.parse(each.digest)) for each in body.outputs)]
    statement = Statement(tuple(Subject(name, digest.in_toto()) for name, digest in subjects), replays.REPLAY, predicates.to_predicate(body))
    signer = project.keys.run_signer(tier)
    envelope = seal(statement, [signer])
    indexes = project.books.append([entry_of("replay", envelope, replays.REPLAY, subjects, body.at)])
    project.books.file_claims((digest, envelope) for digest in dict.fromkeys(digest for _, digest in subjects))
    return project.identity_of(signer.public.key_id), None if indexes is None else indexes[0]


def _other_versions(story: NotebookStory, seen: NotebookStory) -> tuple[str, ...]:
    """Distributions that were not the same: 'pandas 2.1 -> 2.2'. Nothing where either record does not say."""
    if not story.packages or not seen.packages:
        return ()
    old, new = (dict(line.split("==", 1) for line in each.packages if "==" in line) for each in (story, seen))
    return tuple(f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in sorted({**old, **new}) if old.get(name) != new.get(name))


def _short(digest: Digest) -> str:
    return str(digest)[:19] + "…"
