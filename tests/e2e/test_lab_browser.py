"""A person in JupyterLab: a supervised kernel is chosen, a refusal is read in the cell's output, and what was signed outside loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Person
from tests.e2e.lab import WHOLE, Server, choose_kernel, output_of, page_of, run_cell, running
from tests.e2e.supervised_people import notebook, operations

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def lab(supervised: Person) -> Iterator[Server]:
    """JupyterLab in Ada's project."""
    with running(supervised) as started:
        yield started


@pytest.mark.slow
def test_a_refusal_is_read_in_the_cells_output_and_what_was_signed_outside_loads(browser: Browser, lab: Server, supervised: Person) -> None:
    notebook(supervised, "import pandas as pd\nlen(pd.read_csv('data/unsigned.csv'))", kernel="python3")
    with page_of(browser, lab, "lab/tree/work.ipynb", {"reset": ""}) as page:
        choose_kernel(page, "Python 3 (supervised)")
        run_cell(page)
        told = output_of(page)
        assert "PermissionError" in told
        assert "no statement names data/unsigned.csv [unsigned]" in told
        assert "ask a data-steward to run: mlsc sign data/unsigned.csv" in told
        supervised.sign("data/unsigned.csv")
        run_cell(page)
        assert output_of(page).strip().endswith("51")
    assert operations(supervised) == [("read", "data/unsigned.csv", "block", "supervised"), ("read", "data/unsigned.csv", "allow", "supervised")]


_SCREEN = """() => {
    const lines = window.jupyterapp.shell.currentWidget.content._term.buffer.active;
    return Array.from({length: lines.length}, (_, at) => lines.getLine(at).translateToString(true)).join('\\n');
}"""


@pytest.mark.slow  # terminals of a whole server are driven without a browser too
def test_a_terminal_of_a_lab_that_runs_supervised_refuses_too(browser: Browser, supervised: Person) -> None:
    with (
        running(supervised, within=WHOLE, options=["--LabApp.expose_app_in_browser=True"]) as lab,
        page_of(browser, lab, "lab", {"reset": ""}) as page,
    ):
        page.locator(".jp-LauncherCard", has_text="Terminal").click()
        page.locator(".jp-Terminal .xterm-helper-textarea").wait_for(state="attached")
        page.locator(".jp-Terminal").click()
        page.wait_for_function(f"() => /[$#] *$/.test(({_SCREEN})().trimEnd())")
        page.keyboard.type("cat data/unsigned.csv; head -n 1 data/train.csv; echo do''ne\n")
        page.wait_for_function(f"() => /^done$/m.test(({_SCREEN})())")
        seen = page.evaluate(_SCREEN)
        assert "cat: data/unsigned.csv: Permission denied" in seen
        assert "\nx,y\n" in seen
    assert operations(supervised) == [("read", "data/unsigned.csv", "block", "supervised"), ("read", "data/train.csv", "allow", "supervised")]
