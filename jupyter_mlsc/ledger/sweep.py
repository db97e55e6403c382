"""One pass over all entries, in order, with the rows of the other tables that belong to them: what an audit is made of.

The tree is grown again from the records, page by page. A node that differs is held back until the next checkpoint says who is right: if
its root fits, the node was edited; if it does not, an entry was, and the lowest differing node narrows down which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Table, select

from jupyter_mlsc import merkle
from jupyter_mlsc.errors import LedgerTamperedError
from jupyter_mlsc.ledger import index, tables
from jupyter_mlsc.ledger.checkpoint import Checkpoint, checkpoint_text, open_checkpoint
from jupyter_mlsc.ledger.health import INCONSISTENT, Fault, read_nodes
from jupyter_mlsc.ledger.record import Record, decode_record

if TYPE_CHECKING:
    from jupyter_mlsc.ledger.log import Ledger

MAX_FAULTS = 1_000
"""Findings that are listed; more are counted."""

_PAGE = 1_000
"""Entries looked at at once; bounds memory."""


class Findings:
    """The list of faults, of bounded length, each told once."""

    def __init__(self) -> None:
        self.faults: dict[Fault, None] = {}
        self._more = 0

    def add(self, entry: int | None, code: str, message: str) -> None:
        """One finding."""
        if len(self.faults) < MAX_FAULTS:
            self.faults[Fault(entry, code, message)] = None
        else:
            self._more += 1

    def extend(self, faults: Sequence[Fault]) -> None:
        """Several findings."""
        for fault in faults:
            self.add(fault.entry, fault.code, fault.message)

    def listed(self) -> tuple[Fault, ...]:
        """All findings, those about entries first and in order."""
        ordered = sorted(self.faults, key=lambda fault: (fault.entry is None, fault.entry or 0))
        return (*ordered, *([Fault(None, "more", f"{self._more} more findings are not listed")] if self._more else []))


class Sweep:
    """One pass over the entries in order, with the rows of the other tables that belong to them."""

    def __init__(
        self,
        ledger: Ledger,
        findings: Findings,
        wrong_indexes: set[str],
        *,
        signed: Checkpoint | None,
        remembered: Checkpoint | None,
        every_signature: bool,
    ) -> None:
        self.wrong_indexes = wrong_indexes
        self._ledger = ledger
        self._findings = findings
        self._signed = signed
        self._remembered = remembered
        self._every_signature = every_signature
        self._edge = merkle.CompactRange()
        self._whole = True  # the tree so far is the one that was signed
        self._since = 0  # first entry after the last checkpoint that was passed
        self._claims: dict[int, int] = {}  # `signed_at` of the entries since then, and the first entry that has it
        self._suspects: list[tuple[int, int, str]] = []  # nodes since then that differ: level, entry, what is wrong

    def run(self, end: int, progress: Callable[[int, int], None] | None) -> None:
        """Look at the first ``end`` entries. Raises LedgerError when they cannot be read."""
        expected = 0
        while True:
            with self._ledger.store.reading() as connection:
                rows = connection.execute(_ENTRIES.where(tables.entry.c.number >= expected, tables.entry.c.number < end).limit(_PAGE)).all()
                if not rows:
                    return
                expected = self._page(connection, rows, expected)
            if progress is not None:
                progress(min(expected, end), end)

    def _page(self, connection: Connection, rows: Sequence[Row[Any, Any, Any, Any]], expected: int) -> int:
        first, last = rows[0].number, rows[-1].number
        nodes = _pairs(connection, tables.node, "number", "hash", tables.inner_nodes(first), tables.inner_nodes(last + 1))
        notes = _pairs(connection, tables.checkpoint, "size", "note", first + 1, last + 2)
        envelopes = _envelopes(connection, first, last + 1)
        wanted: dict[int, Record] = {}
        for row in rows:
            number = row.number
            if number != expected:
                self._findings.add(expected, "entry-missing", f"entry {expected} is missing, and all up to {number - 1}")
                self._whole = False
            expected = number + 1
            self._claims.setdefault(row.signed_at, number)
            if self._whole:
                leaf = self._leaf(connection, number, bytes(row.record), bytes(row.leaf_hash))
                self._compare_nodes(number, self._edge.append(leaf), nodes)
            elif merkle.leaf_hash(row.record) != row.leaf_hash:
                self._findings.add(number, "entry-edited", f"entry {number} was edited: its record is not the one that its leaf hash is of")
            note = notes.pop(number + 1, None)
            if note is not None:
                self._compare_checkpoint(number + 1, str(note))
            if self._whole and self._remembered is not None and self._remembered.size == number + 1 and self._remembered.root != self._edge.root():
                self._findings.add(None, INCONSISTENT, f"the ledger was forked: its first {number + 1} entries are not those that you have seen")
            try:
                wanted[number] = decode_record(row.record, number)
            except LedgerTamperedError as err:
                self._findings.add(number, "entry-edited", err.message)
        self._compare_envelopes(connection, wanted, envelopes)
        self._compare_indexes(connection, wanted, first, last + 1)
        return expected

    def _leaf(self, connection: Connection, number: int, record: bytes, stored: bytes) -> bytes:
        """The leaf hash to go on with: where record and leaf hash differ, the one that was signed."""
        leaf = merkle.leaf_hash(record)
        if leaf == stored:
            return leaf
        if self._signed is not None and number < self._signed.size:
            plan = merkle.plan_inclusion(number, self._signed.size)
            try:
                proof = merkle.proof_of(plan, read_nodes(connection, [node for item in plan for node in item]) if plan else {})
            except LedgerTamperedError:
                proof = ()
            if merkle.verify_inclusion(leaf, number, self._signed.size, proof, self._signed.root):
                self._findings.add(number, "entry-edited", f"the leaf hash of entry {number} was edited; its record is as it was signed")
                return leaf
        self._findings.add(number, "entry-edited", f"the record of entry {number} was edited")
        return stored

    def _compare_nodes(self, number: int, completed: Sequence[tuple[merkle.Node, bytes]], nodes: dict[int, object]) -> None:
        for node, value in completed[1:]:
            stored = nodes.get(tables.node_number(node))
            if stored != value and len(self._suspects) < MAX_FAULTS:
                self._suspects.append((node.level, number, "node-missing" if stored is None else "node-edited"))

    def _compare_checkpoint(self, size: int, note: str) -> None:
        """A checkpoint of this size stands here: is it ours, does its root fit, and does every entry since the last one name it?"""
        agrees = self._whole and note.startswith(checkpoint_text(self._ledger.origin, size, self._edge.root()) + "\n")
        fault = None if agrees and not self._every_signature else self._judge(size, note)
        if fault is not None:
            self._findings.add(size - 1, "checkpoint-invalid", fault)
        elif self._whole and not agrees:
            self._name_the_edited(size)
            self._whole = False
        for claim, number in self._claims.items():
            if number < claim < size:
                self._findings.add(claim - 1, "checkpoint-missing", f"the checkpoint of size {claim}, which was signed after entry {claim - 1}, is missing")
            elif claim != size and fault is None:
                self._findings.add(number, "entry-edited", f"entry {number} says that it was signed at size {claim}, but it was at {size}")
        if self._whole and fault is None:
            for level, number, code in self._suspects:
                what = "is missing" if code == "node-missing" else "was edited"
                self._findings.add(number, code, f"the hash of the tree's node over the {1 << level} entries up to {number} {what}")
        if fault is None:
            self._suspects.clear()
            self._since = size
        self._claims.clear()

    def _judge(self, size: int, note: str) -> str | None:
        """What is wrong with a checkpoint's note, or None."""
        try:
            checkpoint = open_checkpoint(note, self._ledger.verifier)
        except LedgerTamperedError as err:
            return f"the checkpoint of size {size} was edited: {err.message}"
        if checkpoint.size != size:
            return f"the checkpoint of size {checkpoint.size} stands in the place of the one of size {size}"
        return None

    def _name_the_edited(self, size: int) -> None:
        """The tree is not the signed one: say which of the entries since the last good checkpoint are not as they were signed."""
        first, last = self._since, size - 1
        leaves = [(level, number) for level, number, _ in self._suspects]
        if leaves:
            level, number = min(leaves)
            first, last = max(first, number + 1 - (1 << level)), min(last, number)
        if first == last:
            self._findings.add(first, "entry-edited", f"entry {first} is not the one that was signed: everything after it may be false as well")
        else:
            together = f"of the entries from {first} to {last}, which were signed together, one or more are not as they were signed"
            self._findings.add(first, "entry-edited", f"{together}: everything after them may be false as well")

    def _compare_envelopes(self, connection: Connection, wanted: Mapping[int, Record], envelopes: dict[int, tuple[bytes, bytes]]) -> None:
        elsewhere: dict[bytes, list[int]] = {}
        for number, record in wanted.items():
            digest = bytes.fromhex(record.envelope.removeprefix("sha256:"))
            stored, actual = envelopes.pop(number, (None, None))
            if stored == digest:
                if actual != digest:
                    self._findings.add(number, "envelope-edited", f"the envelope of entry {number} was edited")
                continue
            if stored is not None:
                self._findings.add(number, "envelope-edited", f"the envelope of entry {number} is another one")
            elsewhere.setdefault(digest, []).append(number)
        for number in envelopes:
            self._findings.add(number, "envelope-foreign", f"an envelope stands at {number} where no entry is")
        digests = list(elsewhere)
        found: dict[bytes, int] = {}
        for begin in range(0, len(digests), 500):
            question = select(tables.envelope.c.digest, tables.envelope.c.entry).where(tables.envelope.c.digest.in_(digests[begin : begin + 500]))
            found.update((bytes(row.digest), row.entry) for row in connection.execute(question))
        for digest, numbers in elsewhere.items():
            for number in numbers:
                if found.get(digest, number) >= number:
                    self._findings.add(number, "envelope-missing", f"the envelope of entry {number} is missing")

    def _compare_indexes(self, connection: Connection, wanted: Mapping[int, Record], first: int, end: int) -> None:
        for one in index.FOLLOWERS:
            if one.name in self.wrong_indexes:
                continue
            expected = [row for number, record in wanted.items() for row in one.rows(number, record)]
            question = select(*one.table.columns).where(one.table.c.entry >= first, one.table.c.entry < end).order_by(*one.table.primary_key.columns)
            if [tuple(row) for row in connection.execute(question)] != expected:
                self.wrong_indexes.add(one.name)


_ENTRIES = select(tables.entry.c.number, tables.entry.c.leaf_hash, tables.entry.c.signed_at, tables.entry.c.record).order_by(tables.entry.c.number)


def _pairs(connection: Connection, table: Table, key: str, value: str, first: int, end: int) -> dict[int, object]:
    question = select(table.c[key], table.c[value]).where(table.c[key] >= first, table.c[key] < end)
    return {row[0]: row[1] for row in connection.execute(question)}


def _envelopes(connection: Connection, first: int, end: int) -> dict[int, tuple[bytes, bytes]]:
    """For each envelope that an entry in this range brought: the digest that it is filed under, and the one that it has."""
    question = select(tables.envelope).where(tables.envelope.c.entry >= first, tables.envelope.c.entry < end)
    rows = connection.execution_options(yield_per=50).execute(question)
    return {row.entry: (bytes(row.digest), sha256(row.content).digest()) for row in rows}
