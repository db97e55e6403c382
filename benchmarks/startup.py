"""What it costs to begin: the command line, the extension in a notebook, the first load of a process, and the modules that take the time.

    python -m benchmarks.startup [--turns N]

CPU is user and system time of the whole process, wall is measured inside of it; the best of several processes counts, run in turn.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.report import Row, in_turn, table
from benchmarks.scratch import Scratch, scratch

EXTENSION = """
import json, time
import ipykernel.kernelapp
from ipykernel.zmqshell import ZMQInteractiveShell
shell = ZMQInteractiveShell.instance()
shell.run_cell("pass", silent=True)
wall, cpu = time.perf_counter(), time.process_time()
shell.run_line_magic("load_ext", "jupyter_mlsc")
print(json.dumps([(time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000]))
"""

FIRST_LOAD = """
import json, os, sys, time
from pathlib import Path
import pandas, numpy
from jupyter_mlsc import session
from benchmarks.report import seconds
pandas.read_csv("data/plain.csv")
plain = min(seconds(lambda: pandas.read_csv("data/plain.csv")) for _ in range(20))
begun = session.begin(os.environ, Path.cwd(), channel="notebook")
first = seconds(lambda: begun.load("data/0.csv"))
others = [seconds(lambda: begun.load(f"data/{n}.csv")) for n in range(1, 10)]
again = [seconds(lambda: begun.load("data/9.csv")) for _ in range(20)]
print(json.dumps([1000 * value for value in (plain, first, min(others), min(again))]))
"""

SHOWN = 12
OURS = ("jupyter_mlsc", "msgspec", "wrapt", "_hashlib", "sqlite3", "tomllib")
"""What a kernel has not imported before."""


def cpu_milliseconds(argv: Sequence[str], place: Scratch) -> float:
    """User and system time of a process. Raises CalledProcessError when it fails."""
    process = subprocess.Popen(argv, cwd=place.root, env=place.environ, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return (usage.ru_utime + usage.ru_stime) * 1000


def dearest_modules(code: str, place: Scratch) -> list[tuple[float, float, str]]:
    """Modules by what importing them takes by themselves: own and whole milliseconds (``-X importtime``), beyond a bare interpreter's."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        cwd=place.root,
        env=place.environ,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    found = re.findall(r"^import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)$", done.stderr, re.MULTILINE)
    return sorted(((int(own) / 1000, int(whole) / 1000, name) for own, whole, name in found), reverse=True)


def measure(place: Scratch, turns: int) -> list[Row]:
    """All rows but the modules."""
    data = place.root / "data"
    data.mkdir()
    text = "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50))
    (data / "plain.csv").write_text(text)
    for number in range(10):
        (data / f"{number}.csv").write_text(text.replace("x,y", f"x{number},y"))
    place.sign([data / f"{number}.csv" for number in range(10)])
    commands: dict[str, Callable[[], float]] = {
        "bare": lambda: cpu_milliseconds([sys.executable, "-c", "pass"], place),
        "help": lambda: cpu_milliseconds([sys.executable, "-m", "jupyter_mlsc.cli", "--help"], place),
        "script": lambda: cpu_milliseconds([str(Path(sys.executable).with_name("mlsc")), "--help"], place),
        "import": lambda: cpu_milliseconds([sys.executable, "-c", "import jupyter_mlsc"], place),
    }
    taken = {name: min(values) for name, values in in_turn(commands, 2 * turns).items()}
    extension = [min(column) for column in zip(*(place.python("-c", EXTENSION) for _ in range(turns)), strict=True)]
    loads = [place.python("-c", FIRST_LOAD) for _ in range(turns)]
    plain, first, other, again = (min(column) for column in zip(*loads, strict=True))
    return [
        Row("command line", "python -m jupyter_mlsc.cli --help, CPU, beside python -c pass", taken["help"], "ms", taken["bare"], 4.0),
        Row("command line", "mlsc --help, CPU, beside python -c pass", taken["script"], "ms", taken["bare"], 4.0),
        Row("import", "import jupyter_mlsc, CPU, beside python -c pass", taken["import"], "ms", taken["bare"]),
        Row("notebook", "%load_ext jupyter_mlsc in an accepted project, in a started kernel", extension[0], "ms", limit=60.0),
        Row("notebook", "the same, CPU", extension[1], "ms"),
        Row("csv of 50 rows", "first load of a process, beside pandas.read_csv", first, "ms", plain),
        Row("csv of 50 rows", "first load of another file, beside pandas.read_csv", other, "ms", plain),
        Row("csv of 50 rows", "the same file unchanged, beside pandas.read_csv", again, "ms", plain, 1.02, 2.0),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its tables. Returns 0; a budget that is not kept is shown, not an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5, help="processes of each kind, in turn (default 5)")
    parser.add_argument("--full", action="store_true", help="as many processes as it takes on a busy machine")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary files go (default: the system's folder for them)")
    options = parser.parse_args(argv)
    with scratch(options.folder) as place:
        print(table(measure(place, options.turns * (3 if options.full else 1))))
        for what, code in (("mlsc --help", "from jupyter_mlsc import cli; cli.run(['--help'])"), ("%load_ext jupyter_mlsc", EXTENSION)):
            print(f"\nModules that take longest in `{what}`, in ms:\n\n| module | own | with what it imports |\n| --- | ---: | ---: |")
            own = [
                row
                for row in dearest_modules(code, place)
                if what == "mlsc --help" or row[2].startswith(("jupyter_mlsc", "msgspec", "wrapt", "_hashlib", "sqlite3", "tomllib"))
            ]
            print("\n".join(f"| {name} | {alone:.1f} | {whole:.1f} |" for alone, whole, name in own[:SHOWN]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
