"""A notebook at a glance: its last run's reads and writes, each with the verdict on it as it is now, its cells, its own verdict. Reads only.

Rules kept: what was recorded and what lies there now are told apart; a verdict is the policy's, or, where nothing lies there or a large file was
not measured yet, the one on record, and the row says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jupyter_mlsc.display import WORDS
from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.results import NotebookOverview, RowSeen
from jupyter_mlsc.standings import UNASKED, Budget, Standing
from jupyter_mlsc.story import NotebookStory, Touch
from jupyter_mlsc.verdict import STRICTNESS, Decision, Reason, Verdict

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState

UNSETTLED = frozenset({"edited", "stale"})
"""States of a cell in which what it read and wrote may be another thing than its code says now."""


def overview(project: ProjectState, saved: NotebookStory, *, run: str | None, patient: bool) -> NotebookOverview:
    """Look at a notebook as it is saved. ``run`` names an earlier run; ``patient`` waits until large files are hashed.

    Raises ArtifactError, LedgerError, UsageError for a run that is none of this notebook's.
    """
    name = saved.path
    standings = project.standings
    runs = project.chronicle.of_notebook(name, (cell.code for cell in saved.saved))
    chosen = next((each for each in runs if each.run == run), None) if run is not None else (runs[-1] if runs else None)
    if run is not None and chosen is None:
        raise UsageError(f"{name} has no run {run}", next_step="leave the run out to see the last one")
    budget = Budget.endless() if patient else Budget(UNASKED)
    touches = [] if chosen is None else list(chosen.touches.values())
    with project.gatherer.one_look():
        found = standings.of_each([name, *(touch.name for touch in touches)], budget)
        own = found[name]
        story = saved if chosen is None else saved.of_run(chosen)
        story = story.beside({each.name: at.digest for each in touches if (at := found[each.name]).digest is not None or at.state == "missing"})
        states = {cell.id: cell.state for cell in story.cells}
        rows = tuple(_row(touch, found[touch.name], states) for touch in touches)
    decision, sentence, failing = _headline(rows, own.verdict, is_run=chosen is not None)
    return NotebookOverview(decision, sentence, failing, story, chosen, tuple(reversed(runs)), rows, own.verdict)


def _row(touch: Touch, standing: Standing, states: Mapping[str, str]) -> RowSeen:
    changed = standing.digest is not None and standing.digest != touch.digest
    cell_changed = touch.cell_id is not None and states.get(touch.cell_id) in UNSETTLED
    verdict = standing.verdict
    decision = verdict.decision if verdict is not None else _decision(touch.verdict)
    if standing.state == "unreadable":
        decision = max(decision, Decision.WARN, key=STRICTNESS.index)
    reasons = _reasons(touch, standing, changed=changed)
    return RowSeen(touch, verdict, decision, standing.state, reasons, changed, stale=changed or cell_changed)


def _decision(recorded: str | None) -> Decision:
    """The verdict on record. A word that is none, or none at all, is no leave: `warn`."""
    return Decision(recorded) if recorded in tuple(Decision) else Decision.WARN


_NOTES = {
    "missing": Reason("gone", "nothing lies there any more; what is shown is on record", "restore it, or run the cell again", False),
    "unmeasured": Reason(
        "unmeasured",
        "it was not looked at yet, since it is large or there are many; what is shown is on record",
        "look again in a moment, or verify it now",
        False,
    ),
}


def _reasons(touch: Touch, standing: Standing, *, changed: bool) -> tuple[Reason, ...]:
    """The verdict's reasons, and what is to be known of the file."""
    found = () if standing.verdict is None else standing.verdict.reasons
    if standing.state in _NOTES:
        found = (*found, _NOTES[standing.state])
    if standing.state == "unreadable":
        found = (*found, Reason("unreadable", standing.why, "see that it can be read, then look again"))
    if changed:
        done = "read" if touch.operation == "read" else "written"
        found = (*found, Reason("changed-since", f"{touch.name} is not what it was when it was {done}", "run the notebook again", False))
    return found


def _headline(rows: Sequence[RowSeen], own: Verdict | None, *, is_run: bool) -> tuple[Decision, str, tuple[Reason, ...]]:
    verdicts = [(row.decision, row.reasons) for row in rows]
    if own is not None and own.governed:
        verdicts.append((own.decision, own.reasons))
    decision = max((each for each, _ in verdicts), key=STRICTNESS.index, default=Decision.ALLOW)
    failing = tuple(dict.fromkeys(reason for _, reasons in verdicts for reason in reasons if reason.fails))
    if not is_run:
        return decision, "no run of this notebook is on record", failing
    if not verdicts:
        return decision, "its last run read and wrote nothing that is governed", failing
    waiting = sum(row.state == "unmeasured" for row in rows)
    if decision is Decision.ALLOW and not failing:
        if waiting:
            return decision, f"in order so far: {waiting} of {len(verdicts)} artifacts were not looked at yet", failing
        return decision, f"in order: {len(verdicts)} of {len(verdicts)} artifacts satisfy the policy", failing
    counts = {each: sum(found is each for found, _ in verdicts) for each in (Decision.BLOCK, Decision.WARN)}
    bad = ", ".join(f"{count} {WORDS[each]}" for each, count in counts.items() if count)
    return decision, f"not in order: {bad or 'observed only'} of {len(verdicts)} artifacts", failing
