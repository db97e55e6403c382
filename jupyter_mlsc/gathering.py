"""Evidence for a verdict: finds every statement about an artifact, checks its signatures, and hands policy the values it decides on.

Statements come from the ledger, from ``.mlsc/claims`` and from files beside the artifact. Rules kept: nothing is judged here; a
signature is checked against the keys that policy names and no others; what does not verify is reported as a reason; a file inside a
signed tree is spoken for by its line of the tree's manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest, ManifestLine, Measurement
from jupyter_mlsc.attestation import Envelope, Statement, open_envelope, read_unverified
from jupyter_mlsc.claim_files import ClaimFolder, UnreadableClaim, beside, lines_beside
from jupyter_mlsc.digests import manifest_digest
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.keys import PublicKey
from jupyter_mlsc.policy.counting import CLOCK_SKEW
from jupyter_mlsc.policy.evidence import Claim, InputClaim
from jupyter_mlsc.verdict import Reason, reason

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Entry, Ledger

STATEMENT_KINDS = (predicates.ARTIFACT, predicates.PROVENANCE, predicates.OMS_SIGNATURE)
"""Predicate types that can speak for an artifact; all others are records."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found about one name: claims for policy, and reasons about statements that could not be counted."""

    claims: tuple[Claim, ...]
    faults: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    source: str
    envelope: Envelope
    logged_at: datetime | None


@dataclass
class _Logbook:
    """What a ledger answered, for as long as its newest checkpoint is the same: the ledger only grows, so the answers are the same too."""

    ledger: Ledger
    holds: int = 0
    _note: str = ""
    _answers: dict[tuple[str | None, str | None], list[Entry]] = field(default_factory=dict)
    _envelopes: dict[str, Envelope] = field(default_factory=dict)

    def follow(self) -> None:
        """Forget the answers if the ledger has grown, unless it is held. Raises LedgerError."""
        if self.holds and self._note:
            return
        note = self.ledger.checkpoint().note
        if note != self._note:
            self._note, self._answers = note, {}

    def find(self, name: str | None = None, digest: str | None = None) -> list[Entry]:
        """As `Ledger.find`."""
        answers, key = self._answers, (name, digest)
        if key not in answers:
            answers[key] = self.ledger.find(name=name, digest=digest)
        return answers[key]

    def envelope(self, digest: str) -> Envelope:
        """The envelope that an entry names, checked by its digest when it is first read. Raises AttestationError, LedgerError."""
        if digest not in self._envelopes:
            self._envelopes[digest] = Envelope.from_json(self.ledger.envelope(digest))
        return self._envelopes[digest]


