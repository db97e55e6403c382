"""Manners: the keyboard alone, a screen reader's rules (axe) in the light and in the dark theme, and a project of thousands of artifacts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from benchmarks.panel_project import many_reads
from tests.e2e.panel import AXE, Desk, expect_verdict, panel_of, picture, ready, row, run_all, serious
from tests.e2e.supervised_people import notebook
from tests.kernel.live_kernel import LONG

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MANY = 5000


@pytest.fixture
def theme(desk: Desk, request: pytest.FixtureRequest) -> Iterator[str]:
    """The theme of the pages that are opened meanwhile."""
    settings = desk.ada.home / "jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    settings.write_text(json.dumps({"theme": f"JupyterLab {request.param.title()}"}))
    yield request.param
    settings.unlink()


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True)
def test_axe_finds_nothing_serious(browser: Browser, desk: Desk, theme: str) -> None:
    if not AXE.exists():
        pytest.skip("axe is not here: make setup fetches it with the panel's packages")
    desk.training(theme)
    desk.ada.write("data/unsigned.csv")
    notebook(
        desk.ada,
        "%load_ext jupyter_mlsc",
        f"a = open('data/{theme}.csv').read()",
        "b = open('data/unsigned.csv').read()",
        f"%mlsc_lineage data/{theme}.csv",
        name=f"{theme}.ipynb",
        kernel="python3",
    )
    with panel_of(browser, desk.server, theme) as page:
        assert page.locator("body").get_attribute("data-jp-theme-light") == str(theme == "light").lower()
        ready(page, desk.server, theme)
        run_all(page, 4)
        expect_verdict(page, "data/unsigned.csv", "block")
        page.locator(".mlsc-View [role=treeitem]").first.wait_for()
        row(page, f"data/{theme}.csv").click()
        details = page.get_by_test_id("mlsc-details")
        details.locator(".mlsc-Statement > summary").first.click()
        details.locator('[data-testid="mlsc-proof"]').wait_for()
        picture(page, f"panel-{theme}")
        assert serious(page, "#mlsc-panel", ".mlsc-Card", ".mlsc-Status", ".mlsc-View") == []
        page.get_by_role("tab", name="Run", exact=True).click()
        assert serious(page, "#mlsc-panel") == []
        page.get_by_test_id("mlsc-lineage").click()
        page.get_by_test_id("mlsc-graph").locator(".mlsc-Node").first.wait_for()
        picture(page, f"lineage-{theme}")
        assert serious(page, ".mlsc-Graph-bar") == []


def test_the_keyboard_alone_opens_the_panel_walks_the_list_and_comes_back(browser: Browser, desk: Desk) -> None:
    desk.training("keys")
    with panel_of(browser, desk.server, "keys") as page:
        ready(page, desk.server, "keys")
        run_all(page, 3)
        expect_verdict(page, "models/keys.parquet", "allow", "write")
        page.locator('[data-id="mlsc-panel"]').click()
        page.locator("#mlsc-panel").wait_for(state="hidden")
        page.keyboard.press("Escape")
        page.keyboard.press("Alt+Shift+S")
        page.locator("#mlsc-panel .mlsc-List:focus").wait_for()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        page.locator('[data-testid="mlsc-details"][data-path="models/keys.parquet"]').wait_for()
        page.keyboard.press("Escape")
        page.get_by_test_id("mlsc-details").wait_for(state="detached")
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.tagName") == "SELECT"


@pytest.mark.slow
def test_five_thousand_artifacts_are_a_list_of_which_little_is_drawn(browser: Browser, desk: Desk) -> None:
    notebook(desk.ada, "1", name="many.ipynb", kernel="python3")
    many_reads(desk.ada.project, "many.ipynb", MANY)
    with panel_of(browser, desk.server, "many") as page:
        rows = page.get_by_test_id("mlsc-row")
        rows.first.wait_for(timeout=5 * LONG * 1000)  # the server measures and judges each file once
        assert rows.first.get_attribute("aria-setsize") == str(MANY)
        assert rows.count() < 100
        page.locator(".mlsc-List").focus()
        page.keyboard.press("End")
        page.locator(f'[data-testid="mlsc-row"][aria-posinset="{MANY}"]').wait_for()
        page.get_by_role("searchbox").fill("many/4321.txt")
        row(page, "many/4321.txt").wait_for()
        assert rows.count() == 1
