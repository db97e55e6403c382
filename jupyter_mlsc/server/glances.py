"""Answers that show a project and a notebook at a glance: status, runs, marks for the file browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jupyter_mlsc.errors import ArtifactMissingError, LedgerError, MlscError, PolicyError, UsageError
from jupyter_mlsc.server import shapes, wording
from jupyter_mlsc.server.desk import CHANNEL, Desk
from jupyter_mlsc.verdict import Decision, Reason

if TYPE_CHECKING:
    from jupyter_mlsc.project import Project
    from jupyter_mlsc.results import NotebookOverview, RowSeen
    from jupyter_mlsc.server.projects import OpenProject

NOTEBOOK = ".ipynb"

MOST_ROWS = 20_000
"""Rows that are sent of one run."""

_AT_ONCE = 20
"""Files that are hashed between two looks; a large one takes long."""

MOST_MARKS = 2_000
"""Files of one folder that are marked."""

_NOT_HERE = shapes.Entitlement(allowed=False, why="there is no project here")


def status(desk: Desk, asked: shapes.PathQuery, parameters: Mapping[str, str]) -> shapes.Status:
    """The project at a glance, also where there is none, or none that can be used."""
    place = desk.places.locate(asked.path)
    root = desk.projects.root_at(place)
    if desk.projects.is_supervised:
        told = Reason("server-supervised", "this server runs supervised: its ledger is kept outside", "run mlsc in a terminal outside", False)
        return _no_status(desk, asked.path, "server-supervised", told, root)
    if root is None:
        told = Reason("no-project", "there is no mlsc.toml at or above this folder, so nothing is checked here", "make a project: mlsc init", False)
        return _no_status(desk, asked.path, "no-project", told, None)
    try:
        with desk.projects.at(place).looking() as project:
            return _status(desk, project, place, asked.path)
    except PolicyError as err:
        return _no_status(desk, asked.path, "policy-invalid", _told("policy-invalid", err), root)
    except LedgerError as err:
        return _no_status(desk, asked.path, "ledger-unreadable", _told("ledger-unreadable", err), root)


def _told(code: str, err: MlscError) -> Reason:
    return Reason(code, err.message, err.next_step or "", True)


def _status(desk: Desk, project: Project, place: Path, asked: str) -> shapes.Status:
    found = project.status().document
    may = project.entitlements(place, CHANNEL)
    ledger = project.books.ledger
    checkpoint = None if ledger is None else ledger.checkpoint()
    keys = shapes_of_keys(found["keys"])
    vouching = next((entry for entry in project.keys.list() if entry.role == "vouching" and not entry.retired), None)
    runs = project.chronicle.of_notebook(project.target(place).asked, ()) if asked.endswith(NOTEBOOK) else []
    return shapes.Status(
        state="ready",
        path=asked,
        project=desk.places.folder_of(project.root),
        project_id=project.project_id,
        mode=project.policy.mode.value,
        policy=project.trust.state,
        policy_digest=str(project.trust.digest),
        tier=runs[-1].tier if runs else None,
        ledger=None
        if ledger is None or checkpoint is None
        else shapes.LedgerState(origin=ledger.origin, size=checkpoint.size, root=checkpoint.root.hex(), writable=ledger.writable),
        keys=keys,
        notes=wording.reasons((*project.notes, *project.books.faults)),
        revocations=_convert(found["revocations"], shapes.Revoked),
        overrides=_convert(found["overrides"], shapes.StandingException),
        may=shapes.Entitlements(
            **{action: shapes.Entitlement(allowed=each.allowed, why=each.why) for action, each in may.items()},
            init=shapes.Entitlement(allowed=False, why="there is a project here already"),
        ),
        unlocked=desk.vault.is_open(vouching),
        version=version("jupyter_mlsc"),
    )


def shapes_of_keys(found: object) -> tuple[shapes.Key, ...]:
    """The public side of keys as ``mlsc status --json`` has them."""
    return _convert(found, shapes.Key)


def _convert(found: object, kind: type[shapes.AnswerT]) -> tuple[shapes.AnswerT, ...]:
    return msgspec.convert(found, tuple[kind, ...])  # type: ignore[valid-type]  # a type that is handed in


def _no_status(desk: Desk, asked: str, state: shapes.State, note: Reason, root: Path | None) -> shapes.Status:
    may_init = shapes.Entitlement(allowed=True, why="") if state == "no-project" else shapes.Entitlement(allowed=False, why=note.message)
    closed = _NOT_HERE if state == "no-project" else shapes.Entitlement(allowed=False, why=note.message)
    return shapes.Status(
        state=state,
        path=asked,
        project=None if root is None else desk.places.folder_of(root),
        project_id=None,
        mode=None,
        policy=None,
        policy_digest=None,
        tier="supervised" if state == "server-supervised" else None,
        ledger=None,
        keys=(),
        notes=wording.reasons((note,)),
        revocations=(),
        overrides=(),
        may=shapes.Entitlements(sign=closed, review=closed, revoke=closed, override=closed, init=may_init),
        unlocked=desk.vault.is_open(None),
        version=version("jupyter_mlsc"),
    )


def runs(desk: Desk, asked: shapes.NotebookQuery, parameters: Mapping[str, str]) -> shapes.NotebookRuns:
    """What a notebook's run read and wrote, judged as it is now."""
    place = desk.places.existing(asked.path)
    if place.suffix != NOTEBOOK:
        raise UsageError(f"{asked.path} is no notebook", next_step="name a file that ends in .ipynb")
    opened = desk.projects.at(place)
    with opened.looking() as project:
        run = None if asked.run is msgspec.UNSET else asked.run
        seen = project.overview(place, run=run)
        if desk.looks.known_findings(place) is None:
            desk.projects.measure_later(opened, partial(_scan, desk, place, seen.story.path), place)
        if any(row.state == "unmeasured" for row in seen.rows):
            desk.projects.measure_later(opened, partial(_settle, opened, place, run), place / (run or "last"))
        return _notebook(desk, project, asked.path, seen)


