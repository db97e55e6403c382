"""A notebook's story for a person and for a program.

Rules kept: everything that comes from outside (names, notes, cells) is escaped; every fact of the text is in the document too; nothing decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_mlsc import decisions
from jupyter_mlsc.coverage import MEANINGS
from jupyter_mlsc.display import SHOWN_DIGITS, short
from jupyter_mlsc.story import CellState, Change, MadeFrom, NotebookStory, Reviewed, Step
from jupyter_mlsc.verdict import printable

_CELL_STATES: dict[CellState, str] = {
    "ran": "ran as saved",
    "edited": "edited since they ran",
    "stale": "stale",
    "never-run": "never ran",
    "unseen": "not watched (above the first cell that was: %load_ext itself, or never run)",
}
_MOST_STEPS = 60
"""Executions whose order a person is shown; the document has all."""


def story_lines(story: NotebookStory) -> list[str]:
    """What a reviewer reads: the run, what it read and wrote and what of that changed, the cells and their order, what was not seen, what persons said."""
    return [f"{printable(story.path)}: {_run(story)}", *(f"    {line}" for line in (*_told(story), *_reviews(story)))]


def _run(story: NotebookStory) -> str:
    if story.run is None:
        return "no run of this notebook is on record"
    at = story.ended or story.began
    when = f" on {at[:10]} {at[11:16]} UTC" if at else ""
    by = f", signed by {printable(story.signer)}" if story.signer else ""
    ended = "" if story.complete else "; its end is not on record, so cells that read or wrote nothing are not known"
    return f"run {story.run[:SHOWN_DIGITS]}{when} ({printable(story.tier or '')}{by}{ended})"


def _told(story: NotebookStory) -> Iterable[str]:
    if story.run is None:
        yield "next: run it with %load_ext jupyter_mlsc in its first cell, or: mlsc run " + printable(story.path)
        return
    yield from _files("read", "input", story)
    yield from _files("wrote", "output", story)
    for name in story.refused:
        yield f"was refused: {printable(name)}"
    yield from _cells(story)
    if story.in_order:
        yield "order: from the top to the end"
    else:
        more = len(story.order) - _MOST_STEPS
        yield "order: not the notebook's own: " + ", ".join(map(_step, story.order[:_MOST_STEPS])) + (f" and {more} more" if more > 0 else "")
    if story.gone:
        yield f"ran, but is not in the notebook as saved: {', '.join(f'[{count}]' for count in story.gone)}"
    if story.coverage:
        yield from (f"not seen: {count} {MEANINGS.get(code, printable(code))}" for code, count in sorted(story.coverage.items()))
    elif story.coverage is None:
        yield "not seen: not known, since the run's end is not on record"
    else:
        yield "not seen: nothing that the watch knows how to count"


def _files(verb: str, role: str, story: NotebookStory) -> Iterable[str]:
    changes = {each.path: each for each in story.changes if each.role == role}
    made = {each.path: each for each in story.made}
    for each in story.recorded:
        if each.role == role:
            change = changes.get(each.path)
            state = short(each.digest) if change is None else f"changed since: {_from_to(change)}"
            yield f"{verb} {printable(each.path)} · {state}" + (_made(made[each.path]) if role == "output" and each.path in made else "")


def _made(made: MadeFrom) -> str:
    if made.precise:
        return f" · from {_names(made.inputs)}"
    claim = "" if made.claimed is None or set(made.claimed) == set(made.inputs) else f"; by the kernel's own word from {_names(made.claimed)} alone"
    return f" · from all that was read until then{claim}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(printable, names)) or "no input"


def _from_to(change: Change) -> str:
    return f"{short(change.was)} → " + (short(change.now) if change.now is not None else "not there any more")


def _cells(story: NotebookStory) -> Iterable[str]:
    for state, meaning in _CELL_STATES.items():
        named = [cell for cell in story.cells if cell.state == state]
        if named:
            yield f"{meaning}: " + ", ".join(printable(cell.id) + (f" ({printable('; '.join(cell.why))})" if cell.why else "") for cell in named)
    failed = [step for step in story.order if step.failed]
    if failed:
        yield f"failed: {', '.join(map(_step, failed))}"


def _step(step: Step) -> str:
    count = f"[{step.execution_count}] " if step.execution_count is not None else ""
    return count + (printable(step.cell) if step.cell is not None else "(not in the notebook)")


def _reviews(story: NotebookStory) -> Iterable[str]:
    for review in story.reviews:
        note = f": {printable(review.note)}" if review.note else ""
        yield f"{printable(review.decision)} by {printable(review.by)} on {review.at[:10]}{note}"
        if not review.changes:
            what = "the notebook" + (f" and the {len(review.saw) - 1} inputs and outputs" if len(review.saw) > 1 else "")
            yield f"  {what} that were looked at are the same now"
        for change in review.changes:
            yield f"  since then {_WHAT[change.role]} {printable(change.path)} changed: {_from_to(change)}"
        if review.changes and review.decision == decisions.APPROVED:
            yield f"  next: look at it again and run: mlsc review {printable(story.path)} --approve --note TEXT"


_WHAT = {"notebook": "the notebook", "input": "the input", "output": "the output"}


def story_document(story: NotebookStory) -> dict[str, Any]:
    """One entry of ``notebooks`` in ``verify --json``."""
    return {
        "path": story.path,
        "digest": str(story.digest),
        "run": story.run,
        "tier": story.tier,
        "signer": story.signer,
        "began": story.began,
        "ended": story.ended,
        "complete": story.complete,
        "inputs": list(story.reads),
        "outputs": list(story.writes),
        "recorded": [{"path": each.path, "role": each.role, "digest": str(each.digest)} for each in story.recorded],
        "made": [
            {"path": m.path, "inputs": list(m.inputs), "precise": m.precise, "claimed": None if m.claimed is None else list(m.claimed)} for m in story.made
        ],
        "changed": _changes(story.changes),
        "missing": list(story.missing),
        "refused": list(story.refused),
        "cells": [{"id": c.id, "state": c.state, "execution_count": c.execution_count, "why": list(c.why)} for c in story.cells],
        "gone": list(story.gone),
        "order": [{"cell": step.cell, "execution_count": step.execution_count, "failed": step.failed} for step in story.order],
        "in_order": story.in_order,
        "coverage": None if story.coverage is None else dict(story.coverage),
        "reviews": [_review(review) for review in story.reviews],
    }


def _review(review: Reviewed) -> dict[str, Any]:
    return {"decision": review.decision, "by": review.by, "at": review.at, "note": review.note, "changed": _changes(review.changes)}


def _changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [{"path": each.path, "role": each.role, "was": str(each.was), "now": None if each.now is None else str(each.now)} for each in changes]