@dataclass
class Gatherer:
    """Finds statements for one project. ``find_ledger`` gives None where there is none yet; ``keys`` are policy's, by key id."""

    root: Path
    find_ledger: Callable[[], Ledger | None]
    keys: Mapping[str, PublicKey]
    _opened: dict[tuple[str, str], tuple[tuple[Claim, ...], tuple[str, ...]]] = field(default_factory=dict)
    _logbook: _Logbook | None = None

    def __post_init__(self) -> None:
        self._folder = ClaimFolder(self.root / ".mlsc" / "claims")

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Within the block ledger and claim files are looked at once: a command that asks about many names sees them all in one state."""
        with self._folder.held():
            logbook = self._current_logbook()
            if logbook is not None:
                logbook.holds += 1
            try:
                yield
            finally:
                if logbook is not None:
                    logbook.holds -= 1

    def gather(self, name: str, path: Path, measured: Measurement | None, digest: Digest | None = None) -> Gathered:
        """Claims about ``name`` (also as a file of a signed tree), and about the same bytes under any other name.

        ``digest`` is what the bytes are known to be where it was not measured itself.
        """
        names = {name, *_parents(name)}
        digest = digest or (None if measured is None else measured.digest)
        claims: dict[tuple[object, ...], Claim] = {}
        faults: dict[str, Reason] = {}
        for found in self._found(name, names, digest, path, faults):
            try:
                made, bad = self._claims(found, name)
            except AttestationError as err:
                faults.setdefault(found.source, reason("statement-invalid", name=name, where=found.source, why=err.message))
                continue
            if bad:
                # Where another signature of the same envelope holds, the bad one takes nothing away from it, but is told.
                code = "statement-invalid" if any(claim.keys for claim in made) else "signature-invalid"
                faults.setdefault(found.source, reason(code, name=name, where=found.source, why="a signature does not match the key that it names"))
            for claim in made:
                claims.setdefault((claim.name, claim.digest, claim.keys, claim.signed_at, claim.predicate_type, claim.within), claim)
        if measured is not None:
            for claim in self._bundles(name, path, measured, faults):
                claims.setdefault((claim.name, claim.digest, claim.keys, claim.predicate_type), claim)
        return Gathered((*claims.values(), *_left_out(claims.values())), tuple(faults.values()))

    def later_than_all(self, name: str, now: datetime) -> datetime:
        """A time for a new statement about ``name``: now, or just after the newest one that a known key signed, so that the new one wins.

        A statement that is dated further ahead than clocks differ is not followed there: policy does not count it, and would not count ours.
        """
        times = [c.signed_at for c in self.gather(name, self.root / name, None).claims if c.keys and c.signed_at is not None and c.name == name]
        newest = max((t for t in times if t < now + CLOCK_SKEW), default=now)
        return max(now, newest + timedelta(microseconds=1)) if times else now

    def is_named(self, name: str) -> bool:
        """True when a statement by a known key is about exactly ``name``, as a file or as a tree: whatever stands there now is held to it."""
        return any(c.name == name and c.within is None and c.keys for c in self.gather(name, self.root / name, None).claims)

    def is_tree(self, name: str) -> bool:
        """True when a statement is about ``name`` as a directory tree."""
        return any(c.name == name and c.digest.algorithm == "dirhash" for c in self.gather(name, self.root / name, None).claims)

    def _found(self, name: str, names: set[str], digest: Digest | None, path: Path, faults: dict[str, Reason]) -> Iterator[_Found]:
        seen: set[str] = set()
        for found in self._logged(name, names, digest, faults):
            seen.add(found.envelope.digest)
            yield found
        for item in (*self._folder.about(names, digest), *lines_beside(path)):
            if isinstance(item, UnreadableClaim):
                if digest is not None and item.digest_hex in (digest.hex, None):
                    faults.setdefault(item.source, reason("statement-invalid", name=name, where=item.source, why=item.why))
            elif item.envelope.digest not in seen and _speaks_of(item.statement, names, digest):
                seen.add(item.envelope.digest)
                yield _Found(item.source, item.envelope, None)

    def _logged(self, name: str, names: set[str], digest: Digest | None, faults: dict[str, Reason]) -> Iterator[_Found]:
        logbook = self._current_logbook()
        if logbook is None:
            return
        entries = {entry.index: entry for each in sorted(names) for entry in logbook.find(name=each)}
        if digest is not None:
            entries.update({entry.index: entry for entry in logbook.find(digest=str(digest))})
        for index in sorted(entries):
            entry = entries[index]
            if entry.predicate_type not in STATEMENT_KINDS:
                continue
            source = f"ledger entry {index}"
            try:
                envelope = logbook.envelope(entry.envelope)
            except AttestationError as err:
                faults.setdefault(source, reason("signature-invalid", name=name, where=source, why=err.message))
                continue
            yield _Found(source, envelope, entry.time)

    def _current_logbook(self) -> _Logbook | None:
        """The ledger's answers, emptied of what was found before the ledger grew."""
        ledger = self.find_ledger()
        if ledger is None:
            return None
        logbook = self._logbook
        if logbook is None or logbook.ledger is not ledger:
            logbook = self._logbook = _Logbook(ledger)
        logbook.follow()
        return logbook

    def _claims(self, found: _Found, name: str) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
        key = (found.envelope.digest, name)
        known = self._opened.get(key)
        if known is None:
            opened = open_envelope(found.envelope, self.keys)
            statement = opened.statement if opened.verified else read_unverified(found.envelope)
            known = self._opened[key] = (tuple(claims_of(statement, opened.verified, name)), opened.bad)
        made, bad = known
        return tuple(replace(claim, source=found.source, logged_at=found.logged_at) for claim in made), bad

    def _bundles(self, name: str, path: Path, measured: Measurement, faults: dict[str, Reason]) -> Iterator[Claim]:
        """Plain OMS bundles beside the artifact: they bind no name and no project."""
        from jupyter_mlsc.export.oms import read_oms_bundle

        for source, data in beside(path):
            if isinstance(data, UnreadableClaim):
                faults.setdefault(source, reason("statement-invalid", name=name, where=source, why=data.why))
                continue
            try:
                bundle = read_oms_bundle(data)
                opened = open_envelope(bundle.envelope, self.keys)
            except AttestationError as err:
                faults.setdefault(source, reason("statement-invalid", name=name, where=source, why=err.message))
                continue
            if opened.bad and not opened.verified:
                faults.setdefault(source, reason("signature-invalid", name=name, where=source, why="its signature does not match the key that it names"))
            digest = _oms_digest(bundle.unverified.resources, None if measured.is_tree else path.name)
            yield Claim(predicates.OMS_SIGNATURE, None, None, None, digest, opened.verified, None, source)


