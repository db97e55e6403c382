"""The statements of one project on where artifacts came from and where they went: opened, their signatures checked, and read into values.

Rules kept: what is told of a run, an input or a signer stands in an envelope whose hash the ledger's tree holds (or in a claim file), never in the index
alone; a signature is checked against the keys that policy names; statements of other projects are left out; nothing here decides.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, open_envelope, read_unverified
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.keys import PublicKey
from jupyter_mlsc.ledger.graph_index import GraphIndex, HeldIndex
from jupyter_mlsc.lineage import Artifact, InputEdge, Origin, Place, Production
from jupyter_mlsc.policy import Policy
from jupyter_mlsc.policy.revoking import revoked_keys, revoker
from jupyter_mlsc.provenance.questions import Question
from jupyter_mlsc.provenance.rows import READING
from jupyter_mlsc.provenance.unrecorded import UnrecordedClaims
from jupyter_mlsc.revocations import Revocations

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Ledger

_KEPT = 20_000
"""Statements that are kept read."""


@dataclass(slots=True)
class _Read:
    """One statement, its signatures checked, and what it says of how something was made, once that was read."""

    statement: Statement
    keys: tuple[str, ...]
    production: Production | None = None
    is_read: bool = False


@dataclass
class Provenance:
    """The statements of one project, as one user may read them. ``keys`` are policy's, by key id."""

    find_ledger: Callable[[], Ledger | None]
    claims: UnrecordedClaims
    keys: Mapping[str, PublicKey]
    policy: Policy
    project_id: str
    revocations: Revocations
    _index: GraphIndex | None = None
    _opened: OrderedDict[int, _Read | None] = field(default_factory=OrderedDict)
    _claims: tuple[Envelope, ...] = ()
    _claims_index: HeldIndex | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def asking(self) -> Iterator[Question]:
        """All that is known now, for the questions of one answer; one thread after the other. Raises LedgerError, ArtifactError."""
        with self._lock, self._looked() as question:
            yield question

    @contextmanager
    def _looked(self) -> Iterator[Question]:
        ledger = self.find_ledger()
        index = None if ledger is None else self.index(ledger)
        self.claims.look(ledger, index)
        self.revocations.look()
        with ExitStack() as stack:
            connections = []
            if index is not None:
                connections.append(stack.enter_context(index.current()))
            claims = self._look_at_claims()
            if claims is not None:
                connections.append(stack.enter_context(claims.current()))
            yield Question(self, connections)

    def _look_at_claims(self) -> HeldIndex | None:
        """The index of the claim files' statements that are in no ledger here; None where there are none."""
        found = {item.envelope.digest: item for each in sorted(READING.predicate_types) for item in self.claims.of_type(each)}
        claims = tuple(item.envelope for _, item in sorted(found.items()))
        if claims != self._claims:
            self._claims_index = HeldIndex(READING, [(found[each.digest].statement.predicate_type, each.to_json()) for each in claims])
            self._claims = claims
            self._opened = OrderedDict((number, read) for number, read in self._opened.items() if number >= 0)
        return self._claims_index if claims else None

    def index(self, ledger: Ledger) -> GraphIndex:
        """The index of this project's ledger."""
        if self._index is None or self._index.ledger is not ledger:
            self._index = GraphIndex(ledger, READING)
            self._opened.clear()
        return self._index

    def is_revoked(self, digest: Digest) -> bool:
        """Whether somebody revoked these bytes who may, by a layer of the policy."""
        return any(revoker(layer, each, self.project_id) is not None for each in self.revocations.of([digest]) for layer in self.policy.layers)

    def identity(self, keys: Sequence[str]) -> str | None:
        """Who signed."""
        return self.policy.identity_name(keys[0]) if keys else None

    def are_revoked(self, keys: Sequence[str]) -> bool:
        """Whether none of these keys says anything that counts any more."""
        known = self.revocations.of_keys(keys)
        return bool(keys) and bool(known) and any(set(keys) <= revoked_keys(layer, self.project_id, known) for layer in self.policy.layers)

    def read(self, numbers: Iterable[int]) -> Mapping[int, _Read]:
        """The statements of these entries, without those that cannot be read or are of another project."""
        wanted = list(dict.fromkeys(numbers))
        missing = [number for number in wanted if number not in self._opened]
        for number in missing:
            if number < 0:
                self._opened[number] = self._open(self._claims[-1 - number])
        ledger = self.find_ledger()
        if missing and ledger is not None:
            for entry, content in ledger.statements_at(number for number in missing if number >= 0):
                self._opened[entry.index] = self._open(content)
        found = {number: read for number in wanted if (read := self._opened.get(number)) is not None}
        while len(self._opened) > max(_KEPT, len(wanted)):
            self._opened.popitem(last=False)
        return found

    def _open(self, envelope: Envelope | bytes) -> _Read | None:
        try:
            envelope = Envelope.from_json(envelope) if isinstance(envelope, bytes) else envelope
            opened = open_envelope(envelope, self.keys)
            return _Read(opened.statement if opened.verified else read_unverified(envelope), opened.verified)
        except AttestationError:
            return None  # `verify` and `log verify` report it; it says nothing about where anything came from

    def production(self, read: _Read | None) -> Production | None:
        """What a statement says of how something was made; None where it is of another project, or malformed."""
        if read is None:
            return None
        if not read.is_read:
            read.production, read.is_read = self._production(read), True
        made = read.production
        if made is None or made.origin.key_revoked == self.are_revoked(read.keys):
            return made
        read.production = replace(made, origin=replace(made.origin, key_revoked=not made.origin.key_revoked))
        return read.production

    def _production(self, read: _Read) -> Production | None:
        if read.statement.predicate_type != predicates.PROVENANCE:
            return None
        try:
            body = predicates.from_predicate(read.statement.predicate, predicates.ProvenanceBody)
        except AttestationError:
            return None
        digest, facts, inputs = Digest.from_in_toto(read.statement.subjects[0].digest), body.facts, body.inputs
        if digest is None or facts.project != self.project_id:
            return None
        cell = facts.cell_id or (str(facts.execution_count) if facts.execution_count is not None else None)
        tier = self.policy.tier_shown(facts.tier, read.keys) if read.keys else facts.tier
        environment = None
        if facts.environment is not None:
            try:
                environment = Digest.parse(facts.environment)
            except ValueError:
                return None
        origin = Origin(
            facts.run,
            facts.notebook,
            cell,
            tier or facts.tier,
            body.finished_on,
            self.identity(read.keys),
            environment,
            facts.code,
            facts.git_commit,
            facts.executable,
            key_revoked=False,
            observed=all(used is not None for _, used, _ in inputs),
        )
        edges = tuple(InputEdge(name, used, note.cell, note.verdict) for name, used, note in inputs if used is not None)
        return Production(body.artifact.name, digest, origin, edges, body.precise, body.artifact.kind)

    def folder(self, read: _Read | None) -> tuple[Artifact, dict[str, str]] | None:
        """The folder that a statement is about, with the names of its files by their SHA-256; None where it is about none."""
        if read is None:
            return None
        try:
            if read.statement.predicate_type == predicates.PROVENANCE:
                made = predicates.from_predicate(read.statement.predicate, predicates.ProvenanceBody).artifact
                name, project, files = made.name, made.project, made.files
            else:
                signed = predicates.from_predicate(read.statement.predicate, predicates.ArtifactBody)
                name, project, files = signed.name, signed.project, signed.files
        except AttestationError:
            return None
        digest = Digest.from_in_toto(read.statement.subjects[0].digest)
        if digest is None or files is None or project != self.project_id:
            return None
        return Artifact(name, digest), {line.sha256: line.name for line in files}

    def place(self, read: _Read) -> Place | None:
        """Where a person's word put bytes; None for what is no promotion or exception, or by nobody whom the policy names."""
        if not read.keys or self.are_revoked(read.keys):
            return None
        by = self.identity(read.keys)
        try:
            if read.statement.predicate_type == decisions.OVERRIDE:
                made = predicates.from_predicate(read.statement.predicate, decisions.OverrideBody)
                return Place("overridden", made.name, by, made.signed_at, until=made.until) if made.project == self.project_id else None
            body = predicates.from_predicate(read.statement.predicate, decisions.VerificationBody)
        except AttestationError:
            return None
        told = body.mlsc
        if told is None or body.decision != decisions.PROMOTED or told.project != self.project_id:
            return None
        return Place("promoted", told.name, by, body.time_created, source=told.source, stage=told.stage)
