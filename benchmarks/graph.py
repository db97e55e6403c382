"""What came from what: lineage and impact by the number of edges, and what their index costs to build and to bring up to date.

The history is that of many projects in one: ten data sets that all use; for each project ten layers of ten artifacts, each made from the ten of the
layer before, so that an artifact has ten inputs. Statements are real ones, signed with the run key. The peer is a walk without an index: every
statement of the ledger is read and parsed first. A budget is 100 ms for a question about an artifact in the middle of its project.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec

from benchmarks.report import Row, seconds, table
from benchmarks.scratch import Scratch, scratch
from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, Subject, read_unverified, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.ledger import NewEntry
from jupyter_mlsc.lineage import Direction
from jupyter_mlsc.project import Project

WIDTH, LAYERS = 10, 10
START = datetime(2026, 1, 1, tzinfo=UTC)
ENVIRONMENT = str(Digest("sha256", "e" * 64))
BUDGET = 0.1
"""Seconds of this process: on an idle machine they are the wall's."""
MOST_READ = 100_000
"""Edges up to which the peer, which reads them all, and an answer that lists all are waited for."""


def digest_of(name: str) -> Digest:
    return Digest("sha256", sha256(name.encode()).hexdigest())


def artifact(project: int, layer: int, place: int) -> str:
    return f"data/raw/{place}.parquet" if layer == 0 else f"projects/{project}/layer-{layer}/{place}.parquet"


def entries(project: Project, edges: int, first: int = 0) -> Iterator[NewEntry]:
    """Provenance of ``edges`` edges, from the project of this number on."""
    made = 0
    for number in range(first, first + edges):
        for layer in range(1, LAYERS + 1):
            facts = predicates.RunFacts(
                f"{number:028x}{layer:04x}", project.project_id, "guarded", f"projects/{number}.ipynb", f"cell-{layer}", environment=ENVIRONMENT
            )
            inputs = [
                (artifact(number, layer - 1, each), digest_of(artifact(number, layer - 1, each)), predicates.InputBody("allow", True, "1"))
                for each in range(WIDTH)
            ]
            for place in range(WIDTH):
                if made >= edges:
                    return
                name = artifact(number, layer, place)
                at = START + timedelta(seconds=number * LAYERS + layer)
                output = predicates.OutputBody(name, "dataset", project.project_id, 1_000)
                body = predicates.provenance_body(output, facts, inputs, at, precise=True)
                statement = Statement((Subject(name, digest_of(name).in_toto()),), predicates.PROVENANCE, predicates.to_predicate(body))
                yield entry_of("write", seal(statement, [project.run_signer]), predicates.PROVENANCE, [(name, digest_of(name))], at)
                made += WIDTH


def fill(project: Project, edges: int, first: int = 0) -> None:
    batch: list[NewEntry] = []
    for entry in entries(project, edges, first):
        batch.append(entry)
        if len(batch) == 500:
            project.books.append(batch)
            batch = []
    if batch:
        project.books.append(batch)


def without_index(project: Project) -> int:
    """The peer: read all statements, as a walk without an index must."""
    ledger, found = project.books.ledger, 0
    assert ledger is not None
    for entry in ledger.entries(kind="write"):
        body = read_unverified(Envelope.from_json(ledger.envelope(entry.envelope)))
        found += len(msgspec.convert(body.predicate, predicates.ProvenanceBody).inputs)
    return found


@dataclass(frozen=True)
class Asked:
    """Seconds of the first answer of a project that was found anew, and of a later one; as wall time and as this process's own."""

    first: float
    first_cpu: float
    again: float
    again_cpu: float
    artifacts: int


def asked(made: Scratch, reference: Digest, direction: Direction, depth: int, limit: int) -> Asked:
    project = made.project
    project.books.ledger  # noqa: B018  # it is opened before anything is asked
    wall, cpu, count = [], [], 0
    for _ in range(4):
        start, own = time.perf_counter(), time.process_time()
        count = len(project.neighbourhood(str(reference), direction, depth=depth, limit=limit).nodes)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - own)
    return Asked(wall[0], cpu[0], statistics.median(wall[1:]), statistics.median(cpu[1:]), count)


def measure(folder: Path | None, edges: int) -> list[Row]:
    case = f"{edges:,} edges"
    rows: list[Row] = []
    with scratch(folder) as made:
        project = made.project
        start = time.perf_counter()
        fill(project, edges)
        print(f"{case}: written in {time.perf_counter() - start:.0f} s", flush=True)
        ledger = project.books.ledger
        assert ledger is not None
        index = project.provenance.index(ledger)
        size = ledger.store.located.file.stat().st_size  # type: ignore[union-attr]
        own = time.process_time()
        rebuilt = seconds(index.remake)
        own = time.process_time() - own
        grown = ledger.store.located.file.stat().st_size - size  # type: ignore[union-attr]
        peer = seconds(lambda: without_index(project)) if edges <= MOST_READ else None
        rows.append(Row(case, "index made anew", rebuilt, "s", peer=peer))
        rows.append(Row(case, "index made anew, CPU", own, "s"))
        rows.append(Row(case, "index on the disk", grown / 2**20, "MiB", peer=size / 2**20))
        last = max(0, (edges - 1) // (WIDTH * WIDTH * LAYERS))
        top = min(LAYERS, max(1, edges // (WIDTH * WIDTH)))
        questions: list[tuple[str, Digest, Direction, int, bool]] = [
            ("lineage of an artifact", digest_of(artifact(last // 2, top, 3)), "lineage", 1_000, True),
            ("impact of one in the middle", digest_of(artifact(last // 2, max(1, top // 2), 3)), "impact", 1_000, True),
            ("impact of what all use, at most 200", digest_of(artifact(0, 0, 3)), "impact", 200, False),
            ("impact of what all use, at most 1,000", digest_of(artifact(0, 0, 3)), "impact", 1_000, False),
            ("impact of what all use, all of it", digest_of(artifact(0, 0, 3)), "impact", 1_000_000, False),
        ]
        for what, reference, direction, limit, is_normal in questions:
            if limit == 1_000_000 and edges > MOST_READ:
                continue
            took = asked(made, reference, direction, 100 if limit == 1_000_000 else 8, limit)
            budget = BUDGET if is_normal else None
            rows.append(Row(case, f"{what} ({took.artifacts:,} artifacts), first", took.first, "s", peer=peer))
            rows.append(Row(case, f"{what}, first, CPU", took.first_cpu, "s", limit=budget))
            rows.append(Row(case, f"{what}, again", took.again, "s"))
            rows.append(Row(case, f"{what}, again, CPU", took.again_cpu, "s", limit=budget))
        for new in (10, 1_000):
            fill(project, new * WIDTH, first=1_000_000 + new)
            rows.append(Row(case, f"index brought up to date by {new:,} outputs", seconds(lambda: made_current(project)), "s"))
        rows.append(Row(case, "index compared with the ledger", seconds(index.wrong_rows), "s", peer=peer))
    return rows


def made_current(project: Project) -> None:
    ledger = project.books.ledger
    assert ledger is not None
    with project.provenance.index(ledger).current():
        pass


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", default="1000,10000", help="comma-separated numbers of edges")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    options = parser.parse_args(argv)
    for edges in map(int, options.edges.split(",")):
        print(table(measure(options.folder, edges)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
