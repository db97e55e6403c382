"""What scanners find in the tests' corpus, by technique, beside others: the table of docs/scanning.md.

    python -m benchmarks.scanning_table --peers ENVIRONMENT [--write]

ENVIRONMENT is one with requirements/scanners.txt. Each file is scanned as a file of its own, in a folder of its own, by each tool's Python interface. For
the others ``+ n`` are files on which they end with an error, which is neither an answer nor a way through.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

from benchmarks.scratch import CHECKOUT
from jupyter_mlsc.scan.finding import passes
from jupyter_mlsc.scan.process import ScanProcess

PEERS = ("picklescan", "fickling", "modelscan")
PAGE = CHECKOUT / "docs" / "scanning.md"
BEGIN, END = "<!-- the table of benchmarks/scanning_table.py begins -->", "<!-- it ends -->"


def _ours(folder: Path) -> dict[str, str]:
    answers = {}
    with ScanProcess() as process:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            with open(path, "rb") as file:
                answers[str(path.relative_to(folder))] = "passed" if passes(process.scan(path.name, file.fileno())) else "stopped"
    return answers


def _peer(python: Path, tool: str, folder: Path) -> dict[str, str] | None:
    script = Path(__file__).with_name("scanner_peers.py")
    done = subprocess.run([python, script, tool, folder], capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode != 0 or not done.stdout.startswith("{"):
        sys.stderr.write(f"{tool}: {done.stderr[-500:]}\n")
        return None
    answers: dict[str, str] = json.loads(done.stdout)["answers"]
    return answers


def _corpus(folder: Path) -> dict[str, tuple[str, bool]]:
    """Write the corpus below a folder; group and whether it is hostile, by the file's name there."""
    for room in ("tests/scan", "tests/formats"):
        sys.path.insert(0, str(CHECKOUT / room))
    import honest_files
    import hostile_files

    told = {}
    files = [(each.technique, each.name, each.data, True) for each in hostile_files.hostile_files()]
    files += [(each.library, each.name, each.data, False) for each in honest_files.honest_files()]
    for number, (group, name, data, hostile) in enumerate(files):
        path = folder / f"{number:04}" / Path(name).name
        path.parent.mkdir()
        path.write_bytes(data)
        told[str(path.relative_to(folder))] = (group, hostile)
    return told


def table(peers: Path | None) -> str:
    """The table as Markdown."""
    with tempfile.TemporaryDirectory() as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(made)
        told = _corpus(folder)
        columns = {"mlsc": _ours(folder)}
        for tool in PEERS if peers is not None else ():
            assert peers is not None
            answers = _peer(peers / "bin" / "python", tool, folder)
            if answers is not None:
                columns[tool] = answers
    lines = [f"| hostile files | files | {' | '.join(columns)} |", f"| --- | ---: |{' ---: |' * len(columns)}"]
    lines += _rows(told, columns, hostile=True)
    lines += ["", f"| honest files | files | {' | '.join(columns)} |", f"| --- | ---: |{' ---: |' * len(columns)}"]
    lines += _rows(told, columns, hostile=False)
    return "\n".join(lines)


def _rows(told: dict[str, tuple[str, bool]], columns: dict[str, dict[str, str]], *, hostile: bool) -> list[str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for path, (group, is_hostile) in told.items():
        if is_hostile is hostile:
            groups[group].append(path)
    lines = []
    for group, paths in (*sorted(groups.items()), ("**all**", [path for each in groups.values() for path in each])):
        cells = [_cell([answers.get(path, "error") for path in paths]) for answers in columns.values()]
        lines.append(f"| {group} | {len(paths)} | {' | '.join(cells)} |")
    return lines


def _cell(answers: list[str]) -> str:
    stopped, errors = answers.count("stopped"), answers.count("error")
    return f"{stopped} + {errors}" if errors else str(stopped)


def main() -> None:
    """Print the table, or put it into the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=Path, help="An environment with requirements/scanners.txt.")
    parser.add_argument("--write", action="store_true", help="Put the table into docs/scanning.md.")
    given = parser.parse_args()
    made = table(given.peers)
    if given.write:
        text = PAGE.read_text()
        PAGE.write_text(re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n\n{made}\n\n{END}", text, flags=re.DOTALL))
    else:
        print(made)


if __name__ == "__main__":
    main()
