"""What supervision costs: an open, a new file, the start of a program and of a kernel, heavy imports, packages, repositories, memory.

    python -m benchmarks.supervisor [--full] [--only opens,start,work,memory] [--turns N]

Everything runs in turn as anybody would run it and supervised (`mlsc exec`); the best of the turns counts. What an open costs is timed within the
command, so that the start of a supervisor is not in it; 'one core' is both processes on the same core, 'two cores' each on its own, else the scheduler
places them. What a program takes (imports, pip, git) is timed within the command too; the start of the supervisor has a row of its own. A server's
kernels are started in one process, in turn, each when a supervisor waits for it, as in a server that people work in.
"""

from __future__ import annotations

import argparse
import compileall
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jupyter_mlsc
from benchmarks.report import Row, in_turn, table
from benchmarks.scratch import Scratch, scratch

POLICY = '\n[supervise]\nenvironment = "writable"\n'

OPENS = """
import json, os, statistics, sys, time
from time import perf_counter_ns as now
def of_open(path):
    taken = []
    for _ in range(3000):
        start = now()
        descriptor = os.open(path, os.O_RDONLY)
        taken.append(now() - start)
        os.close(descriptor)
    return statistics.median(taken) / 1000
def of_new(path):
    taken = []
    for _ in range(1500):
        start = now()
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.unlink(path)
        taken.append(now() - start)
    return statistics.median(taken) / 1000
def of_missing(path):
    taken = []
    for _ in range(3000):
        start = now()
        try:
            os.open(path, os.O_RDONLY)
        except OSError:
            pass
        taken.append(now() - start)
    return statistics.median(taken) / 1000
if sys.argv[1:]:
    os.sched_setaffinity(0, {int(sys.argv[1])})
open("data/rows.csv").close()
cache = os.path.expanduser("~/.cache/tool/new")
print(json.dumps([of_open("/usr/lib/os-release"), of_open("data/rows.csv"), of_open("notes.txt"), of_missing("missing.txt"), of_new("new.txt"), of_new(cache)]))
"""
OPENED = ("system", "governed", "other", "missing", "new", "new, free")

IMPORTS = """
import json, time
start = time.perf_counter()
import pandas, sklearn.ensemble
print(json.dumps(time.perf_counter() - start))
"""

TIMED = """
import json, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(json.dumps(time.perf_counter() - start))
"""

KERNEL = """
import json, os, sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name=sys.argv[1])
start = time.perf_counter()
manager.start_kernel(stderr=open(os.devnull, "w"))
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=120)
client.execute_interactive("pass", timeout=120)
print(json.dumps(time.perf_counter() - start))
client.stop_channels()
manager.shutdown_kernel(now=True)
"""

SERVED = """
import asyncio, json, os, statistics, sys, time
from jupyter_client.multikernelmanager import AsyncMultiKernelManager
from jupyter_mlsc.sandbox.standby import STANDBY
async def one(many, name):
    start = time.perf_counter()
    kernel = await many.start_kernel(kernel_name=name, stderr=open(os.devnull, "w"))
    client = many.get_kernel(kernel).client()
    client.start_channels()
    await client.wait_for_ready(timeout=120)
    await client._async_execute_interactive("pass", timeout=120)
    taken = time.perf_counter() - start
    client.stop_channels()
    await many.shutdown_kernel(kernel, now=True)
    return taken
async def main():
    many = AsyncMultiKernelManager()
    taken = {"plain": [], "supervised": []}
    for turn in range(int(sys.argv[1]) + 1):
        for name, values in taken.items():
            values.append(await one(many, name))
        while STANDBY.pid is None:
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
    print(json.dumps({name: statistics.median(values[1:]) for name, values in taken.items()}))
asyncio.run(main())
"""

MEMORY = """
import json, os
parent = os.getppid()
for folder, _, _ in os.walk("many"):
    for n in range(2000):
        open(os.path.join(folder, str(n)), "w").close()
with open(f"/proc/{parent}/status") as file:
    print(json.dumps(next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))))
"""


