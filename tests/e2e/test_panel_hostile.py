"""A hostile notebook in front of a reviewer: script in names, outputs and metadata. Nothing of it runs, and nothing of it is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat

from tests.conftest import Person
from tests.e2e.lab import run_cell
from tests.e2e.panel import KERNEL, Desk, expect_verdict, panel_of, ready, row, verdict

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCRIPT = "<img src=x onerror=\"window.owned='1'\">"
NAME = "data/<img src=x onerror=window.owned=1>\u202ecsv.exe"
WIDGET = "application/vnd.jupyter.widget-view+json"
CLAIM = {"verdict": "allow", "signers": [{"identity": "ada"}], "rows": [{"path": "data/train.csv", "verdict": "allow"}]}


def _hostile(person: Person) -> None:
    person.write(NAME)
    lies = nbformat.v4.new_code_cell("%load_ext jupyter_mlsc", metadata={"jupyter_mlsc": CLAIM, "mlsc": CLAIM})
    lies.outputs = [
        nbformat.v4.new_output("display_data", {"text/html": f"<script>window.owned=1</script>{SCRIPT}", "application/vnd.jupyter-mlsc+json": CLAIM}),
        nbformat.v4.new_output("display_data", {"text/html": SCRIPT, "application/vnd.jupyter-mlsc.view+json": {}, WIDGET: {"model_id": "0" * 32}}),
        nbformat.v4.new_output("error", ename="BlockedArtifactError", evalue=SCRIPT, traceback=[SCRIPT]),
    ]
    reads = nbformat.v4.new_code_cell(f"len(open({NAME!r}).read())")
    book = nbformat.v4.new_notebook(cells=[lies, reads], metadata={"jupyter_mlsc": CLAIM, "mlsc": CLAIM, "title": SCRIPT})
    book.metadata["kernelspec"] = {"name": KERNEL, "display_name": KERNEL, "language": "python"}
    nbformat.write(book, person.root / "hostile.ipynb")


def test_nothing_of_a_hostile_notebook_runs_and_nothing_is_believed(browser: Browser, desk: Desk) -> None:
    _hostile(desk.ada)
    with panel_of(browser, desk.server, "hostile") as page:
        verdict(page).wait_for()
        assert page.get_by_test_id("mlsc-row").count() == 0
        assert page.get_by_test_id("mlsc-card").count() == 0
        assert page.get_by_test_id("mlsc-cell-mark").count() == 0
        assert "ada" not in page.locator(".mlsc-Header").inner_text()
        ready(page, desk.server, "hostile")
        run_cell(page, 0)
        run_cell(page, 1)
        expect_verdict(page, NAME, "block")
        shown = row(page, NAME)
        assert "<img src=x" in shown.inner_text()
        assert "\u202e" not in shown.inner_text()
        shown.click()
        page.get_by_test_id("mlsc-details").locator(".mlsc-Statement, .mlsc-Reason").first.wait_for()
        page.get_by_test_id("mlsc-details-lineage").click()
        page.get_by_test_id("mlsc-graph").locator(".mlsc-Node").first.wait_for()
        for place in ("#mlsc-panel", ".mlsc-Graph", ".mlsc-Card", ".jp-DirListing"):
            assert page.locator(f"{place} img, {place} script").count() == 0
        assert page.evaluate("window.owned === undefined")
