"""The quick look at a ledger, O(log n): does its newest checkpoint hold, and does it extend what this user has seen?

It is taken whenever a ledger is opened, and before anything is signed: the tree that is extended must be the one that was signed last, and
must extend the remembered one. The codes ``ledger-inconsistent`` and ``ledger-replaced`` are those of verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, func, literal, select, union_all

from jupyter_mlsc import merkle
from jupyter_mlsc.errors import LedgerTamperedError
from jupyter_mlsc.ledger import tables
from jupyter_mlsc.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint
from jupyter_mlsc.merkle import Node

if TYPE_CHECKING:
    from jupyter_mlsc.ledger.log import Ledger
    from jupyter_mlsc.ledger.memory import CheckpointMemory

INCONSISTENT = "ledger-inconsistent"
REPLACED = "ledger-replaced"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was signed. ``entry`` is the index of the entry that it is about, or None for the ledger itself."""

    entry: int | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest end of a ledger: how many rows each table has, judged by their last numbers, and the newest checkpoint's note."""

    checkpoint_size: int
    note: str
    entries: int
    inner_nodes: int


def read_tip(connection: Connection) -> Tip | None:
    """The newest end, or None when there is no checkpoint at all."""
    row = connection.execute(_TIP).first()
    return Tip(row.size, row.note, row.entries, row.nodes) if row is not None else None


_TIP = (
    select(
        tables.checkpoint.c.size,
        tables.checkpoint.c.note,
        select(func.coalesce(func.max(tables.entry.c.number) + 1, 0)).scalar_subquery().label("entries"),
        select(func.coalesce(func.max(tables.node.c.number) + 1, 0)).scalar_subquery().label("nodes"),
    )
    .order_by(tables.checkpoint.c.size.desc())
    .limit(1)
)


def read_nodes(connection: Connection, nodes: Iterable[Node]) -> Mapping[Node, bytes]:
    """Hashes of complete nodes. Raises LedgerTamperedError, naming an entry, when one is missing or is no hash."""
    wanted = list(nodes)
    leaves = {node.place: node for node in wanted if node.level == 0}
    inner = {tables.node_number(node): node for node in wanted if node.level > 0}
    rows = connection.execute(_NODES, {"leaves": list(leaves), "inner": list(inner)})
    found = {(inner if is_inner else leaves)[number]: bytes(value) for is_inner, number, value in rows}
    for node in wanted:
        if len(found.get(node, b"")) != merkle.HASH_SIZE:
            last = ((node.place + 1) << node.level) - 1
            raise LedgerTamperedError(f"the ledger's tree is not whole at entry {last}: a hash is missing", next_step="run: mlsc log verify")
    return found


# Statements that every append makes are built once: building one costs more than running it.
_NODES = union_all(
    select(literal(0).label("is_inner"), tables.entry.c.number, tables.entry.c.leaf_hash).where(tables.entry.c.number.in_(bindparam("leaves", expanding=True))),
    select(literal(1), tables.node.c.number, tables.node.c.hash).where(tables.node.c.number.in_(bindparam("inner", expanding=True))),
)


def read_range(connection: Connection, size: int) -> merkle.CompactRange:
    """The growing edge of the tree of the first ``size`` entries, from the stored nodes."""
    peaks = merkle.peaks(size)
    nodes = read_nodes(connection, peaks) if peaks else {}
    return merkle.CompactRange(size, [nodes[peak] for peak in peaks])


def structure_faults(ledger: Ledger, connection: Connection) -> tuple[Fault, ...]:
    """What is wrong with the database before any row is read: missing tables, code that would run, another ledger's name."""
    store = ledger.store
    missing = set(tables.TRUTH.tables) - store.table_names(connection)
    faults = [Fault(None, "table-missing", f"the table {name} is missing") for name in sorted(missing)]
    faults += [Fault(None, "schema-foreign", f"the ledger's database holds code that is not ours: {name}") for name in store.foreign_code(connection)]
    expected = {"schema": tables.SCHEMA, "origin": ledger.origin, "vkey": ledger.verifier.vkey}
    if tables.meta.name not in missing and store.meta(connection) != expected:
        faults.append(Fault(None, "meta-edited", "what the ledger says about itself was edited"))
    return tuple(faults)


@dataclass(frozen=True, slots=True)
class Judged:
    """The newest checkpoint, if its signature holds; the tree's growing edge, if it is the one that was signed; and what contradicts it."""

    checkpoint: Checkpoint | None
    edge: merkle.CompactRange | None
    faults: tuple[Fault, ...]


