"""The story of a notebook, from the record alone: its last run, what that read and wrote, and its cells as saved against the code that ran.

The record is the ledger and, in a fresh clone that has none, the provenance in the claim files, which names the notebook and the inputs too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlsc import predicates
from jupyter_mlsc.attestation import Envelope, Statement, open_envelope
from jupyter_mlsc.claim_files import FoundEnvelope
from jupyter_mlsc.errors import AttestationError, FormatError
from jupyter_mlsc.story import Execution, NotebookStory, SavedCell, cell_stories, gone_executions
from jupyter_mlsc.transfer import OpenedFile

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


@dataclass
class _Recorded:
    """What the ledger says of one run."""

    run: str
    tier: str
    notebook: str | None
    ended: bool = False
    reads: dict[str, None] = field(default_factory=dict)
    writes: dict[str, None] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    coverage: dict[str, int] = field(default_factory=dict)


def notebook_story(project: ProjectState, path: Path) -> NotebookStory:
    """The story of a notebook. Raises ArtifactError, FormatError for a file that is no notebook, LedgerError."""
    name = project.target(path).asked
    saved = _saved_cells(path)
    found = _last_run(project, name, {cell.code for cell in saved})
    if found is None:
        return NotebookStory(name, None, None, False, (), (), (), cell_stories(saved, ()), (), {})
    present = [each for each in (*found.reads, *found.writes) if (project.root / each).exists()]
    missing = tuple(each for each in (*found.reads, *found.writes) if each not in present)
    reads = tuple(each for each in found.reads if each in present)
    writes = tuple(each for each in found.writes if each in present and each not in found.reads)
    cells, gone = cell_stories(saved, found.executions), gone_executions(saved, found.executions)
    return NotebookStory(name, found.run, found.tier, found.ended, reads, writes, missing, cells, gone, found.coverage)


def _saved_cells(path: Path) -> list[SavedCell]:
    with OpenedFile(path) as opened:
        data = opened.private_copy().tobytes()
    try:
        document = json.loads(data)
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return [SavedCell(str(cell.get("id", index)), _code("".join(cell["source"]))) for index, cell in enumerate(cells)]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise FormatError(f"{path} is no notebook in Jupyter's format 4: {err!r}", next_step="open it in JupyterLab and save it again") from err


def _code(source: str) -> str:
    return "sha256:" + hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _last_run(project: ProjectState, name: str, codes: set[str]) -> _Recorded | None:
    """The newest run that names this notebook; else the newest that names none and ran nothing but these cells."""
    runs = list(_runs(project).values())
    named = [run for run in runs if run.notebook == name]
    if named:
        return named[-1]
    nameless = [r for r in runs if r.notebook is None and r.executions and sum(e.code in codes for e in r.executions) * 2 > len(r.executions)]
    return nameless[-1] if nameless else None


def _runs(project: ProjectState) -> dict[str, _Recorded]:
    """All runs on record in the order in which they last said something."""
    runs: dict[str, _Recorded] = {}
    for kind, name, statement in _statements(project):
        facts, body = _facts(statement)
        if facts is None or facts.project != project.project_id:
            continue
        run = runs.pop(facts.run, None) or _Recorded(facts.run, facts.tier, facts.notebook)
        runs[facts.run] = run
        run.notebook = run.notebook or facts.notebook
        if kind == "read":
            run.reads[name] = None
        elif kind == "write":
            run.writes[name] = None
            run.reads.update(dict.fromkeys(each for each, digest, _ in body.inputs if digest is not None))
        elif isinstance(body, predicates.RunBody) and body.phase == "end":
            run.ended, run.coverage = True, dict(body.coverage)
            run.executions = [Execution(cell.code, cell.cell_id, cell.execution_count) for cell in body.cells]
        if facts.code is not None and not run.ended:
            run.executions.append(Execution(facts.code, facts.cell_id, facts.execution_count))
    return runs


def _statements(project: ProjectState) -> Iterator[tuple[str, str, Statement]]:
    """Kind, name and statement of what runs said, if a key that policy names signed it. What does not verify tells no story: verdicts report it."""
    seen: set[str] = set()
    for kind, envelope in (*_logged(project, seen), *_filed(project, seen)):
        try:
            opened = open_envelope(envelope, project.identities)
        except AttestationError:
            continue
        if opened.verified:
            yield kind, opened.statement.subjects[0].name, opened.statement


def _logged(project: ProjectState, seen: set[str]) -> Iterator[tuple[str, Envelope]]:
    ledger = project.books.ledger
    for entry in () if ledger is None else ledger.entries():
        if ledger is not None and entry.kind in ("read", "write", "run"):
            envelope = Envelope.from_json(ledger.envelope(entry.envelope))
            seen.add(envelope.digest)
            yield entry.kind, envelope


def _filed(project: ProjectState, seen: set[str]) -> Iterator[tuple[str, Envelope]]:
    """Provenance of the claim files that the ledger does not have, oldest first."""
    found = []
    for item in project.books.claims.read():
        if isinstance(item, FoundEnvelope) and item.statement.predicate_type == predicates.PROVENANCE and item.envelope.digest not in seen:
            try:
                found.append((predicates.from_predicate(item.statement.predicate, predicates.ProvenanceBody).finished_on, item.envelope))
            except AttestationError:
                continue  # malformed: it tells no story
    for _, envelope in sorted(found, key=lambda pair: pair[0]):
        yield "write", envelope


def _facts(statement: Statement) -> tuple[predicates.RunFacts | None, Any]:
    if statement.predicate_type == predicates.VSA:
        load = predicates.from_predicate(statement.predicate, predicates.LoadBody)
        return (None if load.mlsc is None else load.mlsc.facts), load
    if statement.predicate_type == predicates.PROVENANCE:
        made = predicates.from_predicate(statement.predicate, predicates.ProvenanceBody)
        return made.facts, made
    run = predicates.from_predicate(statement.predicate, predicates.RunBody)
    return run.facts, run