def run(place: Scratch, argv: Sequence[str], *, core: int | None = None, more: dict[str, str] | None = None) -> Any:
    """What a process prints, as JSON. Raises CalledProcessError when it fails."""

    def pin() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})

    environ = {**place.environ, **(more or {})}
    done = subprocess.run(argv, cwd=place.root, env=environ, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=pin)  # no threads here
    return json.loads(done.stdout.splitlines()[-1])


def supervised(*argv: str) -> list[str]:
    """The command line of a command under supervision."""
    return [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", *argv]


def python(code: str, *arguments: str) -> list[str]:
    """The command line of Python code."""
    return [sys.executable, "-c", code, *arguments]


def wall(place: Scratch, argv: Sequence[str]) -> float:
    """Wall seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run(argv, cwd=place.root, env=place.environ, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def prepare(place: Scratch) -> None:
    """A policy, a signed file, another one, a cache; byte code, as an installed package has it."""
    compileall.compile_dir(str(Path(jupyter_mlsc.__file__).parent), quiet=2)
    policy = place.root / "mlsc.toml"
    policy.write_text(policy.read_text() + POLICY)
    subprocess.run([sys.executable, "-m", "jupyter_mlsc.cli", "--quiet", "policy", "trust", "--yes"], cwd=place.root, env=place.environ, check=True)
    (place.root / "data").mkdir()
    (place.root / "data" / "rows.csv").write_text("x\n" * 1000)
    (place.root / "notes.txt").write_text("x\n")
    (place.home / ".cache" / "tool").mkdir(parents=True)
    place.sign([place.root / "data" / "rows.csv"])
    time.sleep(2.1)  # nothing is kept of a file that changed within the last two seconds


def opens(place: Scratch, turns: int) -> list[Row]:
    """Medians of opens, in microseconds."""
    rows = []
    core, *others = sorted(os.sched_getaffinity(0))
    for where, pinned, moved in (("one core", core, None), *(("two cores", core, other) for other in others[:1]), ("any core", None, None)):
        plain = python(OPENS, *([] if moved is None else [str(moved)]))
        ours = supervised(*plain)
        taken = in_turn({"plain": lambda c=pinned, a=plain: run(place, a, core=c), "ours": lambda c=pinned, a=ours: run(place, a, core=c)}, turns)  # type: ignore[dict-item,misc]
        best = {way: dict(zip(OPENED, (min(column) for column in zip(*values, strict=True)), strict=True)) for way, values in taken.items()}  # type: ignore[call-overload]
        limits = {"system": None if moved is not None else 25.0, "other": 60.0 if where == "one core" else 130.0}
        names = {
            "system": "open of a system file",
            "governed": "open of a governed file that was judged",
            "other": "open of a file in the project, on the caller's behalf",
            "missing": "open of a file in the project that does not exist",
            "new": "a file made and removed in the project",
            "new, free": "a file made and removed in a free folder",
        }
        rows += [Row(where, names[each], best["ours"][each], "us", best["plain"][each], limit=limits.get(each)) for each in OPENED]
    return rows


def starts(place: Scratch, turns: int) -> list[Row]:
    """Starts of programs and kernels, in milliseconds."""
    spec = place.home / ".local" / "share" / "jupyter" / "kernels"
    for name, metadata in (("plain", {}), ("supervised", {"kernel_provisioner": {"provisioner_name": "mlsc-supervised"}})):
        (spec / name).mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (spec / name / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": "python", "metadata": metadata}))
    more = {"JUPYTER_DATA_DIR": str(spec.parent), "JUPYTER_RUNTIME_DIR": str(place.home / "runtime")}
    taken = in_turn(
        {
            "pass": lambda: wall(place, python("pass")),
            "pass, ours": lambda: wall(place, supervised(*python("pass"))),
            "kernel": lambda: float(run(place, python(KERNEL, "plain"), more=more)),
            "kernel, ours": lambda: float(run(place, python(KERNEL, "supervised"), more=more)),
            "imports": lambda: float(run(place, python(IMPORTS))),
            "imports, ours": lambda: float(run(place, supervised(*python(IMPORTS)))),
        },
        turns,
    )
    best = {name: min(values) * 1000 for name, values in taken.items()}
    served = run(place, python(SERVED, str(turns)), more=more)
    return [
        Row("start", "mlsc exec -- python -c pass, beside python -c pass", best["pass, ours"], "ms", best["pass"]),
        Row("start", "a kernel, to the end of its first cell", best["kernel, ours"], "ms", best["kernel"], 1.25),
        Row("start", "a kernel of a server, whose supervisor waited (medians)", served["supervised"] * 1000, "ms", served["plain"] * 1000, 1.25),
        Row("import", "import pandas, sklearn.ensemble", best["imports, ours"], "ms", best["imports"], 1.15),
    ]


def wheel(folder: Path, modules: int) -> Path:
    """A package of many modules, as a wheel."""
    source = folder / "source"
    (source / "tiny").mkdir(parents=True)
    for number in range(modules):
        (source / "tiny" / f"module{number}.py").write_text(f"value = {number}\n" * 20)
    (source / "tiny" / "__init__.py").write_text("")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\nname = "tiny"\nversion = "1.0"\n'
    )
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(source)], check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def repository(place: Scratch, folder: Path, files: int) -> None:
    """A repository of many small files."""
    for number in range(files):
        inside = folder / f"d{number % 53}" / f"e{number % 7}"
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"f{number}.txt").write_text(f"{number}\n" * 20)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *arguments], cwd=folder, env=place.environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def work(place: Scratch, files: int, turns: int) -> list[Row]:
    """File-heavy work, in milliseconds."""
    made, environment = wheel(place.home / "wheel", 300), place.root / "env"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    repository(place, place.home / "upstream", files)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "-q", "--no-index", "--force-reinstall", "--disable-pip-version-check", str(made)]
    inside = str(environment / "bin" / "python")

    def timed(argv: Sequence[str], beside: Path | None, *, ours: bool, program: str = sys.executable) -> Callable[[], float]:
        """``beside`` is where each turn makes a folder of its own: a file system is slow to make again what was just removed."""
        turn = itertools.count()

        def one() -> float:
            target = [] if beside is None else [str(beside / f"clone-{ours}-{next(turn)}")]
            command = [program, "-c", TIMED, *argv, *target]
            return float(run(place, supervised(*command) if ours else command))

        return one

    ways: dict[str, Callable[[], float]] = {}
    targets = {"free": place.home / ".cache" / "tool", "beside": place.root}
    for ours in (False, True):
        suffix = ", ours" if ours else ""
        ways[f"pip{suffix}"] = timed(pip, None, ours=ours, program=inside)
        for name, target in targets.items():
            ways[f"{name}{suffix}"] = timed(["git", "clone", "-q", str(place.home / "upstream")], target, ours=ours)
    best = {name: min(values) * 1000 for name, values in in_turn(ways, turns).items()}
    return [
        Row("pip", "install a wheel of 300 modules into the project's environment", best["pip, ours"], "ms", best["pip"], 1.2),
        Row("git", f"clone {files:,} files into a free folder", best["free, ours"], "ms", best["free"], 3.0),
        Row("git", f"clone {files:,} files beside governed ones", best["beside, ours"], "ms", best["beside"], 5.0),
    ]


def memory(place: Scratch) -> list[Row]:
    """Resident memory of a supervisor after some thousand opens."""
    (place.root / "many").mkdir(exist_ok=True)
    return [Row("memory", "resident, of a supervisor, after 2,000 new files", run(place, supervised(*python(MEMORY))) / 1024, "MiB")]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table. Returns 0; a budget that is not kept is shown, not an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="the sizes of the budgets, more turns")
    parser.add_argument("--only", default="opens,start,work,memory", help="some of opens,start,work,memory")
    parser.add_argument("--turns", type=int, default=None, help="how often everything runs, in turn (default 3; 7 with --full)")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary files go (default: the system's folder for them)")
    options = parser.parse_args(argv)
    turns = options.turns or (7 if options.full else 3)
    with scratch(options.folder) as place:
        prepare(place)
        parts: dict[str, Callable[[], list[Row]]] = {
            "opens": lambda: opens(place, turns),
            "start": lambda: starts(place, turns),
            "work": lambda: work(place, 3000 if options.full else 1000, turns),
            "memory": lambda: memory(place),
        }
        rows = [row for name, part in parts.items() if name in options.only.split(",") for row in part()]
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
