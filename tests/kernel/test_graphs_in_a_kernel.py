"""`%mlsc_lineage` and `%mlsc_impact` in a real kernel: text, lists and a drawing, whatever artifacts are called and whether Graphviz is there or not."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from xml.etree import ElementTree

import nbclient
import nbformat
import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

NAME = "models/<script>alert(1)<b>.json"
SETUP = [
    "%load_ext jupyter_mlsc",
    "train = %mlsc_load data/train.csv",
    "model = {'weights': [int(train['x'].sum())]}",
    f"%mlsc_save model '{NAME}'",
]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@pytest.fixture
def kernel(signed_dataset: Person) -> Iterator[LiveKernel]:
    """A guarded kernel in Ada's project, in which a model with markup in its name was made."""
    started = LiveKernel(signed_dataset.root, signed_dataset.environ)
    try:
        for code in SETUP:
            done = started.run(code)
            assert done.status == "ok", done.traceback
        yield started
    finally:
        started.close()


def assert_no_script(html: str) -> None:
    assert not re.search(r"<\s*(script|iframe|object|style)|\son\w+\s*=|javascript:", html, re.IGNORECASE)


@needs_dot
@pytest.mark.parametrize("magic", [f"%mlsc_lineage '{NAME}'", "%mlsc_impact data/train.csv"], ids=["lineage", "impact"])
def test_the_graph_is_text_a_list_and_a_drawing_in_which_names_are_text(kernel: LiveKernel, magic: str) -> None:
    shown = kernel.run(magic)
    assert shown.status == "ok", shown.traceback
    assert set(shown.data) >= {"text/plain", "text/html", "image/svg+xml"}
    assert NAME in shown.text
    assert "data/train.csv" in shown.text
    assert "models/&lt;script&gt;alert(1)&lt;b&gt;.json" in shown.html
    assert_no_script(shown.html)
    (drawing,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown.html)
    root = ElementTree.fromstring(base64.b64decode(drawing))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "g", "title", "desc", "polygon", "path", "text", "polyline", "ellipse"}
    assert any(NAME in (element.text or "") for element in root.iter())
    assert shown.data["image/svg+xml"] == base64.b64decode(drawing).decode()
    # Drawing it is no work of the notebook's.
    assert "subprocesses" not in kernel.run("%mlsc_status").text


def test_without_graphviz_the_list_says_it_all(kernel: LiveKernel) -> None:
    kernel.run("import os; os.environ['PATH'] = '/nowhere'")
    shown = kernel.run("%mlsc_impact data/train.csv")
    assert set(shown.data) == {"text/plain", "text/html"}
    assert shown.html.startswith("<ul><li>data/train.csv")
    assert shown.html.count("<li>") == 2


def test_the_value_behind_what_is_shown_is_typed_and_so_is_the_python_api(kernel: LiveKernel) -> None:
    kernel.run("shown = %mlsc_impact data/train.csv --depth 1")
    assert kernel.run("type(shown.value).__name__, shown.value.artifact.outputs[0].kind").text == "('Impact', 'model')"
    assert kernel.run("import jupyter_mlsc as mlsc\ntype(mlsc.impact('data/train.csv', depth=1)).__name__").text == "'Impact'"
    assert kernel.run(f"[edge.path for edge, node in mlsc.lineage('{NAME}').inputs]").text == "['data/train.csv']"
    cut = kernel.run("%mlsc_impact data/train.csv --limit 1")
    assert "ask with a greater --limit" in cut.text


def test_numbers_that_make_no_sense_are_refused_with_the_next_step(kernel: LiveKernel) -> None:
    for magic in ("%mlsc_impact data/train.csv --depth -1", "%mlsc_lineage data/train.csv --limit 0"):
        failed = kernel.run(magic)
        assert failed.error == "UsageError"
        assert "next: write: %mlsc_" in failed.traceback


@needs_dot
def test_a_notebook_that_is_run_headless_keeps_the_drawing(signed_dataset: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in signed_dataset.environ.items():
        monkeypatch.setenv(name, value)
    cells = [nbformat.v4.new_code_cell(code) for code in (*SETUP, f"%mlsc_lineage '{NAME}'", "%mlsc_impact data/train.csv")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(signed_dataset.root)}}).execute()
    nbformat.validate(notebook)
    for cell in notebook.cells[-2:]:
        (output,) = cell.outputs
        assert set(output["data"]) == {"text/plain", "text/html", "image/svg+xml"}
        assert output["data"]["image/svg+xml"].startswith("<svg")