def _left_out(claims: Iterable[Claim]) -> Iterator[Claim]:
    """What statements about a tree say of a file that others of its statements name and they do not: that it is no longer there."""
    found = list(claims)
    naming = {(c.within, c.predicate_type, c.keys, c.signed_at, c.source) for c in found if c.within is not None}
    trees = {within for within, *_ in naming}
    for claim in found:
        if (
            claim.name in trees
            and claim.digest.algorithm == "dirhash"
            and (claim.name, claim.predicate_type, claim.keys, claim.signed_at, claim.source) not in naming
        ):
            yield replace(claim, within=claim.name)


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        if name.strip("./"):
            yield name


def _speaks_of(statement: Statement, names: set[str], digest: Digest | None) -> bool:
    if statement.predicate_type not in STATEMENT_KINDS:
        return False
    return any(s.name in names or (digest is not None and Digest.from_in_toto(s.digest) == digest) for s in statement.subjects)


def claims_of(statement: Statement, keys: Iterable[str], name: str) -> Iterator[Claim]:
    """What a statement, signed by these keys, claims about ``name``. Raises AttestationError for a malformed predicate."""
    read = _READERS.get(statement.predicate_type)
    if read is not None:
        yield from read(statement, tuple(keys), name)


def _from_artifact(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    body = predicates.from_predicate(statement.predicate, predicates.ArtifactBody)
    digest = _one_subject(statement, body.name)
    root = None if body.content_tree is None else _root(body.content_tree)
    whole = Claim(predicates.ARTIFACT, body.name, body.kind, body.project, digest, keys, body.signed_at, "", root, body.size, channel=body.channel)
    yield from _whole_and_member(whole, body.files, name)


def _from_provenance(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    body = predicates.from_predicate(statement.predicate, predicates.ProvenanceBody)
    made = body.artifact
    digest = _one_subject(statement, made.name)
    if body.facts.project != made.project:
        raise AttestationError(f"provenance of {made.name} names two projects")
    inputs = tuple(InputClaim(n, d, note.verified, note.cell) for n, d, note in body.inputs)
    root = None if made.content_tree is None else _root(made.content_tree)
    whole = Claim(
        predicates.PROVENANCE,
        made.name,
        made.kind,
        made.project,
        digest,
        keys,
        body.finished_on,
        "",
        root,
        made.size,
        tier=body.facts.tier,
        run=body.facts.run,
        inputs=inputs,
    )
    yield from _whole_and_member(whole, made.files, name)


def _from_oms(statement: Statement, keys: tuple[str, ...], name: str) -> Iterator[Claim]:
    """The OMS twin of a vouching statement in the ledger or the claim files: it binds bytes only, so policy counts it as unbound."""
    del name
    from jupyter_mlsc.export.oms import oms_manifest

    yield Claim(predicates.OMS_SIGNATURE, None, None, None, _oms_digest(oms_manifest(statement).resources), keys, None, "")


_READERS: dict[str, Callable[[Statement, tuple[str, ...], str], Iterator[Claim]]] = {
    predicates.ARTIFACT: _from_artifact,
    predicates.PROVENANCE: _from_provenance,
    predicates.OMS_SIGNATURE: _from_oms,
}


def _one_subject(statement: Statement, name: str) -> Digest:
    if len(statement.subjects) != 1 or statement.subjects[0].name != name:
        raise AttestationError(f"the statement's subject is not the artifact {name} that its predicate names")
    digest = Digest.from_in_toto(statement.subjects[0].digest)
    if digest is None:
        raise AttestationError(f"the statement about {name} carries no SHA-256 or dirHash digest")
    return digest


def _root(tree: predicates.ContentTree) -> str:
    if tree.block_size != predicates.CONTENT_BLOCK:
        raise AttestationError(f"the statement's content tree has blocks of {tree.block_size} bytes; this version reads {predicates.CONTENT_BLOCK}")
    return tree.root


def _whole_and_member(whole: Claim, files: tuple[predicates.FileLine, ...] | None, name: str) -> Iterator[Claim]:
    if files is not None and whole.digest != Digest("dirhash", manifest_digest(predicates.manifest_lines(files))):
        raise AttestationError(f"the manifest in the statement about {whole.name} does not belong to its digest")
    yield whole
    if files is None or whole.name is None or not name.startswith(whole.name + "/"):
        return
    inside = name.removeprefix(whole.name + "/")
    for line in files:
        if line.name == inside:
            yield replace(whole, name=name, digest=Digest("sha256", line.sha256), content_root=None, size=line.size, within=whole.name)


def _oms_digest(resources: Mapping[str, str], file: str | None = None) -> Digest:
    """The digest of an OMS resource map. A single file is named ``.``, or as ``file`` where the artifact is one of that name."""
    if len(resources) == 1 and set(resources) <= {".", file}:
        return Digest("sha256", next(iter(resources.values())))
    return Digest("dirhash", manifest_digest(tuple(ManifestLine(n, d, 0) for n, d in sorted(resources.items()))))
