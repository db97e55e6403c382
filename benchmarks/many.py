"""Projects that have grown: a thousand signed files, a ledger of ten thousand entries. Time for each file, which must not grow with their number.

    python -m benchmarks.many [--full] [--turns N]

'with a ledger' is the signer's own project; 'from claim files' is a fresh clone of it on a machine that has never seen it, judged by
``--policy mlsc.toml``: every statement comes out of ``.mlsc/claims``. Verifying hashes afresh, checks signatures and writes no cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Row, seconds, table
from benchmarks.scratch import Scratch, scratch
from jupyter_mlsc import predicates, session
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import Run

GROWTH = 1.5
"""How much more a file may cost among many times as many: it should be 1; more would be a scan of all for each."""


def write_files(place: Scratch, count: int) -> list[Path]:
    folder = place.root / "data" / "many"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = [folder / f"{number:05}.csv" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"x,y\n{number},1\n")
    return paths


def measure_files(folder: Path | None, count: int, turns: int) -> dict[str, float]:
    """Milliseconds for each of ``count`` files: to sign them, and to verify them by either way."""
    with scratch(folder) as place:
        paths = write_files(place, count)
        signing = seconds(lambda: place.sign(paths))
        verifying = min(seconds(lambda: _require(place.project, count)) for _ in range(turns))
        clone, newcomer = place.root.parent / "clone", place.root.parent / "newcomer"
        shutil.copytree(place.root, clone, ignore=shutil.ignore_patterns("ledger.db*"))
        environ = place.environ | {"HOME": str(newcomer), "MLSC_HOME": str(newcomer / "mlsc")}
        cloned = min(seconds(lambda: _require(Project.find(clone, environ, policy_file=clone / "mlsc.toml"), count)) for _ in range(turns))
        again = seconds(lambda: place.sign(paths))
    return {"sign": signing, "sign again": again, "verify, with a ledger": verifying, "verify, from claim files": cloned}


def _require(project: Project, count: int) -> None:
    verdicts = project.verify([])
    if len(verdicts) != count or not all(verdict.verified for verdict in verdicts):
        raise RuntimeError(f"{count} verified files were expected")


def measure_ledger(folder: Path | None, sizes: Sequence[int], turns: int) -> dict[int, dict[str, float]]:
    """Milliseconds of a load, a new run's first load and a lineage, with ledgers of these numbers of entries."""
    found: dict[int, dict[str, float]] = {}
    with scratch(folder) as place:
        text = "x,y\n" + "1,2\n" * 50
        path = place.root / "data" / "train.csv"
        path.parent.mkdir()
        path.write_text(text)
        place.sign([path])
        for size in sizes:
            fill(place, size)
            begun = session.begin(os.environ | place.environ, place.root, channel="notebook")
            begun.load(path)
            again = min(seconds(lambda: begun.load(path)) for _ in range(10 * turns))  # noqa: B023  # called at once
            runs = [Run(begun.project.project_id) for _ in range(5 * turns)]
            recorded = min(seconds(lambda: begun.project.load(path, run)) for run in runs)  # noqa: B023  # called at once
            fresh = min(seconds(lambda: place.project.load(path, Run(place.project.project_id))) for _ in range(turns))
            told = min(seconds(lambda: begun.lineage(place.root / "models" / "model-10.bin")) for _ in range(turns))  # noqa: B023  # called at once
            found[size] = {"load, unchanged": again, "load, recorded": recorded, "load, ledger opened": fresh, "lineage": told}
    return found


def fill(place: Scratch, size: int) -> None:
    """Bring a ledger to ``size`` entries with what runs write: one write for each nine reads."""
    project = place.project
    ledger, now, run = project.books.ledger_to_append(), datetime.now(UTC), Run(project.project_id)
    start = ledger.size
    entries = []
    for number in range(start, size):
        writes = number % 10 == 0
        name = f"models/model-{number % 500}.bin" if writes else f"data/input-{number % 1000}.csv"
        digest = Digest("sha256", f"{number:064x}")
        if writes:
            output = predicates.OutputBody(name, "model", project.project_id, 1)
            inputs = [(f"data/input-{n}.csv", Digest("sha256", f"{n:064x}"), predicates.InputBody("allow", True)) for n in range(3)]
            kind, predicate_type = "write", predicates.PROVENANCE
            body = predicates.to_predicate(predicates.provenance_body(output, run.facts(), inputs, now, precise=False))
        else:
            facts = predicates.LoadFacts("allow", True, (), "dataset", run.facts())
            kind, predicate_type = "read", predicates.VSA
            body = predicates.to_predicate(predicates.load_body(name, project.trust.digest, facts, now))
        envelope = seal(Statement((Subject(name, digest.in_toto()),), predicate_type, body), [project.run_signer])
        entries.append(entry_of(kind, envelope, predicate_type, [(name, digest)], now))
    if entries:
        ledger.append(entries)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table. Returns 0; a budget that is not kept is shown, not an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="5,000 files and 10,000 entries, not 1,000 and 3,000")
    parser.add_argument("--turns", type=int, default=2, help="times that each verification is done (default 2)")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary files go (default: the system's folder for them)")
    options = parser.parse_args(argv)
    few, many = (1000, 5000) if options.full else (250, 1000)
    rows = []
    small, large = (measure_files(options.folder, count, options.turns) for count in (few, many))
    for what in small:
        rows.append(Row(f"{many:,} files", f"{what}, for each file, beside {few:,} files", large[what] / many * 1000, "ms", small[what] / few * 1000, GROWTH))
    low, high = (1000, 10_000) if options.full else (300, 3000)
    ledgers = measure_ledger(options.folder, (low, high), options.turns)
    for what in ledgers[low]:
        budget = None if what == "lineage" else GROWTH
        rows.append(Row(f"ledger of {high:,} entries", f"{what}, beside {low:,} entries", ledgers[high][what] * 1000, "ms", ledgers[low][what] * 1000, budget))
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
