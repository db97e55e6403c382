"""The story of a notebook, from the record alone: its last run, what that read and wrote, its cells as saved against the code that ran, its reviews.

The record is the ledger and, in a fresh clone that has none, the provenance in the claim files, which names the notebook and the inputs too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, open_envelope
from jupyter_mlsc.claim_files import FoundEnvelope
from jupyter_mlsc.digests import measure_many
from jupyter_mlsc.errors import AttestationError, FormatError
from jupyter_mlsc.policy.revoking import revoked_keys
from jupyter_mlsc.story import Execution, NotebookStory, Recorded, Reviewed, SavedCell
from jupyter_mlsc.transfer import OpenedFile

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


@dataclass
class _Recorded:
    """What the record says of one run."""

    run: str
    tier: str
    notebook: str | None
    signer: str | None
    last: datetime
    """When it last said something."""
    began: datetime | None = None
    ended: datetime | None = None
    reads: dict[str, Digest] = field(default_factory=dict)
    writes: dict[str, Digest] = field(default_factory=dict)
    written: set[tuple[str, Digest]] = field(default_factory=set)
    refused: dict[str, None] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    coverage: dict[str, int] | None = None
    environment: str | None = None
    packages: tuple[str, ...] = ()

    def read(self, name: str, digest: Digest | None) -> None:
        """An artifact was read. What the run wrote itself is no input of it."""
        if digest is not None and (name, digest) not in self.written:
            self.reads[name] = digest
            self.refused.pop(name, None)

    @property
    def recorded(self) -> tuple[Recorded, ...]:
        """Inputs, then outputs, each as it was last."""
        inputs = [Recorded(name, "input", digest) for name, digest in self.reads.items()]
        return (*inputs, *(Recorded(name, "output", digest) for name, digest in self.writes.items()))


def notebook_story(project: ProjectState, path: Path) -> NotebookStory:
    """The story of a notebook, not yet beside what lies there now. Raises ArtifactError, FormatError for a file that is no notebook, LedgerError."""
    target = project.target(path)
    name = target.asked
    digest, saved = _saved_cells(path)
    reviews = tuple(_reviews(project, name, target.path))
    found = _last_run(project, name, {cell.code for cell in saved})
    if found is None:
        return NotebookStory(name, digest, saved, reviews=reviews)
    began, ended = (None if each is None else predicates.rfc3339(each) for each in (found.began, found.ended))
    return NotebookStory(
        name,
        digest,
        saved,
        found.run,
        found.tier,
        found.signer,
        began,
        ended,
        found.recorded,
        tuple(found.refused),
        tuple(found.executions),
        found.coverage,
        found.environment,
        found.packages,
        reviews,
    )


def beside_now(project: ProjectState, story: NotebookStory, known: Mapping[str, Digest]) -> NotebookStory:
    """The story beside what lies at each name of it now; ``known`` are digests that were computed already. Raises ArtifactError."""
    names = dict.fromkeys((*story.reads, *story.writes, *(saw.path for review in story.reviews for saw in review.saw if saw.path != story.path)))
    present: dict[str, Digest | None] = {name: known[name] for name in names if name in known}
    to_measure = {name: project.root / name for name in names if name not in present}
    there = {name: path for name, path in to_measure.items() if os.path.exists(path)}
    measured = measure_many(list(there.values()), sha256=True, content_tree=False)
    present |= {name: measured[there[name]].digest if name in there else None for name in to_measure}
    return story.beside(present)


def _saved_cells(path: Path) -> tuple[Digest, tuple[SavedCell, ...]]:
    with OpenedFile(path) as opened:
        data = opened.private_copy().tobytes()
    digest = Digest("sha256", hashlib.sha256(data).hexdigest())
    return digest, tuple(SavedCell(cell_id, _code(source), source) for cell_id, source in _code_cells(data, path))


def _code_cells(data: bytes, path: Path) -> list[tuple[str, str]]:
    """Id and source of each code cell; where the format has no ids, the cell's place among them. Raises FormatError for what is no notebook."""
    try:
        document = json.loads(data)
        cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
        return [(str(cell.get("id", index)), "".join(cell["source"])) for index, cell in enumerate(cells)]
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise FormatError(f"{path} is no notebook in Jupyter's format 4: {err!r}", next_step="open it in JupyterLab and save it again") from err


