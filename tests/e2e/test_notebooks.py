"""The notebooks of this project, executed for real in a scratch copy: the quickstart works, and the next load of changed data is blocked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.conftest import Person

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture
def ada_with_wine(person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Ada has signed a real data set, and her environment is that of the kernels which are started."""
    from sklearn.datasets import load_wine

    ada: Person = person("ada")
    ada.init("enforce")
    (ada.root / "data").mkdir()
    load_wine(as_frame=True).frame.rename(columns={"target": "cultivar"}).to_csv(ada.root / "data" / "wine.csv", index=False)
    ada.sign("data/wine.csv")
    for name in ("quickstart.ipynb", "reload.ipynb"):
        shutil.copy(NOTEBOOKS / name, ada.root / name)
    for name, value in ada.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IPYTHONDIR", str(ada.home / "ipython"))
    return ada


def execute(ada: Person, name: str, monkeypatch: pytest.MonkeyPatch) -> nbformat.NotebookNode:
    monkeypatch.setenv("JPY_SESSION_NAME", str(ada.root / name))
    notebook = nbformat.read(ada.root / name, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ada.root)}}).execute()
    return notebook


def text_of(notebook: nbformat.NotebookNode, cell: str) -> str:
    (found,) = [each for each in notebook.cells if each.get("id") == cell]
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in found.outputs)


def test_the_quickstart_trains_and_saves_a_model_whose_story_can_be_checked(ada_with_wine: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = ada_with_wine
    done = execute(ada, "quickstart.ipynb", monkeypatch)
    assert "saved models/wine.joblib" in text_of(done, "save")
    assert "data/wine.csv" in text_of(done, "lineage")
    assert not [output for cell in done.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"]
    lineage = json.loads(ada.mlsc("lineage", "models/wine.joblib", "--json").stdout)
    assert lineage["produced_by"]["notebook"] == "quickstart.ipynb"
    assert [(source["path"], source["verdict"]) for source in lineage["inputs"]] == [("data/wine.csv", "allow")]
    written = [entry for entry in json.loads(ada.mlsc("log", "show", "--json").stdout) if entry["kind"] == "write"]
    (saving,) = [cell for cell in done.cells if cell.get("id") == "save"]
    assert [entry["execution_count"] for entry in written] == [saving.execution_count]
    assert ada.mlsc("verify").returncode == 0
    assert ada.mlsc("log", "verify").returncode == 0


def test_changed_data_stops_the_next_notebook_with_a_sentence(ada_with_wine: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    data = ada_with_wine.root / "data" / "wine.csv"
    lines = data.read_text().splitlines()
    data.write_text("\n".join([lines[0], lines[1].rpartition(",")[0] + ",2", *lines[2:]]) + "\n")
    with pytest.raises(CellExecutionError) as blocked:
        execute(ada_with_wine, "reload.ipynb", monkeypatch)
    assert blocked.value.ename == "BlockedArtifactError"
    assert "data/wine.csv was changed: ada signed" in str(blocked.value.evalue)
    assert "then restore the signed version" in str(blocked.value.evalue)
    assert "site-packages" not in str(blocked.value)
