"""The thorough look at a ledger: every row of every table is computed again from the records and held against what was signed.

Rules kept here: memory stays flat, whatever the ledger's length; a finding names the entry; nothing that the database says is believed
because another row of it says the same, only because a signature or this user's memory does. Editing without the log key cannot keep
the signed roots, so the first checkpoint whose root differs names the append, even when all hashes were computed anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, or_, select

from jupyter_mlsc import merkle
from jupyter_mlsc.errors import LedgerError, LedgerTamperedError
from jupyter_mlsc.ledger import index, tables
from jupyter_mlsc.ledger.checkpoint import Checkpoint, open_checkpoint
from jupyter_mlsc.ledger.health import REPLACED, Fault, judge_tip, memory_faults, read_tip, structure_faults
from jupyter_mlsc.ledger.store import TableMissingError
from jupyter_mlsc.ledger.sweep import Findings, Sweep

if TYPE_CHECKING:
    from jupyter_mlsc.ledger.log import Ledger
    from jupyter_mlsc.ledger.memory import CheckpointMemory

_TRIED = 100
"""Checkpoints tried from the newest backwards when the newest does not hold."""


LARGEST = 1 << 62
"""No ledger has as many entries."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found. ``repaired`` lists index tables that were wrong and were made anew: no evidence was lost, but somebody wrote there."""

    size: int
    faults: tuple[Fault, ...]
    checkpoint: Checkpoint | None
    repaired: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every row is as it was signed."""
        return not self.faults


def audit(ledger: Ledger, memory: CheckpointMemory, progress: Callable[[int, int], None] | None = None, *, every_signature: bool = True) -> AuditReport:
    """Check a whole ledger. ``progress`` is called with entries done and entries in all.

    Without ``every_signature`` only the checkpoints that matter for the result have their signatures verified: the newest, the remembered
    one, and any whose root is not the tree's. A sound ledger's checkpoint is remembered. Raises LedgerError when it cannot be read.
    """
    findings = Findings()
    remembered, known_origin = memory.recall(ledger.origin), memory.origin_at(ledger.place)
    with ledger.store.reading() as connection:
        structure = structure_faults(ledger, connection)
        findings.extend(structure)
        damage = ledger.store.damage(connection)
        if damage is not None:
            findings.add(None, "database-damaged", f"the database says that it is damaged: {damage}")
        if any(fault.code == "table-missing" for fault in structure):
            return AuditReport(0, findings.listed(), None)
        tip = read_tip(connection)
        judged = judge_tip(tip, connection, ledger.verifier)
        checkpoint = judged.checkpoint
        findings.extend(judged.faults)
        signed = checkpoint or _newest_that_holds(connection, ledger)
        # An entry at the end of a database's integers is a forgery that `judge_tip` tells of; what follows counts on from the last one.
        end = min(tip.entries, LARGEST) if tip is not None else 0
        if signed is not None:
            findings.extend(memory_faults(signed, connection, ledger.verifier, remembered, known_origin))
        elif known_origin is not None and known_origin != ledger.origin:
            findings.add(None, REPLACED, f"the ledger here was {known_origin}, now it is {ledger.origin}")
    wrong = _unreadable_indexes(ledger)
    Sweep(ledger, findings, wrong, signed=signed, remembered=remembered, every_signature=every_signature).run(end, progress)
    _strays(ledger, findings, end)
    repaired = _repair(ledger, wrong, end, sound=not findings.faults)
    if checkpoint is not None and not findings.faults:
        memory.remember(ledger.place, ledger.origin, checkpoint)
    return AuditReport(end, findings.listed(), checkpoint, repaired)


def _newest_that_holds(connection: Connection, ledger: Ledger) -> Checkpoint | None:
    for size, note in connection.execute(select(tables.checkpoint.c.size, tables.checkpoint.c.note).order_by(tables.checkpoint.c.size.desc()).limit(_TRIED)):
        try:
            checkpoint = open_checkpoint(note, ledger.verifier)
        except LedgerTamperedError:
            continue
        if checkpoint.size == size:
            return checkpoint
    return None


def _strays(ledger: Ledger, findings: Findings, end: int) -> None:
    """Rows that stand where no entry is, and the checkpoint that stands before all entries."""
    bounds = (
        (tables.entry.c.number, 0, "entry-foreign"),
        (tables.node.c.number, tables.inner_nodes(end), "node-foreign"),
        (tables.envelope.c.entry, end, "envelope-foreign"),
        (tables.checkpoint.c.size, end + 1, "checkpoint-foreign"),
    )
    with ledger.store.reading() as connection:
        # Entries may have been appended since the sweep began; what is past them is told by the newest checkpoint.
        grown = connection.execute(select(func.coalesce(func.max(tables.entry.c.number) + 1, 0))).scalar_one() != end
        for column, limit, code in bounds:
            stray = column < 0 if grown or limit == 0 else or_(column < 0, column >= limit)
            count = connection.execute(select(func.count()).where(stray)).scalar_one()
            if count:
                findings.add(None, code, f"{count} rows of {column.table.name} stand where no entry is")
        note = connection.execute(select(tables.checkpoint.c.note).where(tables.checkpoint.c.size == 0)).scalar()
    if note is None:
        findings.add(None, "checkpoint-missing", "the checkpoint of the empty ledger is missing")
        return
    try:
        first = open_checkpoint(note, ledger.verifier)
    except LedgerTamperedError as err:
        findings.add(None, "checkpoint-invalid", f"the checkpoint of the empty ledger was edited: {err.message}")
        return
    if (first.size, first.root) != (0, merkle.EMPTY_ROOT):
        findings.add(None, "checkpoint-invalid", f"a checkpoint of size {first.size} stands in the place of that of the empty ledger")


def _unreadable_indexes(ledger: Ledger) -> set[str]:
    """Names of the indexes whose tables are missing or not as they should be."""
    unreadable = set()
    for one in index.FOLLOWERS:
        try:
            with ledger.store.reading() as connection:
                connection.execute(select(*one.table.columns).limit(1)).all()
        except TableMissingError:
            unreadable.add(one.name)
    return unreadable


def _repair(ledger: Ledger, wrong: set[str], end: int, *, sound: bool) -> tuple[Fault, ...]:
    """Make wrong indexes anew, if the entries that they follow are sound."""
    found = [Fault(None, "index-wrong", f"the index of {name} did not follow the entries") for name in sorted(wrong)]
    if not found:
        try:
            with ledger.store.reading() as connection:
                behind = not index.is_current(connection, ledger.checkpoint().size) or index.has_strays(connection)
        except TableMissingError:
            behind = True
        except LedgerTamperedError:
            return ()
        if behind:
            found.append(Fault(None, "index-wrong", f"the indexes did not follow just the {end} entries that there are"))
    if found and sound:
        try:
            ledger.rebuild_indexes()
        except LedgerError as err:
            found.append(Fault(None, "index-wrong", f"the indexes could not be made anew: {err.message}"))
    return tuple(found)