def _code(source: str) -> str:
    return "sha256:" + hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _reviews(project: ProjectState, name: str, path: Path) -> Iterator[Reviewed]:
    """Each person's newest decision about a notebook, made with a key that stands; oldest first."""
    known = project.gatherer.revocations
    known.look()
    layers = [layer for layer in project.policy.layers if layer.accepted]
    revoked = {key for layer in layers for key in revoked_keys(layer, project.project_id, known.all())}
    newest: dict[str, Reviewed] = {}
    claims = [c for c in project.gatherer.gather(name, path, None).claims if c.decision in (decisions.APPROVED, decisions.REJECTED) and c.name == name]
    for claim in sorted((c for c in claims if c.signed_at is not None and c.project == project.project_id), key=lambda c: (c.signed_at, c.source)):
        for key in claim.keys:
            owner = next((layer.owners[key] for layer in layers if key in layer.owners), None)
            if owner is None or owner.is_run or key in revoked or claim.signed_at is None or claim.decision is None:
                continue
            saw = (Recorded(name, "notebook", claim.digest), *(Recorded(each.name, each.role, each.digest) for each in claim.saw))
            newest.pop(owner.name, None)
            newest[owner.name] = Reviewed(claim.decision, owner.name, predicates.rfc3339(claim.signed_at), claim.note, saw)
    yield from newest.values()


def _last_run(project: ProjectState, name: str, codes: set[str]) -> _Recorded | None:
    """The newest run that names this notebook; else the newest that names none and ran nothing but these cells."""
    runs = list(_runs(project).values())
    named = [run for run in runs if run.notebook == name]
    if named:
        return named[-1]
    nameless = [r for r in runs if r.notebook is None and r.executions and sum(e.code in codes for e in r.executions) * 2 > len(r.executions)]
    return nameless[-1] if nameless else None


def _runs(project: ProjectState) -> dict[str, _Recorded]:
    """All runs on record in the order in which they last said something, whether the ledger or the claim files tell it."""
    runs: dict[str, _Recorded] = {}
    for kind, statement, keys in _statements(project):
        facts, body = _facts(statement)
        if facts is None or facts.project != project.project_id:
            continue
        subject = statement.subjects[0]
        name, digest = subject.name, Digest.from_in_toto(subject.digest)
        signer = next((who for key in keys if (who := project.identity_of(key)) is not None), None)
        at = _time(body)
        run = runs.setdefault(facts.run, _Recorded(facts.run, project.policy.tier_shown(facts.tier, keys) or facts.tier, facts.notebook, signer, at))
        run.last = max(run.last, at)
        run.notebook = run.notebook or facts.notebook
        if kind == "read":
            if body.verification_result == "FAILED" and name not in run.reads:
                run.refused[name] = None
            elif body.verification_result != "FAILED":
                run.read(name, digest)
        elif kind == "write":
            for each, its_digest, _ in body.inputs:
                run.read(each, its_digest)
            if digest is not None:
                run.writes.pop(name, None)
                run.writes[name] = digest
                run.written.add((name, digest))
        elif isinstance(body, predicates.RunBody) and body.phase == "start":
            run.began, run.packages, run.environment = body.at, body.packages, facts.environment
        elif isinstance(body, predicates.RunBody) and body.phase == "end":
            run.ended, run.coverage = body.at, dict(body.coverage)
            run.executions = _executions(body.cells)
        if facts.code is not None and run.ended is None:
            seen = Execution(facts.code, facts.cell_id, facts.execution_count, reads=(name,) if kind == "read" else ())
            _add(run.executions, seen)
    return dict(sorted(runs.items(), key=lambda each: each[1].last))


def _time(body: predicates.LoadBody | predicates.ProvenanceBody | predicates.RunBody) -> datetime:
    if isinstance(body, predicates.LoadBody):
        return body.time_verified
    return body.finished_on if isinstance(body, predicates.ProvenanceBody) else body.at


def _executions(cells: Sequence[predicates.CellBody]) -> list[Execution]:
    return [Execution(c.code, c.cell_id, c.execution_count, c.failed, tuple(read.name for read in c.reads if not read.module)) for c in cells]


def _add(executions: list[Execution], seen: Execution) -> None:
    """An execution that told of several reads and writes is one."""
    if executions and (executions[-1].code, executions[-1].cell_id, executions[-1].execution_count) == (seen.code, seen.cell_id, seen.execution_count):
        seen = Execution(seen.code, seen.cell_id, seen.execution_count, reads=tuple(dict.fromkeys((*executions.pop().reads, *seen.reads))))
    executions.append(seen)


def _statements(project: ProjectState) -> Iterator[tuple[str, Statement, tuple[str, ...]]]:
    """Kind, statement and keys of what runs said, if a key that policy names signed it. What does not verify tells no story: verdicts report it."""
    seen: set[str] = set()
    for kind, envelope in (*_logged(project, seen), *_filed(project, seen)):
        try:
            opened = open_envelope(envelope, project.identities)
        except AttestationError:
            continue
        if opened.verified:
            yield kind, opened.statement, opened.verified


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