def _settle(opened: OpenProject, place: Path, run: str | None) -> None:
    """Look again and again, some names at a time, until all of a notebook's artifacts were looked at: nobody waits, and others get their turn."""
    before = -1
    while not opened.is_closed:
        with opened.looking() as project:
            seen = project.overview(place, run=run)
            standings = project.standings
        left = [row.touch.name for row in seen.rows if row.state == "unmeasured"]
        if not left or len(left) == before:
            return
        before = len(left)
        for name in left[:_AT_ONCE]:
            standings.measure(name)


def _scan(desk: Desk, place: Path, name: str) -> None:
    desk.looks.findings(desk.projects.fresh(place), place, name)


def _notebook(desk: Desk, project: Project, asked: str, seen: NotebookOverview) -> shapes.NotebookRuns:
    from jupyter_mlsc.coverage import MEANINGS
    from jupyter_mlsc.display import TIERS
    from jupyter_mlsc.predicates import rfc3339

    chosen = seen.chosen
    named = desk.places.one_answer()
    rows = tuple(_row(project.root, row, seen, named) for row in seen.rows[:MOST_ROWS])
    environment = None
    if chosen is not None and chosen.environment is not None:
        environment = shapes.Environment(digest=chosen.environment, packages=chosen.packages)
    return shapes.NotebookRuns(
        path=seen.story.path,
        server_path=asked,
        project=desk.places.folder_of(project.root),
        mode=project.policy.mode.value,
        verdict=seen.decision.value,
        headline=seen.headline,
        reasons=wording.reasons(seen.failing),
        own=None if seen.own is None else wording.judged(seen.own, project.root, desk.places),
        tier=None if chosen is None else chosen.tier,
        tier_meaning=None if chosen is None else TIERS.get(chosen.tier),
        run=None if chosen is None else chosen.run,
        complete=chosen is not None and chosen.ended is not None,
        at=None if chosen is None else rfc3339(chosen.last),
        rows=rows,
        rows_left=max(0, len(seen.rows) - MOST_ROWS),
        cells=_cells(seen, rows),
        gone=seen.story.gone,
        coverage=tuple(shapes.Gap(code=code, count=count, meaning=MEANINGS.get(code, "")) for code, count in (seen.story.coverage or {}).items()),
        environment=environment,
        findings=desk.looks.known_findings(desk.places.locate(asked)) or (),
        runs=tuple(
            shapes.RunLine(
                run=each.run,
                tier=each.tier,
                began=rfc3339(each.first),
                complete=each.ended is not None,
                reads=len(each.reads),
                writes=len(each.writes),
            )
            for each in seen.runs
        ),
        ledger_size=0 if project.books.ledger is None else project.books.ledger.size,
    )