def judge_tip(tip: Tip | None, connection: Connection, verifier: Verifier) -> Judged:
    """Hold the newest checkpoint against its signature, the number of rows, and the tree's root."""
    if tip is None:
        return Judged(None, None, (Fault(None, "checkpoint-missing", "the ledger has no checkpoint"),))
    try:
        checkpoint = open_checkpoint(tip.note, verifier)
    except LedgerTamperedError as err:
        message = f"{err.message} (the newest, of size {tip.checkpoint_size})"
        return Judged(None, None, (Fault(_last(tip.checkpoint_size), "checkpoint-invalid", message),))
    size = checkpoint.size
    faults = []
    if tip.checkpoint_size != size:
        faults.append(Fault(_last(size), "checkpoint-invalid", f"the checkpoint of size {size} stands in the place of one of size {tip.checkpoint_size}"))
    if tip.entries < size:
        faults.append(Fault(tip.entries, "entry-missing", f"the checkpoint counts {size} entries, but there are none from {tip.entries} on"))
    if tip.entries > size:
        faults.append(Fault(size, "entry-unsigned", f"entries from {size} on are in no checkpoint"))
    if tip.inner_nodes != tables.inner_nodes(size):
        code = "node-missing" if tip.inner_nodes < tables.inner_nodes(size) else "node-foreign"
        faults.append(Fault(None, code, "the tree's rows end in the wrong place"))
    if faults:
        return Judged(checkpoint, None, tuple(faults))
    try:
        edge = read_range(connection, size)
    except LedgerTamperedError as err:
        return Judged(checkpoint, None, (Fault(None, "node-missing", err.message),))
    if edge.root() != checkpoint.root:
        return Judged(checkpoint, None, (Fault(None, "root-mismatch", f"the tree of {size} entries is not the one that was signed"),))
    return Judged(checkpoint, edge, ())


def memory_faults(
    checkpoint: Checkpoint, connection: Connection, verifier: Verifier, remembered: Checkpoint | None, known_origin: str | None
) -> tuple[Fault, ...]:
    """What contradicts what this user has seen. The checkpoint has already been found to be the tree's."""
    faults = []
    if known_origin is not None and known_origin != checkpoint.origin:
        faults.append(Fault(None, REPLACED, f"the ledger here was {known_origin}, now it is {checkpoint.origin}"))
    if remembered is None or remembered.note == checkpoint.note:
        return tuple(faults)
    try:
        open_checkpoint(remembered.note, verifier)
    except LedgerTamperedError:
        faults.append(Fault(None, REPLACED, f"the ledger {checkpoint.origin} is signed by another key than the one that you knew"))
        return tuple(faults)
    if remembered.size > checkpoint.size:
        lost = f"you have seen it with {remembered.size} entries, now it has {checkpoint.size}"
        faults.append(Fault(checkpoint.size, INCONSISTENT, f"the ledger was rolled back: {lost}"))
    elif not _extends(remembered, checkpoint, connection):
        faults.append(Fault(None, INCONSISTENT, f"the ledger was forked: its first {remembered.size} entries are not those that you have seen"))
    return tuple(faults)


def _extends(old: Checkpoint, new: Checkpoint, connection: Connection) -> bool:
    if old.size == 0 or (old.size, old.root) == (new.size, new.root):
        return old.size > 0 or old.root == merkle.EMPTY_ROOT
    plan = merkle.plan_consistency(old.size, new.size)
    try:
        proof = merkle.proof_of(plan, read_nodes(connection, [node for item in plan for node in item]) if plan else {})
    except LedgerTamperedError:
        return False
    return merkle.verify_consistency(old.size, new.size, proof, old.root, new.root)


def health(ledger: Ledger, memory: CheckpointMemory) -> tuple[Fault, ...]:
    """Look at a ledger's newest end; O(log n). A sound ledger's checkpoint is remembered. Raises LedgerError when it cannot be read."""
    remembered, known_origin = memory.recall(ledger.origin), memory.origin_at(ledger.place)
    with ledger.store.reading() as connection:
        faults = structure_faults(ledger, connection)
        if any(fault.code == "table-missing" for fault in faults):
            return faults
        judged = judge_tip(read_tip(connection), connection, ledger.verifier)
        checkpoint = judged.checkpoint
        faults += judged.faults
        if checkpoint is not None:
            faults += memory_faults(checkpoint, connection, ledger.verifier, remembered, known_origin)
        elif known_origin is not None and known_origin != ledger.origin:
            faults += (Fault(None, REPLACED, f"the ledger here was {known_origin}, now it is {ledger.origin}"),)
    if checkpoint is not None and not faults:
        memory.remember(ledger.place, ledger.origin, checkpoint)
    return faults


def _last(size: int) -> int | None:
    """The last entry of the first ``size``."""
    return size - 1 if size else None
