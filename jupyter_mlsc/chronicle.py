"""The runs of a project as they are on record, followed: what each read and wrote, where, when, under which verdict, and how it ended.

The record is the ledger and, in a fresh clone that has none, the provenance in the claim files, which names the notebook and the inputs too.
Rules kept: an entry is read and its signature checked once, so that who follows a ledger pays for what is new, and for what is old only when the
runs are asked for; what no key that the policy names
has signed tells no story: verdicts report it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, open_envelope
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.story import Execution, RecordedRun, Touch

if TYPE_CHECKING:
    from jupyter_mlsc.bookkeeping import Bookkeeper
    from jupyter_mlsc.keys import PublicKey
    from jupyter_mlsc.ledger import Entry, Ledger
    from jupyter_mlsc.policy import Policy

RUN_KINDS = frozenset({"read", "write", "run"})
"""Kinds of ledger entries that runs make."""


@dataclass(frozen=True, slots=True)
class News:
    """What entries are new since the last look: their kinds, the names and digests that they are about, and the notebooks whose runs made them."""

    size: int
    kinds: tuple[str, ...]
    subjects: tuple[tuple[str, str, str], ...]
    """Kind, name and digest of each subject."""
    notebooks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    kind: str
    index: int | None
    statement: Statement
    keys: tuple[str, ...]


class Chronicle:
    """Follows the runs of one project. One thread at a time."""

    def __init__(self, project_id: str, policy: Policy, keys: Mapping[str, PublicKey], books: Bookkeeper) -> None:
        self._project = project_id
        self._policy = policy
        self._keys = keys
        self._books = books
        self._position: int | None = None
        self._come = 0
        self._runs: dict[str, RecordedRun] = {}
        self._seen: set[str] = set()
        self.listeners: list[Callable[[News], None]] = []
        """Who is told what is new, whoever made this look."""

    def follow(self) -> News:
        """What the ledger has got since this was asked last; what stood there at first is not new, and not read for this. Raises LedgerError."""
        ledger = self._books.ledger
        if ledger is None:
            # What a ledger holds that is made later is new.
            self._position = self._position or 0
            return News(0, (), (), ())
        size = ledger.size
        if self._position is None:
            self._position = size
        kinds: dict[str, None] = {}
        notebooks: dict[str, None] = {}
        subjects: list[tuple[str, str, str]] = []
        new = list(ledger.entries(start=self._position, stop=size))
        for entry in new:
            kinds[entry.kind] = None
            subjects += [(entry.kind, name, digest) for name, digest in entry.subjects]
        follows_on = self._come == self._position
        for told in self._tell(ledger, new):
            run = _add(self._runs if follows_on else {}, told, self._project, self._policy)
            if run is not None and run.notebook is not None:
                notebooks[run.notebook] = None
        self._position = size
        if follows_on:
            self._come = size
        news = News(size, tuple(kinds), tuple(subjects), tuple(notebooks))
        for tell in self.listeners if new else ():
            tell(news)
        return news

    def read_back(self, most: int | None = None) -> bool:
        """Read what stood on record at first, or at most so many entries of it; whether all was read. Raises LedgerError."""
        self.follow()
        ledger, position = self._books.ledger, self._position
        if ledger is None or position is None:
            return True
        stop = position if most is None else min(position, self._come + most)
        for told in self._tell(ledger, ledger.entries(start=self._come, stop=stop)):
            _add(self._runs, told, self._project, self._policy)
        self._come = stop
        return stop == position

    def runs(self) -> dict[str, RecordedRun]:
        """All runs on record in the order in which they last said something; follows the ledger first. Raises LedgerError."""
        self.read_back()
        runs = dict(self._runs)
        for told in self._filed():
            facts = _facts(told.statement)[0]
            if facts is not None and facts.run in runs and runs[facts.run] is self._runs.get(facts.run):
                known = runs[facts.run]  # what only a file says is not kept among what the ledger says
                runs[facts.run] = copy.deepcopy(known)
            _add(runs, told, self._project, self._policy)
        return dict(sorted(runs.items(), key=lambda each: each[1].last))

    def of_notebook(self, name: str, codes: Iterable[str]) -> list[RecordedRun]:
        """The runs that name this notebook, oldest first; else the newest that names none and ran mostly its cells. Raises LedgerError."""
        runs = list(self.runs().values())
        named = [run for run in runs if run.notebook == name]
        if named:
            return named
        known = set(codes)
        nameless = [r for r in runs if r.notebook is None and r.executions and sum(e.code in known for e in r.executions) * 2 > len(r.executions)]
        return nameless[-1:]

    def _tell(self, ledger: Ledger, entries: Iterable[Entry]) -> Iterator[_Told]:
        """What entries of runs say, their envelopes opened."""
        for entry, content in ledger.with_envelopes(entry for entry in entries if entry.kind in RUN_KINDS):
            try:
                envelope = Envelope.from_json(content)
            except AttestationError:
                continue  # `log verify` reports it
            for told in self._open(entry.kind, entry.index, envelope):
                if told.statement.predicate_type == predicates.PROVENANCE:
                    self._seen.add(envelope.digest)
                yield told

    def _open(self, kind: str, index: int | None, envelope: Envelope) -> Iterator[_Told]:
        try:
            opened = open_envelope(envelope, self._keys)
        except AttestationError:
            return
        if opened.verified:
            yield _Told(kind, index, opened.statement, opened.verified)

    def _filed(self) -> Iterator[_Told]:
        """Provenance of the claim files that the ledger does not have, oldest first."""
        found = []
        for item in self._books.claims.of_type(predicates.PROVENANCE):
            if item.envelope.digest not in self._seen:
                try:
                    found.append((predicates.from_predicate(item.statement.predicate, predicates.ProvenanceBody).finished_on, item.envelope))
                except AttestationError:
                    continue  # malformed: it tells no story
        for _, envelope in sorted(found, key=lambda pair: pair[0]):
            yield from self._open("write", None, envelope)


def _add(runs: dict[str, RecordedRun], told: _Told, project: str, policy: Policy) -> RecordedRun | None:
    facts, body = _facts(told.statement)
    if facts is None or facts.project != project:
        return None
    at = _time_of(body)
    run = runs.pop(facts.run, None)
    if run is None:
        signer = next((who for key in told.keys if (who := policy.identity_name(key)) is not None), None)
        run = RecordedRun(facts.run, policy.tier_shown(facts.tier, told.keys) or facts.tier, facts.notebook, signer, at, at)
    runs[facts.run] = run
    run.last = max(run.last, at)
    run.notebook = run.notebook or facts.notebook
    run.environment = run.environment or facts.environment
    subject = told.statement.subjects[0]
    digest = Digest.from_in_toto(subject.digest)
    read: tuple[str, ...] = ()
    if isinstance(body, predicates.RunBody):
        if body.phase == "end":
            run.ended, run.coverage = body.at, dict(body.coverage)
            run.executed_in_all(_executions(body.cells))
            run.cells = body.cells
        else:
            run.began, run.packages = body.at, body.packages
    elif digest is not None:
        for touch in _touches(told, body, facts, subject.name, digest, at):
            run.touched(touch)
        if isinstance(body, predicates.ProvenanceBody):
            run.made_from[subject.name] = tuple(each for each, _, _ in body.inputs), body.precise
        read = (subject.name,) if isinstance(body, predicates.LoadBody) else ()
    if facts.code is not None and run.ended is None:
        run.executed(Execution(facts.code, facts.cell_id, facts.execution_count, reads=read))
    return run


def _executions(cells: Iterable[predicates.CellBody]) -> list[Execution]:
    return [Execution(c.code, c.cell_id, c.execution_count, c.failed, tuple(read.name for read in c.reads if not read.module)) for c in cells]


def _touches(told: _Told, body: Any, facts: predicates.RunFacts, name: str, digest: Digest, at: datetime) -> Iterator[Touch]:
    cell, count = facts.cell_id, facts.execution_count
    if isinstance(body, predicates.LoadBody):
        assert body.mlsc is not None  # it had facts
        yield Touch("read", name, digest, at, cell, count, body.mlsc.verdict, body.mlsc.kind, told.index)
        return
    for each, of, note in body.inputs:
        if of is not None:
            number = int(note.cell) if note.cell is not None and note.cell.isdecimal() else None
            yield Touch("read", each, of, at, note.cell if number is None else None, number, note.verdict)
    yield Touch("write", name, digest, at, cell, count, body.artifact.verdict, body.artifact.kind, told.index)


def _facts(statement: Statement) -> tuple[predicates.RunFacts | None, Any]:
    """Where it happened, and the typed body; None for what is no statement of a run."""
    try:
        if statement.predicate_type == predicates.VSA:
            load = predicates.from_predicate(statement.predicate, predicates.LoadBody)
            return (None if load.mlsc is None else load.mlsc.facts), load
        if statement.predicate_type == predicates.PROVENANCE:
            made = predicates.from_predicate(statement.predicate, predicates.ProvenanceBody)
            return made.facts, made
        run = predicates.from_predicate(statement.predicate, predicates.RunBody)
    except AttestationError:
        return None, None
    return run.facts, run


def _time_of(body: Any) -> datetime:
    if isinstance(body, predicates.LoadBody):
        return body.time_verified
    return body.finished_on if isinstance(body, predicates.ProvenanceBody) else body.at
