"""Evidence for a verdict: finds every statement about an artifact, checks its signatures, and hands policy the values it decides on.

Statements come from the ledger, from ``.mlsc/claims`` and from files beside the artifact. Rules kept: nothing is judged here; a
signature is checked against the keys that policy names and no others; what does not verify is reported as a reason; a file inside a
signed tree is spoken for by its line of the tree's manifest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.attestation import Envelope, Statement, open_envelope, read_unverified
from jupyter_mlsc.claim_files import ClaimFolder, UnreadableClaim, beside, lines_beside
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.keys import PublicKey
from jupyter_mlsc.policy.counting import CLOCK_SKEW
from jupyter_mlsc.policy.evidence import Claim, Revocation
from jupyter_mlsc.revocations import Revocations, through
from jupyter_mlsc.statement_claims import STATEMENT_KINDS, claims_of, oms_digest
from jupyter_mlsc.verdict import Reason, reason

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Entry, Ledger

READ_KIND = "read"
"""The kind of the entries that put a read on record."""

MOST_ANCESTORS = 2_000
"""Artifacts that are looked at behind one, for revoked ones among them; where there are more, the verdict says so."""


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
    _newest: list[datetime | None] = field(default_factory=list)

    def follow(self) -> None:
        """Forget the answers if the ledger has grown, unless it is held. Raises LedgerError."""
        if self.holds and self._note:
            return
        note = self.ledger.checkpoint().note
        if note != self._note:
            self._note, self._answers, self._newest = note, {}, []

    def find(self, name: str | None = None, digest: str | None = None) -> list[Entry]:
        """As `Ledger.find`."""
        answers, key = self._answers, (name, digest)
        if key not in answers:
            answers[key] = self.ledger.find(name=name, digest=digest)
        return answers[key]

    def learn(self, names: Iterable[str], digests: Iterable[str]) -> None:
        """Ask for many names and digests at once, and for the envelopes that speak of them: `find` and `envelope` know the answers afterwards."""
        answers = self._answers
        new_names = [name for name in names if (name, None) not in answers]
        new_digests = [digest for digest in digests if (None, digest) not in answers]
        by_name, by_digest = self.ledger.find_each(new_names, new_digests)
        answers.update({(name, None): found for name, found in by_name.items()})
        answers.update({(None, digest): found for digest, found in by_digest.items()})
        speaking = {entry.envelope: entry for found in (*by_name.values(), *by_digest.values()) for entry in found if _may_speak(entry)}
        unread = [entry for digest, entry in speaking.items() if digest not in self._envelopes]
        for entry, content in self.ledger.with_envelopes(unread):
            # One that cannot be read is read again, and told, where it is asked for.
            with suppress(AttestationError):
                self._envelopes[entry.envelope] = Envelope.from_json(content)

    def newest_time(self) -> datetime | None:
        """The time of the newest entry."""
        if not self._newest:
            entry = next(iter(self.ledger.entries(newest_first=True)), None)
            self._newest = [None if entry is None else entry.time]
        return self._newest[0]

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
    folder: ClaimFolder
    _opened: dict[tuple[str, str], tuple[tuple[Claim, ...], tuple[str, ...]]] = field(default_factory=dict)
    _logbook: _Logbook | None = None

    def __post_init__(self) -> None:
        self.revocations = Revocations(self.find_ledger, self.folder, self.keys)

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Within the block ledger and claim files are looked at once: a command that asks about many names sees them all in one state."""
        with self.folder.held():
            logbook = self._current_logbook()
            if logbook is not None:
                logbook.holds += 1
            try:
                yield
            finally:
                if logbook is not None:
                    logbook.holds -= 1

    def prepare(self, about: Iterable[tuple[str, Digest | None]]) -> None:
        """Before many are gathered, in `one_look`: ask the ledger for all of these names and digests at once. Raises LedgerError."""
        logbook = self._current_logbook()
        if logbook is not None:
            asked = list(about)
            names = {each for name, _ in asked for each in (name, *_parents(name))}
            logbook.learn(names, {str(digest) for _, digest in asked if digest is not None})

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
                said = (claim.predicate_type, claim.within, claim.decision, claim.replayed, claim.scanned, claim.scanner)
                claims.setdefault((claim.name, claim.digest, claim.keys, claim.signed_at, *said), claim)
        if measured is not None:
            for claim in self._bundles(name, path, measured, faults):
                claims.setdefault((claim.name, claim.digest, claim.keys, claim.predicate_type), claim)
        return Gathered((*claims.values(), *_left_out(claims.values())), tuple(faults.values()))

    def revocations_of(self, measured: Measurement, digest: Digest | None, claims: Iterable[Claim]) -> tuple[tuple[Revocation, ...], tuple[Reason, ...]]:
        """Revocations of these bytes, of keys that signed claims about them, and of what they were made from; and what could not be looked at.

        Statements may bind two digests of one file: revoking either revokes both.
        """
        known = self.revocations
        known.look()
        signed = [claim for claim in claims if claim.keys]
        found = list(known.of_keys(key for claim in signed for key in claim.keys))
        if not known.has_artifacts:
            return tuple(found), tuple(known.faults.values())
        # A statement that shares one digest with these bytes and lies about another one is about them too, here: it can only add a revocation.
        about = [c for c in signed if c.digest in (measured.digest, digest) or (c.content_root is not None and c.content_root == measured.content_root)]
        roots = {root for root in (measured.content_root, *(claim.content_root for claim in about)) if root is not None}
        found += known.of(_digests(measured, digest, about), roots)
        behind, is_whole = self._revoked_behind(about)
        cut = () if is_whole else (reason("lineage-cut", most=MOST_ANCESTORS),)
        return tuple(dict.fromkeys((*found, *behind))), (*known.faults.values(), *cut)

    def is_any_sha256_revoked(self) -> bool:
        """True when bytes are revoked that only their SHA-256 can tell."""
        self.revocations.look()
        return self.revocations.needs_sha256

    def _revoked_behind(self, about: Iterable[Claim]) -> tuple[list[Revocation], bool]:
        """Revocations of the inputs of these claims, of their inputs, and so on; and whether all of them were looked at."""
        found: list[Revocation] = []
        waiting = deque(each for claim in about for each in claim.inputs)
        seen: set[Digest] = set()
        while waiting:
            each = waiting.popleft()
            if each.digest is None or each.digest in seen:
                continue
            if len(seen) == MOST_ANCESTORS:
                return found, False
            seen.add(each.digest)
            said = [c for c in self.gather(each.name, self.root / each.name, None, each.digest).claims if c.keys and c.digest == each.digest]
            roots = {claim.content_root for claim in said if claim.content_root is not None}
            found += through(self.revocations.of({each.digest, *(c.tree for c in said if c.tree is not None)}, roots), each.name)
            waiting.extend(further for claim in said for further in claim.inputs)
        return found, True

    def statements_about(self, name: str, predicate_type: str) -> Iterator[Envelope]:
        """Envelopes of one predicate type with this name among their subjects, each once; their signatures are not checked here. Raises LedgerError."""
        seen: set[str] = set()
        logbook = self._current_logbook()
        for entry in () if logbook is None else logbook.find(name=name):
            if logbook is not None and entry.predicate_type == predicate_type:
                # What cannot be read says nothing; `log verify` names it.
                with suppress(AttestationError):
                    seen.add(entry.envelope)
                    yield logbook.envelope(entry.envelope)
        for item in self.folder.about([name], None):
            if not isinstance(item, UnreadableClaim) and item.statement.predicate_type == predicate_type and item.envelope.digest not in seen:
                seen.add(item.envelope.digest)
                yield item.envelope

    def newest_time(self) -> datetime | None:
        """When the ledger's newest entry was made; None where there is none. Raises LedgerError."""
        logbook = self._current_logbook()
        return None if logbook is None else logbook.newest_time()

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
        for item in (*self.folder.about(names, digest), *lines_beside(path)):
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
            if not _may_speak(entry):
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
            digest = oms_digest(bundle.unverified.resources, None if measured.is_tree else path.name)
            yield Claim(predicates.OMS_SIGNATURE, None, None, None, digest, opened.verified, None, source)


def _digests(measured: Measurement, digest: Digest | None, about: Iterable[Claim]) -> set[Digest]:
    """All digests that these bytes have, or that somebody known says they have, with those of the tree that they lie in and the files in them."""
    found = {each for each in (measured.digest, digest) if each is not None}
    for claim in about:
        found.add(claim.digest)
        if claim.tree is not None:
            found.add(claim.tree)
    return found | {Digest("sha256", line.sha256) for line in measured.manifest or ()}


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


def _may_speak(entry: Entry) -> bool:
    """Whether what an entry holds can speak for or against an artifact. A read on record cannot, and a data set has as many as it was read."""
    return entry.predicate_type in STATEMENT_KINDS and entry.kind != READ_KIND


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        if name.strip("./"):
            yield name


def _speaks_of(statement: Statement, names: set[str], digest: Digest | None) -> bool:
    if statement.predicate_type not in STATEMENT_KINDS:
        return False
    return any(s.name in names or (digest is not None and Digest.from_in_toto(s.digest) == digest) for s in statement.subjects)
