"""The ledger: append, read, find and prove. One tree of records, extended only by its keeper, who signs it after every append.

Rules kept here: an append is one transaction (rows, tree, envelopes, indexes, checkpoint) that is on the disk before it is acknowledged;
nothing is signed that does not extend both the last signed checkpoint and the one that this user remembers; only what a checkpoint covers
is ever read back; an envelope or a record that is not the one that was hashed is an error, never an answer.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, insert, select

from jupyter_mlsc import merkle
from jupyter_mlsc.errors import LedgerError, LedgerTamperedError, UsageError
from jupyter_mlsc.ledger import index, tables
from jupyter_mlsc.ledger.checkpoint import Checkpoint, LogKey, Verifier, open_checkpoint, sign_checkpoint, write_proof
from jupyter_mlsc.ledger.health import Fault, judge_tip, memory_faults, read_nodes, read_tip
from jupyter_mlsc.ledger.proof import ConsistencyProof, Included, InclusionProof
from jupyter_mlsc.ledger.record import Entry, NewEntry, Record, encode_record, read_entry, record_of
from jupyter_mlsc.ledger.store import Located, Place, Store, TableMissingError, make_sqlite_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from jupyter_mlsc.ledger.memory import CheckpointMemory

ORIGIN_PREFIX = "mlsc.local/"

_PAGE = 1_000
"""Entries read at once; bounds memory, and no transaction stays open while the caller works."""

_ENVELOPES = 200
"""Envelopes read at once."""

_LOG = logging.getLogger(__name__)

_ENTRY = select(tables.entry.c.number, tables.entry.c.record, tables.entry.c.leaf_hash)
_ADD_ENTRY, _ADD_NODE, _ADD_CHECKPOINT = insert(tables.entry), insert(tables.node), insert(tables.checkpoint)
_ENVELOPE = select(tables.envelope.c.content).where(tables.envelope.c.digest == bindparam("wanted"))


class Ledger:
    """One ledger in one store. It may be used from several threads; each process opens its own."""

    def __init__(self, store: Store, memory: CheckpointMemory, verifier: Verifier, key: LogKey | None) -> None:
        """Use ``create`` or ``open``."""
        self.store = store
        self.memory = memory
        self.verifier = verifier
        self._key = key
        self._key_id = verifier.key_id
        self._add_envelope = store.insert_new(tables.envelope)
        self._verified: Checkpoint | None = None
        self._edge: tuple[str, tuple[bytes, ...]] | None = None

    @classmethod
    def exists(cls, place: Place) -> bool:
        """Whether there is a ledger at this place. Raises LedgerError when the place cannot be read."""
        located = Located.at(place)
        if located.file is not None and not located.file.exists():
            return False
        store = Store(located)
        try:
            with store.reading() as connection:
                return tables.meta.name in store.table_names(connection)
        finally:
            store.close()

    @classmethod
    def create(cls, place: Place, key: LogKey | Ed25519PrivateKey, memory: CheckpointMemory) -> Ledger:
        """Make an empty ledger whose keeper holds ``key``; its origin is the key's name, or random when the key has none.

        Another ledger that this user knew at this place stays remembered: ``health`` says ``ledger-replaced`` until a person accepts
        the new one (``CheckpointMemory.replace``). Raises LedgerError when there is a ledger already, or none can be made.
        """
        log_key = key if isinstance(key, LogKey) else LogKey.from_private(ORIGIN_PREFIX + secrets.token_hex(16), key)
        verifier = log_key.verifier
        located = Located.at(place)
        if located.file is not None:
            make_sqlite_file(located.file)
        store = Store(located)
        checkpoint = sign_checkpoint(log_key, verifier.key_id, 0, merkle.EMPTY_ROOT)
        with store.turn(), store.writing() as connection:
            if tables.meta.name in store.table_names(connection):
                raise LedgerError(f"there is a ledger already: {store.name}", next_step="open it, or choose another place")
            tables.TRUTH.create_all(connection)
            index.make(connection)
            rows = {"schema": tables.SCHEMA, "origin": log_key.name, "vkey": verifier.vkey}
            connection.execute(insert(tables.meta), [{"name": name, "value": value} for name, value in rows.items()])
            connection.execute(_ADD_CHECKPOINT, {"size": 0, "note": checkpoint.note})
        memory.remember(store.name, log_key.name, checkpoint)
        return cls(store, memory, verifier, log_key)

    @classmethod
    def open(cls, place: Place, memory: CheckpointMemory, key: LogKey | Ed25519PrivateKey | None = None) -> Ledger:
        """Open the ledger at this place; it is ``writable`` if ``key`` is its keeper's, whatever name the key has. Makes nothing.

        Raises LedgerError when there is none, it cannot be read, or it is from a newer version, and LedgerTamperedError when it does not
        say who it is. Whether it is sound is what ``health`` and ``audit`` say.
        """
        located = Located.at(place)
        if located.file is not None and not located.file.is_file():
            raise LedgerError(f"there is no ledger at {located.name}", next_step="run: mlsc init")
        store = Store(located)
        try:
            with store.reading() as connection:
                meta = store.meta(connection)
        except TableMissingError as err:
            raise LedgerError(f"there is no ledger at {located.name}: its tables are missing", next_step="restore it from a backup, or run: mlsc init") from err
        schema = meta.get("schema", "")
        if schema.isdecimal() and int(schema) > int(tables.SCHEMA):
            raise LedgerError(
                f"the ledger at {located.name} is from a newer version: it has schema {schema}, this version reads up to {tables.SCHEMA}",
                next_step="run: pip install --upgrade jupyter_mlsc",
            )
        try:
            verifier = Verifier.parse(meta.get("vkey", ""))
        except LedgerError as err:
            raise LedgerTamperedError(f"the ledger at {located.name} was tampered with: {err.message}", next_step="restore it from a backup") from err
        if schema != tables.SCHEMA or verifier.name != meta.get("origin") or len(meta) != len(_META):
            raise LedgerTamperedError(f"the ledger at {located.name} was tampered with: it does not say who it is", next_step="restore it from a backup")
        return cls(store, memory, verifier, _keeper(key, verifier))

    def close(self) -> None:
        """Close the connections."""
        self.store.close()

    @property
    def place(self) -> str:
        """Where the ledger is: an absolute path, links not followed, or a URL without its password."""
        return self.store.name

    @property
    def origin(self) -> str:
        """The ledger's own random name, in every checkpoint."""
        return self.verifier.name

    @property
    def writable(self) -> bool:
        """Whether the key that it was opened with is its keeper's."""
        return self._key is not None

    @property
    def size(self) -> int:
        """Number of entries that the newest checkpoint covers. Raises LedgerError."""
        return self.checkpoint().size

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, its signature verified. Raises LedgerTamperedError when there is none that holds."""
        with self.store.reading() as connection:
            return self._checkpoint(connection)

    def append(self, entries: Sequence[NewEntry]) -> list[int]:
        """Append all of these entries or none, durably, and sign the new tree. Returns their indexes.

        Raises LedgerError when this key is not the keeper's, or the disk is full, read-only or locked; LedgerTamperedError when the ledger
        contradicts its last checkpoint or the remembered one, in which case nothing is signed; UsageError for an entry that cannot be kept.
        """
        if self._key is None:
            raise LedgerError(f"only its keeper appends to the ledger at {self.place}", next_step="write a claim instead, and ask the keeper to import it")
        records = [record_of(entry) for entry in entries]
        leaves = [encode_record(record) for record in records]
        if not records:
            return []
        with self.store.turn():
            try:
                checkpoint = self._append(self._key, entries, records, leaves)
            except TableMissingError:
                # An index was dropped. Nothing was written; if the table was another one, the second try says so.
                index.remake(self.store)
                checkpoint = self._append(self._key, entries, records, leaves)
            self._remember(checkpoint)
        return list(range(checkpoint.size - len(entries), checkpoint.size))

    def entries(self, start: int = 0, stop: int | None = None, kind: str | None = None, *, newest_first: bool = False) -> Iterator[Entry]:
        """Entries from ``start`` up to, not including, ``stop``, as of now; memory stays flat. Raises LedgerTamperedError at a bad one."""
        end = self.size
        low, high = max(start, 0), end if stop is None else min(stop, end)
        question = _ENTRY
        if kind is not None and self._indexed():
            question = question.where(tables.entry.c.number.in_(index.candidates(kind=kind)))
        question = question.order_by(tables.entry.c.number.desc() if newest_first else tables.entry.c.number).limit(_PAGE)
        while low < high:
            with self.store.reading() as connection:
                rows = connection.execute(question.where(tables.entry.c.number >= low, tables.entry.c.number < high)).all()
            if kind is None:
                self._refuse_gap([row.number for row in rows], low, high, newest_first=newest_first)
            if not rows:
                return
            for row in rows:
                entry = read_entry(row.number, bytes(row.record), bytes(row.leaf_hash))
                if kind is None or entry.kind == kind:
                    yield entry
            low, high = (low, rows[-1].number) if newest_first else (rows[-1].number + 1, high)

    def find_each(self, names: Iterable[str], digests: Iterable[str]) -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
        """What `find` gives for each of these names, and for each of these digests, in a few questions for all of them."""
        by_name: dict[str, list[Entry]] = {name: [] for name in names}
        by_digest: dict[str, list[Entry]] = {digest: [] for digest in digests}
        if self._indexed():
            numbers: set[int] = set()
            named, known = list(by_name), list(by_digest)
            with self.store.reading() as connection:
                for first in range(0, max(len(named), len(known)), _ENVELOPES):
                    some = slice(first, first + _ENVELOPES)
                    numbers.update(row.number for row in connection.execute(index.candidates_of_any(named[some], known[some])))
            found: Iterable[Entry] = self._at(sorted(numbers))
        else:
            found = self.entries()
        for entry in found:
            for table, keys in ((by_name, {name for name, _ in entry.subjects}), (by_digest, {digest for _, digest in entry.subjects})):
                for key in keys & table.keys():
                    table[key].append(entry)
        return by_name, by_digest

    def find(self, name: str | None = None, digest: str | None = None, kind: str | None = None) -> list[Entry]:
        """Entries, oldest first, of this kind with a subject of this name and digest. What an index says counts only if the record agrees."""
        if name is None and digest is None:
            return list(self.entries(kind=kind))
        if not self._indexed():
            return [entry for entry in self.entries(kind=kind) if _is_about(entry, name, digest)]
        with self.store.reading() as connection:
            end = self._checkpoint(connection).size
            numbers = index.candidates(name=name, digest=digest, kind=kind)
            rows = connection.execute(_ENTRY.where(tables.entry.c.number.in_(numbers), tables.entry.c.number < end).order_by(tables.entry.c.number)).all()
        found = [read_entry(row.number, bytes(row.record), bytes(row.leaf_hash)) for row in rows]
        return [entry for entry in found if (kind is None or entry.kind == kind) and _is_about(entry, name, digest)]

    def envelope(self, digest: str) -> bytes:
        """The envelope that an entry names as ``sha256:<hex>``. Raises LedgerError when it is not there, LedgerTamperedError when it was edited."""
        try:
            wanted = bytes.fromhex(digest.removeprefix("sha256:"))
        except ValueError as err:
            raise UsageError(f"not the digest of an envelope: {digest!r}") from err
        with self.store.reading() as connection:
            content = connection.execute(_ENVELOPE, {"wanted": wanted}).scalar()
        if content is None:
            raise LedgerError(f"the ledger at {self.place} has no envelope {digest}", next_step="run: mlsc log verify")
        if sha256(content).digest() != wanted:
            raise LedgerTamperedError(f"the envelope {digest} was edited in the ledger", next_step="run: mlsc log verify")
        return bytes(content)

    def statements_at(self, numbers: Iterable[int]) -> Iterator[tuple[Entry, bytes]]:
        """The entries of these numbers, in order, each with its envelope; what the ledger has no entry for is left out. Raises as `entries` and `envelope`."""
        return self.with_envelopes(self._at(sorted(set(numbers))))

    def with_envelopes(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """Each of these entries with its envelope, many at once. Raises LedgerTamperedError for an envelope that was edited or is missing."""
        waiting = iter(entries)
        while some := list(islice(waiting, _ENVELOPES)):
            digests = {bytes.fromhex(entry.envelope.removeprefix("sha256:")) for entry in some}
            question = select(tables.envelope.c.digest, tables.envelope.c.content).where(tables.envelope.c.digest.in_(digests))
            with self.store.reading() as connection:
                contents = {bytes(row.digest): bytes(row.content) for row in connection.execute(question)}
            for entry in some:
                content = contents.get(bytes.fromhex(entry.envelope.removeprefix("sha256:")))
                if content is None or f"sha256:{sha256(content).hexdigest()}" != entry.envelope:
                    raise LedgerTamperedError(f"the envelope of ledger entry {entry.index} was edited or is missing", next_step="run: mlsc log verify")
                yield entry, content

    def _at(self, numbers: Sequence[int]) -> Iterator[Entry]:
        """The entries of these numbers, in their order, without those that the newest checkpoint does not cover."""
        for first in range(0, len(numbers), _ENVELOPES):
            with self.store.reading() as connection:
                end = self._checkpoint(connection).size
                some = [number for number in numbers[first : first + _ENVELOPES] if number < end]
                rows = connection.execute(_ENTRY.where(tables.entry.c.number.in_(some)).order_by(tables.entry.c.number)).all()
            yield from (read_entry(row.number, bytes(row.record), bytes(row.leaf_hash)) for row in rows)

    def known_envelopes(self, digests: Iterable[str]) -> frozenset[str]:
        """Those of these envelopes (``sha256:<hex>``) that the ledger holds."""
        wanted, found = [bytes.fromhex(each.removeprefix("sha256:")) for each in digests], set()
        with self.store.reading() as connection:
            for first in range(0, len(wanted), _PAGE):
                question = select(tables.envelope.c.digest).where(tables.envelope.c.digest.in_(wanted[first : first + _PAGE]))
                found |= {f"sha256:{bytes(each).hex()}" for each in connection.execute(question).scalars()}
        return frozenset(found)

    def prove(self, index: int, size: int | None = None) -> InclusionProof:
        """Prove that an entry is in the tree of the first ``size`` entries (default: all). Raises UsageError for an entry that is not."""
        with self.store.reading() as connection:
            return self._prove(connection, index, self._tree_size(connection, size))

    def included(self, index: int) -> Included:
        """An entry's leaf with the proof against the newest checkpoint, all of one moment. Raises UsageError for an entry that is not there."""
        with self.store.reading() as connection:
            checkpoint = self._checkpoint(connection)
            proof = self._prove(connection, index, checkpoint.size)
            leaf = connection.execute(_ENTRY.where(tables.entry.c.number == index)).one().record
            return Included(bytes(leaf), proof, checkpoint, write_proof(index, proof.proof, checkpoint.note))

    def prove_consistency(self, old: int, new: int | None = None) -> ConsistencyProof:
        """Prove that the tree of ``new`` entries (default: all) extends the one of ``old``. Raises UsageError for sizes that it never had."""
        with self.store.reading() as connection:
            size = self._tree_size(connection, new)
            if not 0 <= old <= size:
                raise UsageError(f"a ledger of {size} entries does not extend one of {old}")
            plan = merkle.plan_consistency(old, size) if old else ()
            return ConsistencyProof(old, size, self._answer(connection, plan))

    def proof_file(self, index: int) -> str:
        """A tlog-proof file (c2sp.org/tlog-proof@v1) for an entry, against the newest checkpoint. Raises UsageError for one that is not there."""
        with self.store.reading() as connection:
            checkpoint = self._checkpoint(connection)
            return write_proof(index, self._prove(connection, index, checkpoint.size).proof, checkpoint.note)

    def rebuild_indexes(self) -> None:
        """Drop the indexes and make them anew from the entries. Raises LedgerError when the ledger cannot be written to."""
        with self.store.turn(), self.store.writing() as connection:
            index.rebuild(connection, self._checkpoint(connection).size)

    def _checkpoint(self, connection: Connection) -> Checkpoint:
        note = connection.execute(_NEWEST).scalar()
        if note is None:
            raise LedgerTamperedError(f"the ledger at {self.place} has no checkpoint", next_step="run: mlsc log verify")
        if self._verified is None or self._verified.note != note:
            self._verified = open_checkpoint(note, self.verifier)
        return self._verified

    def _edge_to_extend(self, connection: Connection) -> merkle.CompactRange:
        """The growing edge, after the checks without which nothing is signed. Inside the writer's transaction."""
        tip = read_tip(connection)
        remembered = self.memory.recall(self.origin)
        if tip is not None and self._edge is not None and self._edge[0] == tip.note and (remembered is None or remembered.note == tip.note):
            size = tip.checkpoint_size
            if (tip.entries, tip.inner_nodes) == (size, tables.inner_nodes(size)):
                return merkle.CompactRange(size, self._edge[1])
        judged = judge_tip(tip, connection, self.verifier)
        faults = judged.faults
        if judged.checkpoint is not None and not faults:
            faults = memory_faults(judged.checkpoint, connection, self.verifier, remembered, None)
        if judged.edge is None or faults:
            raise _refusal(self.place, faults)
        return judged.edge

    def _append(self, key: LogKey, entries: Sequence[NewEntry], records: Sequence[Record], leaves: Sequence[bytes]) -> Checkpoint:
        """One transaction: check, write, sign."""
        with self.store.writing() as connection:
            edge = self._edge_to_extend(connection)
            self._insert(connection, edge, entries, records, leaves)
            checkpoint = sign_checkpoint(key, self._key_id, edge.size, edge.root())
            connection.execute(_ADD_CHECKPOINT, {"size": checkpoint.size, "note": checkpoint.note})
        self._edge, self._verified = (checkpoint.note, edge.hashes), checkpoint
        return checkpoint

    def _insert(
        self, connection: Connection, edge: merkle.CompactRange, entries: Sequence[NewEntry], records: Sequence[Record], leaves: Sequence[bytes]
    ) -> None:
        """Write the rows of one append and move the edge."""
        first, end = edge.size, edge.size + len(entries)
        if not index.is_current(connection, first):
            index.catch_up(connection, first)
        rows: list[dict[str, object]] = []
        inner: list[dict[str, object]] = []
        envelopes: dict[bytes, dict[str, object]] = {}
        for number, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), first):
            completed = edge.append(merkle.leaf_hash(leaf))
            rows.append({"number": number, "leaf_hash": completed[0][1], "signed_at": end, "record": leaf})
            inner.extend({"number": tables.node_number(node), "hash": value} for node, value in completed[1:])
            digest = sha256(entry.envelope).digest()
            envelopes.setdefault(digest, {"entry": number, "digest": digest, "content": entry.envelope})
        connection.execute(_ADD_ENTRY, rows)
        if inner:
            connection.execute(_ADD_NODE, inner)
        connection.execute(self._add_envelope, list(envelopes.values()))
        index.follow(connection, list(enumerate(records, first)), end)

    def _remember(self, checkpoint: Checkpoint) -> None:
        try:
            self.memory.remember(self.place, self.origin, checkpoint)
        except LedgerError as err:
            # The entries are on the disk: to raise would make the caller append them again. The memory catches up at the next append.
            _LOG.warning("the entries were appended, but their checkpoint was not remembered: %s", err)

    def _indexed(self) -> bool:
        """Bring the indexes up to date. False when they are not, and cannot be written: then the records themselves are to be read."""
        missing = False
        try:
            with self.store.reading() as connection:
                if index.is_current(connection, self._checkpoint(connection).size):
                    return True
        except TableMissingError:
            missing = True
        try:
            with self.store.turn():
                if missing:
                    index.remake(self.store)
                with self.store.writing() as connection:
                    index.catch_up(connection, self._checkpoint(connection).size)
        except LedgerTamperedError:
            raise
        except LedgerError as err:
            _LOG.info("the indexes of the ledger at %s cannot be written, its records are read instead: %s", self.place, err)
            return False
        return True

    def _tree_size(self, connection: Connection, asked: int | None) -> int:
        size = self._checkpoint(connection).size
        if asked is not None and not 0 <= asked <= size:
            raise UsageError(f"the ledger at {self.place} has {size} entries, it never had a tree of {asked}")
        return size if asked is None else asked

    def _prove(self, connection: Connection, index: int, size: int) -> InclusionProof:
        if not 0 <= index < size:
            raise UsageError(f"there is no entry {index} in a ledger of {size} entries")
        plan = ((merkle.Node(0, index),), *merkle.plan_inclusion(index, size))
        leaf, *proof = self._answer(connection, plan)
        return InclusionProof(index, size, leaf, tuple(proof))

    def _answer(self, connection: Connection, plan: merkle.ProofPlan) -> tuple[bytes, ...]:
        return merkle.proof_of(plan, read_nodes(connection, [node for item in plan for node in item])) if plan else ()

    def _refuse_gap(self, numbers: list[int], low: int, high: int, *, newest_first: bool) -> None:
        """Raise LedgerTamperedError when a page of entries does not follow on without a gap."""
        wanted = range(high - 1, low - 1, -1) if newest_first else range(low, high)
        for number, expected in zip([*numbers, None] if len(numbers) < _PAGE else numbers, wanted, strict=False):
            if number != expected:
                raise LedgerTamperedError(f"ledger entry {expected} is missing", next_step="run: mlsc log verify")


_META = ("schema", "origin", "vkey")
_NEWEST = select(tables.checkpoint.c.note).order_by(tables.checkpoint.c.size.desc()).limit(1)


def _keeper(key: LogKey | Ed25519PrivateKey | None, verifier: Verifier) -> LogKey | None:
    """The key under the ledger's name, if it is its keeper's."""
    if key is None:
        return None
    log_key = key.named(verifier.name) if isinstance(key, LogKey) else LogKey.from_private(verifier.name, key)
    return log_key if log_key.public == verifier.public else None


def _is_about(entry: Entry, name: str | None, digest: str | None) -> bool:
    return any((name is None or name == each) and (digest is None or digest == of) for each, of in entry.subjects)


def _refusal(place: str, faults: Sequence[Fault]) -> LedgerTamperedError:
    why = "; ".join(fault.message for fault in faults)
    return LedgerTamperedError(f"nothing was appended to the ledger at {place}, since it was tampered with: {why}", next_step="run: mlsc log verify")
