"""Notebooks as people write them give the same outputs with the guard as without, and the ledger has what they read and wrote, with the cell."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from notebook_data import write_data

from tests.conftest import Person

NOTEBOOKS = {path.stem: path for path in sorted((Path(__file__).parent / "notebooks").glob("*.ipynb"))}
"""None of them knows of the guard. Their metadata say in which code cell (from 1) a governed path is first read, or written."""

EVERY_DAY = ("pandas_eda", "pickle_cache", "functions_and_magics", "shell_cells")
CONFIG = "c.InteractiveShellApp.extensions = ['jupyter_mlsc']\n"
TIMES = re.compile(r"^(CPU times: |Wall time: ).*$", re.MULTILINE)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks' data, and nothing else."""
    folder = tmp_path_factory.mktemp("notebooks") / "project"
    folder.mkdir()
    write_data(folder)
    return folder


@pytest.fixture
def execute(tmp_path: Path) -> Iterator[Callable[..., list[Any]]]:
    """Run a notebook headless in a folder; with a person, the extension is loaded by IPython's configuration, as for everybody at a site."""
    before = dict(os.environ)

    def run(name: str, folder: Path, person: Person | None) -> list[Any]:
        ipython = tmp_path / ("with" if person else "without")
        (ipython / "profile_default").mkdir(parents=True, exist_ok=True)
        if person is not None:
            (ipython / "profile_default" / "ipython_config.py").write_text(CONFIG)
        os.environ.clear()
        os.environ.update({**before, **(person.environ if person else {}), "IPYTHONDIR": str(ipython), "MPLCONFIGDIR": str(tmp_path / "mpl")})
        notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
        return [_shown(cell.outputs, folder) for cell in notebook.cells]

    yield run
    os.environ.clear()
    os.environ.update(before)


def _shown(outputs: list[Any], folder: Path) -> Any:
    """Outputs without the times that cells took, the place of the project, and how a stream was cut into pieces."""
    streams: dict[str, str] = {}
    others = []
    for output in outputs:
        if output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + output["text"]
        else:
            others.append(json.dumps(output, sort_keys=True).replace(str(folder), "/project"))
    return {name: TIMES.sub(r"\1", text.replace(str(folder), "/project")) for name, text in streams.items()}, others


def recorded(person: Person, kind: str) -> dict[str, int]:
    """Each path of the ledger with the execution count of the first cell that read it, or wrote it."""
    done = person.mlsc("log", "show", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = {}
    for entry in json.loads(done.stdout):
        if entry["kind"] == kind:
            found.setdefault(entry["path"], entry["execution_count"])
    return found


@pytest.mark.parametrize("mode", ["enforce", pytest.param("observe", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [name if name in EVERY_DAY else pytest.param(name, marks=pytest.mark.slow) for name in NOTEBOOKS])
def test_outputs_are_equal_and_the_ledger_has_what_was_read_and_written(
    name: str, mode: str, plain: Path, tmp_path: Path, execute: Callable[..., list[Any]]
) -> None:
    alone = tmp_path / "alone" / "project"
    shutil.copytree(plain, alone)
    person = Person("ada", tmp_path / "home", tmp_path / "guarded" / "project")
    person.root.mkdir(parents=True)
    person.init(mode)
    files = write_data(person.root)
    if mode == "enforce":
        person.sign(*files)
    without = execute(name, alone, None)
    under = execute(name, person.root, person)
    for number, (expected, found) in enumerate(zip(without, under, strict=True), 1):
        assert found == expected, f"cell {number}"
    said = nbformat.read(NOTEBOOKS[name], as_version=4).metadata["expected"]
    reads, writes = recorded(person, "read"), recorded(person, "write")
    assert {path: reads.get(path) for path in said["reads"]} == said["reads"]
    assert {path: writes.get(path) for path in said["writes"]} == said["writes"]
    governed = {str(path.relative_to(alone)) for folder in ("data/derived", "models") for path in (alone / folder).rglob("*") if path.is_file()}
    assert governed <= {path for written in writes for path in (written, *(g for g in governed if g.startswith(f"{written}/")))}
    assert person.mlsc("log", "verify").returncode == 0


def test_there_are_enough_of_them() -> None:
    assert len(NOTEBOOKS) >= 15
    assert set(EVERY_DAY) <= set(NOTEBOOKS)
