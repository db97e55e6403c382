"""What the guard costs an unchanged notebook: an open that no rule governs, a governed one again, a cell, an unpickled global, switching it on.

    python -m benchmarks.guard [--files N] [--turns N]

Everything is timed in one process, in turn with the guard off and on; the best of the turns counts. A bare open is `open` and `close` of a small
file in the page cache.
"""

from __future__ import annotations

import argparse
import datetime
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import Row, in_turn, seconds, table
from benchmarks.scratch import Scratch, scratch
from benchmarks.startup import EXTENSION
from jupyter_mlsc import session
from jupyter_mlsc.kernel.guard import Guard
from jupyter_mlsc.recording import Place

OPENS = 20_000
GLOBALS = 20_000
CELLS = 20


def opening(path: str) -> Callable[[], object]:
    """Open and close one file many times."""

    def run() -> None:
        for _ in range(OPENS):
            open(path, "rb").close()

    return run


@contextmanager
def switched_on(guard: Guard) -> Iterator[None]:
    """The guard is on."""
    guard.begin()
    try:
        yield
    finally:
        guard.end()


def guarded(guard: Guard, run: Callable[[], object]) -> Callable[[], float]:
    """Seconds of a call in a cell under the guard."""

    def timed() -> float:
        with switched_on(guard):
            guard.cell_begins()
            taken = seconds(run)
            guard.cell_ends(None)
        return taken

    return timed


def measure(place: Scratch, files: int, turns: int) -> list[Row]:
    """All rows."""
    root = place.root
    (root / "data").mkdir()
    for number in range(files):
        (root / "data" / f"{number:05}.csv").write_text("x\n1\n")
    place.sign([root / "data" / "00000.csv"])
    (root / "notes.txt").write_text("x\n")
    os.chdir(root)
    begun = session.begin(place.environ, root, channel="notebook")
    begun.place(Place(notebook="n.ipynb", cell_id="c", execution_count=1, code="sha256:" + "0" * 64))
    guard = Guard(begun)
    with tempfile.NamedTemporaryFile() as outside:
        opens = {
            "of a file outside the project": outside.name,
            "of a file in the project that no rule governs": str(root / "notes.txt"),
            "of the same by a relative path": "notes.txt",
            "of a governed file, verified before in this cell": str(root / "data" / "00000.csv"),
        }
        data = pickle.dumps([datetime.date(2024, 1, 1)], 0)
        named = [data] * GLOBALS

        def unpickle() -> None:
            for each in named:
                pickle.loads(each)

        def cells() -> None:
            for _ in range(CELLS):
                guard.cell_begins()
                guard.cell_ends(None)

        def nothing() -> None:
            for _ in range(CELLS):
                pass

        ways: dict[str, Callable[[], float]] = {}
        for what, path in opens.items():
            ways[what] = lambda path=path: seconds(opening(path))  # type: ignore[misc]  # bound now, not when it is called
            ways[f"{what}, guarded"] = guarded(guard, opening(path))
        ways["globals"] = lambda: seconds(unpickle)
        ways["globals, guarded"] = guarded(guard, unpickle)
        ways["cells"] = guarded(guard, cells)
        taken = {name: min(values) for name, values in in_turn(ways, turns).items()}
    rows = [Row("open", what, taken[f"{what}, guarded"] / OPENS * 1e6, "us", taken[what] / OPENS * 1e6, None if "verified" in what else 1.5) for what in opens]
    rows.append(Row("pickle", "loads of one listed global", taken["globals, guarded"] / GLOBALS * 1e6, "us", taken["globals"] / GLOBALS * 1e6))
    rows.append(Row("cell", f"in a project of {files} governed files", taken["cells"] / CELLS * 1e3, "ms", limit=5.0))
    extension = min(float(place.python("-c", EXTENSION)[0]) for _ in range(turns))
    rows.append(Row("notebook", "%load_ext jupyter_mlsc in that project, wall over IPython", extension, "ms", limit=60.0))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table. Returns 0; a budget that is not kept is shown, not an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=1000, help="governed files in the project (default 1000)")
    parser.add_argument("--turns", type=int, default=5, help="how often everything is timed, in turn (default 5)")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary files go (default: the system's folder for them)")
    options = parser.parse_args(argv)
    before = Path.cwd()
    with scratch(options.folder) as place:
        try:
            print(table(measure(place, options.files, options.turns)))
        finally:
            os.chdir(before)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