def _row(root: Path, row: RowSeen, seen: NotebookOverview, named: Callable[[str], str | None]) -> shapes.Row:
    from jupyter_mlsc.predicates import rfc3339

    touch, verdict = row.touch, row.verdict
    return shapes.Row(
        path=touch.name,
        server_path=named(os.path.join(root, touch.name)),
        op=touch.operation,
        kind=touch.kind if verdict is None else verdict.kind or touch.kind,
        digest=str(touch.digest),
        verdict=row.decision.value,
        verified=verdict is not None and verdict.verified,
        reasons=wording.reasons(row.reasons),
        signers=() if verdict is None else wording.signers(verdict.signers),
        decisions=() if verdict is None else wording.decisions(verdict.decisions),
        at=rfc3339(touch.at),
        cell_id=touch.cell_id,
        execution_count=touch.execution_count,
        tier=seen.chosen.tier if seen.chosen is not None else None,
        stale=row.stale,
        changed=row.changed,
        missing=row.state == "missing",
        recorded=touch.verdict,
        judged="now" if row.state == "judged" else "record",
        index=touch.index,
    )


def _cells(seen: NotebookOverview, rows: tuple[shapes.Row, ...]) -> tuple[shapes.Cell, ...]:
    of: dict[str, list[shapes.Row]] = {}
    for row in rows:
        if row.cell_id is not None:
            of.setdefault(row.cell_id, []).append(row)
    order = ("allow", "warn", "block")
    return tuple(
        shapes.Cell(
            id=cell.id,
            state=cell.state,
            execution_count=cell.execution_count,
            verdict=max((row.verdict for row in of.get(cell.id, ())), key=order.index, default=None),
            reads=sum(row.op == "read" for row in of.get(cell.id, ())),
            writes=sum(row.op == "write" for row in of.get(cell.id, ())),
        )
        for cell in seen.story.cells
    )


def files(desk: Desk, asked: shapes.PathQuery, parameters: Mapping[str, str]) -> shapes.Files:
    """How the governed files of a folder stand; in no project, none does."""
    from jupyter_mlsc.standings import Budget

    folder = desk.places.existing(asked.path)
    if not folder.is_dir():
        raise ArtifactMissingError(f"{asked.path} is no folder", next_step="name a folder")
    if desk.projects.is_supervised or desk.projects.root_at(folder) is None:
        return shapes.Files(folder=asked.path, project=None, marks=())
    with desk.projects.at(folder).looking() as project, project.gatherer.one_look():
        budget = Budget()
        marks: list[shapes.FileMark] = []
        for name in sorted(os.listdir(folder)):
            place = folder / name
            if len(marks) >= MOST_MARKS:
                break
            if (name.startswith(".") and not desk.places.hidden) or not name.isprintable() or not project.is_governed(place):
                continue
            if place.is_dir() and not _is_artifact(project, place):
                continue
            marks.append(_mark(desk, project, place, budget))
        return shapes.Files(folder=asked.path, project=desk.places.folder_of(project.root), marks=tuple(marks))


def _is_artifact(project: Project, folder: Path) -> bool:
    """Whether statements are about the folder as a whole; else it only holds artifacts."""
    return any(project.gatherer.is_tree(name) or project.gatherer.is_named(name) for name in project.target(folder).names)


def _mark(desk: Desk, project: Project, place: Path, budget: object) -> shapes.FileMark:
    standing = project.standings.of(project.target(place).asked, budget)  # type: ignore[arg-type]  # a Budget, imported lazily
    verdict = standing.verdict
    named = desk.places.named(place) or place.name
    if verdict is None:
        return shapes.FileMark(name=place.name, server_path=named, mark="unknown", verdict=None, reason=None)
    failing = [each for each in verdict.reasons if each.fails]
    mark: shapes.Mark = "signed" if verdict.verified else "blocked" if verdict.decision is Decision.BLOCK else "warned" if failing else "noted"
    if any(each.code in ("digest-mismatch", "superseded") for each in failing):
        mark = "changed"
    first = next(iter(wording.reasons(failing or verdict.reasons)), None)
    return shapes.FileMark(name=place.name, server_path=named, mark=mark, verdict=verdict.decision.value, reason=first)
