"""Ledger: durable appends, proofs and full verification, each beside its peer in the same run.

Peers: for an append, SQLite alone inserting and committing the same rows durably; for verification, SHA-256 over the same records and
envelopes read from the same file. Budgets are those of the design: 300 appends/s in one process, 1,000/s grouped from many, a proof at
1e6 in about 1 ms, 1e6 entries verified (signatures apart) in 60 s with flat memory.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jupyter_mlsc import merkle
from jupyter_mlsc.ledger import CheckpointMemory, Ledger, NewEntry

START = datetime(2026, 1, 31, tzinfo=UTC)
ENVELOPE_SIZE = 1_200
"""Bytes of a typical signed statement."""

Row = tuple[str, str, str, str]


def new_entry(number: int) -> NewEntry:
    body = b'{"payload":"%016d","signatures":[{"sig":"' % number
    subjects = ((f"data/part-{number % 97}.parquet", f"sha256:{number:064x}"),)
    return NewEntry("signature", START + timedelta(seconds=number), body + b"A" * (ENVELOPE_SIZE - len(body)), "https://example.org/artifact/v1", subjects)


def private_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def append_alone(folder: Path, count: int) -> float:
    memory = CheckpointMemory(folder / "home" / "checkpoints.db")
    ledger = Ledger.create(folder / "alone.db", private_key(), memory)
    ledger.append([new_entry(0)])
    begin = time.perf_counter()
    for number in range(1, count + 1):
        ledger.append([new_entry(number)])
    elapsed = time.perf_counter() - begin
    ledger.close()
    return count / elapsed


def bare_sqlite(folder: Path, count: int) -> float:
    """The peer: the same bytes into one table, one durable commit each; no tree, no signature, no index."""
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE entry (number INTEGER PRIMARY KEY, record BLOB, envelope BLOB)")
        begin = time.perf_counter()
        for number in range(count):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO entry VALUES (?, ?, ?)", (number, b"r" * 330, new_entry(number).envelope))
            connection.execute("COMMIT")
        return count / (time.perf_counter() - begin)


def _work(place: str, home: str, first: int, count: int, batch: int, barrier: Any) -> None:
    ledger = Ledger.open(place, CheckpointMemory(home), private_key())
    barrier.wait()
    for number in range(first, first + count, batch):
        ledger.append([new_entry(each) for each in range(number, number + batch)])
    barrier.wait()


def append_together(folder: Path, *, processes: int, count: int, batch: int) -> float:
    place, home = folder / f"together-{batch}.db", folder / "home" / "checkpoints.db"
    Ledger.create(place, private_key(), CheckpointMemory(home)).close()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    each = count // processes
    workers = [context.Process(target=_work, args=(str(place), str(home), number * each, each, batch, barrier)) for number in range(processes)]
    for worker in workers:
        worker.start()
    barrier.wait()
    begin = time.perf_counter()
    barrier.wait()
    elapsed = time.perf_counter() - begin
    for worker in workers:
        worker.join()
    ledger = Ledger.open(place, CheckpointMemory(home))
    if ledger.size != each * processes:
        raise SystemExit(f"lost entries: {ledger.size} of {each * processes}")
    ledger.close()
    return each * processes / elapsed


def fill(place: Path, memory: CheckpointMemory, size: int) -> Ledger:
    ledger = Ledger.create(place, private_key(), memory)
    for first in range(0, size, 500):
        ledger.append([new_entry(number) for number in range(first, min(first + 500, size))])
    return ledger


def proof_time(ledger: Ledger, size: int, rounds: int = 300) -> float:
    """Median seconds of one proof of a random entry, and its check."""
    chance, root, times = random.Random(1), ledger.checkpoint().root, []
    for _ in range(rounds):
        index = chance.randrange(size)
        begin = time.perf_counter()
        proof = ledger.prove(index)
        times.append(time.perf_counter() - begin)
        if not proof.verify(root):
            raise SystemExit(f"entry {index} was not proven")
    return sorted(times)[rounds // 2]


def append_time(ledger: Ledger, size: int, rounds: int = 100) -> float:
    times = []
    for number in range(size, size + rounds):
        begin = time.perf_counter()
        ledger.append([new_entry(number)])
        times.append(time.perf_counter() - begin)
    return sorted(times)[rounds // 2]


def plain_hash(place: Path) -> float:
    """The peer: read every record and envelope of the same file, and hash each once."""
    begin = time.perf_counter()
    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as connection:
        for table, column in (("entry", "record"), ("envelope", "content")):
            for (content,) in connection.execute(f"SELECT {column} FROM {table}"):
                hashlib.sha256(content).digest()
    return time.perf_counter() - begin


def resident() -> int:
    """Peak resident bytes of this process, or 0 where that is not known."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    print(f"\n{title}")
    for row in (header, ["-" * width for width in widths], *rows):
        print("  " + "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(zip(row, widths, strict=True))))


def measure_appends(folder: Path, count: int) -> None:
    processes = 8
    bare = bare_sqlite(folder, count)
    alone = append_alone(folder, count)
    rows: list[Row] = [
        ("SQLite alone, insert and commit (peer)", f"{bare:,.0f}", "1.00", ""),
        ("one process, one entry each", f"{alone:,.0f}", f"{alone / bare:.2f}", "300"),
    ]
    for batch in (1, 10, 100):
        appends = max(count // (processes * batch), 4 if batch > 1 else 1)
        rate = append_together(folder, processes=processes, count=appends * processes * batch, batch=batch)
        what = f"{processes} processes, {batch} {'entry' if batch == 1 else 'entries'} each"
        rows.append((what, f"{rate:,.0f}", f"{rate / bare:.2f}", "" if batch == 1 else "1,000"))
    table("Durable appends", ("", "entries/s", "of peer", "budget"), rows)


def measure_sizes(folder: Path, sizes: Sequence[int]) -> None:
    from jupyter_mlsc.ledger.audit import audit

    rows = []
    for size in sizes:
        memory = CheckpointMemory(folder / f"memory-{size}.db")
        place = folder / f"sized-{size}.db"
        ledger = fill(place, memory, size)
        proof, append = proof_time(ledger, size), append_time(ledger, size)
        before = resident()
        begin = time.perf_counter()
        report = audit(ledger, memory, every_signature=False)
        elapsed = time.perf_counter() - begin
        grown = resident() - before
        if not report.ok:
            raise SystemExit(f"the ledger does not verify: {report.faults}")
        peer = plain_hash(place)
        cells = (f"{proof * 1e3:.2f}", f"{append * 1e3:.2f}", f"{elapsed:.2f}", f"{peer:.2f}", f"{elapsed / peer:.1f}", f"{elapsed / size * 1e6:.1f}")
        rows.append((f"{size:,}", *cells, f"{grown / 2**20:.1f}"))
        ledger.close()
        place.unlink()
    header = ("entries", "proof ms", "append ms", "verify s", "plain hash s (peer)", "times peer", "us/entry", "memory grown MiB")
    table("Proof, append and full verification by size", header, rows)
    many = sizes[0]
    memory = CheckpointMemory(folder / "signatures.db")
    ledger = Ledger.create(folder / "signatures-ledger.db", private_key(), memory)
    for number in range(many):
        ledger.append([new_entry(number)])
    begin = time.perf_counter()
    audit(ledger, memory, every_signature=False)
    without = time.perf_counter() - begin
    begin = time.perf_counter()
    audit(ledger, memory)
    ledger.close()
    every = time.perf_counter() - begin
    per_entry = (f"{without / many * 1e6:.1f}", f"{every / many * 1e6:.1f}")
    table("A checkpoint for each entry: verification, us/entry", ("entries", "roots", "and every signature"), [(f"{many:,}", *per_entry)])


def measure_tree(size: int) -> None:
    leaves = [merkle.leaf_hash(number.to_bytes(8, "big")) for number in range(size)]
    begin = time.perf_counter()
    merkle.root_of(leaves)
    ours = time.perf_counter() - begin
    begin = time.perf_counter()
    for left in leaves:
        hashlib.sha256(b"\x01" + left + left).digest()
    peer = time.perf_counter() - begin
    table("Root of leaf hashes", ("leaves", "s", "bare SHA-256 s (peer)", "times peer"), [(f"{size:,}", f"{ours:.2f}", f"{peer:.2f}", f"{ours / peer:.2f}")])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--million", action="store_true", help="also 1,000,000 entries (several minutes, about 3 GB of disk)")
    parser.add_argument("--quick", action="store_true", help="small sizes only, to see that it runs")
    parser.add_argument("--folder", type=Path, help="where to write; the disk under it is what is measured (default: a temporary folder)")
    options = parser.parse_args(argv)
    sizes = [1_000] if options.quick else [1_000, 10_000, 100_000]
    with tempfile.TemporaryDirectory(prefix="mlsc-bench-", dir=options.folder) as name:
        folder = Path(name)
        print(f"ledger benchmark, {os.cpu_count()} cores, SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}")
        measure_appends(folder, 200 if options.quick else 2_000)
        measure_tree(10_000 if options.quick else 1_000_000)
        measure_sizes(folder, [*sizes, *([1_000_000] if options.million else [])])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
