"""What else a person finds: findings, what differs in a data set, marks on files, the switches, a review of an artifact, and the widget of the magics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CSV
from tests.e2e.lab import FRONT, page_of, run_cell
from tests.e2e.panel import KERNEL, Desk, answer, desk_of, expect_verdict, panel_of, picture, ready, row, serious, told, training
from tests.e2e.supervised_people import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "data/<img src=x onerror=window.owned=1>.csv"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Ada's project, enforced, with her server."""
    with desk_of(tmp_path_factory.mktemp("views")) as made:
        yield made


@pytest.mark.slow
def test_findings_come_when_a_notebook_is_saved_with_what_mends_them(browser: Browser, desk: Desk) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    notebook(desk.ada, f"aws_key = '{secret}'", name="found.ipynb", kernel=KERNEL)
    with panel_of(browser, desk.server, "found") as page:
        page.get_by_role("tab", name=re.compile("Findings")).click()
        finding = page.locator(".mlsc-Finding").first
        finding.wait_for()
        assert finding.locator(".mlsc-Next").inner_text().strip() != ""
        assert "found.ipynb" in finding.inner_text()
        assert secret not in page.locator("#mlsc-panel").inner_text()
        assert serious(page, "#mlsc-panel") == []
        page.keyboard.press("ArrowLeft")
        assert page.evaluate("document.activeElement.id") == "mlsc-tab-artifacts"


def test_what_differs_in_a_data_set_is_a_table_with_plots(browser: Browser, desk: Desk) -> None:
    rows = [f"{index},{'yes' if index % 4 else 'no'}" for index in range(200)]
    desk.ada.write("data/labels.csv", "\n".join(["x,label", *rows]) + "\n")
    desk.ada.sign("data/labels.csv")
    training(desk.ada, "labels")
    with panel_of(browser, desk.server, "labels") as page:
        ready(page, desk.server, "labels")
        run_cell(page, 0)
        run_cell(page, 1)
        expect_verdict(page, "data/labels.csv", "allow")
        flipped = [each.replace("yes", "no") if index < 60 else each for index, each in enumerate(rows)]
        desk.ada.write("data/labels.csv", "\n".join(["x,label", *flipped, "999,no"]) + "\n")
        run_cell(page, 1)
        expect_verdict(page, "data/labels.csv", "block")
        row(page, "data/labels.csv").first.click()
        difference = page.get_by_test_id("mlsc-difference")
        difference.wait_for()
        facts = dict(zip(difference.locator(".mlsc-Facts dt").all_inner_texts(), difference.locator(".mlsc-Facts dd").all_inner_texts(), strict=True))
        assert (facts["rows when signed"], facts["rows now"]) == ("200", "201")
        column = difference.locator(".mlsc-Column", has_text="label").first
        assert column.locator("svg.mlsc-Bars rect").count() >= 4
        cells = {line.split("\t")[0]: line.split("\t")[1:] for line in column.locator("tbody tr").all_inner_texts()}
        assert cells["yes"] == ["150", "105"]
        assert serious(page, ".mlsc-Details") == []
        picture(page, "difference")


@pytest.mark.slow
def test_files_are_marked_and_the_switches_of_the_settings_page_take_that_away(browser: Browser, desk: Desk) -> None:
    for name in ("good", "changed"):
        desk.ada.write(f"data/marks/{name}.csv", CSV)
    desk.ada.sign("data/marks/good.csv", "data/marks/changed.csv")
    desk.ada.write("data/marks/changed.csv", CSV + "9,9\n")
    desk.ada.write("data/marks/nobody.csv", CSV)
    training(desk.ada, "good")
    with page_of(browser, desk.server, "lab/tree/data/marks", {"reset": ""}) as page:
        found = {}
        for name in ("good.csv", "changed.csv", "nobody.csv"):
            mark = page.locator(".jp-DirListing-item", has_text=name).locator(".mlsc-FileMark")
            mark.wait_for()
            found[name] = (mark.get_attribute("data-mark"), (mark.get_attribute("aria-label") or "").partition(":")[0])
        assert found == {"good.csv": ("signed", "Signed"), "changed.csv": ("changed", "Changed since it was signed"), "nobody.csv": ("blocked", "Blocked")}
        assert serious(page, ".mlsc-FileMark") == []
        picture(page, "files")
        page.locator(".jp-DirListing-item", has_text="nobody.csv").click(button="right")
        page.get_by_role("menuitem", name="Sign…").click()
        answer(page, "Sign", "looked at it")
        told(page, "Signed as ada")
        page.locator('.jp-DirListing-item:has-text("nobody.csv") .mlsc-FileMark[data-mark="signed"]').wait_for()
        page.keyboard.press("Control+,")
        page.get_by_role("tab", name="Supply chain").or_(page.locator(".jp-PluginList-entry", has_text="Supply chain")).first.click()
        switch = page.get_by_label("Marks in the file browser")
        switch.uncheck()
        page.locator(".mlsc-FileMark").first.wait_for(state="detached")
        switch.check()
        page.locator(".mlsc-FileMark").first.wait_for()


def test_an_artifact_is_approved_and_rejected_in_its_details(browser: Browser, desk: Desk) -> None:
    desk.training("signoff")
    with panel_of(browser, desk.server, "signoff") as page:
        ready(page, desk.server, "signoff")
        for index in range(3):
            run_cell(page, index)
        expect_verdict(page, "models/signoff.parquet", "allow", "write")
        row(page, "models/signoff.parquet", "write").click()
        page.locator('[data-testid="mlsc-approve"][aria-disabled="false"]').press("Enter")
        answer(page, "Approve", "scores looked at")
        told(page, "models/signoff.parquet: approved by ada")
        page.get_by_test_id("mlsc-details").locator(".mlsc-Statement summary", has_text="approved").wait_for()
        page.get_by_test_id("mlsc-reject").click()
        answer(page, "Reject", "the split leaks")
        told(page, "models/signoff.parquet: rejected by ada")
    entries = [each for each in json.loads(desk.ada.mlsc("log", "show", "--json").stdout) if each.get("decision") in ("approved", "rejected")]
    shown = [(each["subjects"][0]["name"], each["decision"], each["why"], each["channel"]) for each in entries]
    assert shown == [
        ("models/signoff.parquet", "approved", "scores looked at", "panel"),
        ("models/signoff.parquet", "rejected", "the split leaks", "panel"),
    ]


def _widget_notebook(desk: Desk, name: str) -> None:
    desk.ada.write(HOSTILE, CSV)
    desk.ada.sign(HOSTILE)
    linked = "import ipywidgets, traitlets\nfield = ipywidgets.Text()\ntraitlets.link((story, 'selected'), (field, 'value'))\nipywidgets.VBox([story, field])"
    notebook(
        desk.ada,
        "%load_ext jupyter_mlsc",
        f"table = %mlsc_load '{HOSTILE}'\n%mlsc_save table models/{name}.parquet",
        "%mlsc_status",
        f"story = %mlsc_lineage models/{name}.parquet",
        linked,
        name=f"{name}.ipynb",
        kernel=KERNEL,
    )


def _use_widgets(page: Page) -> None:
    """Walk, search and refresh with the keyboard, see the link to another widget, and nothing of a name that ran."""
    status, story = page.locator(".mlsc-View").nth(0), page.locator(".mlsc-View").nth(1)
    assert status.locator("tr", has_text=HOSTILE).count() == 1
    story.get_by_role("treeitem").first.press("ArrowDown")
    story.locator("[role=treeitem]:focus").press("Enter")
    page.wait_for_function("name => [...document.querySelectorAll('.widget-text input')].some(each => each.value === name)", arg=HOSTILE)
    assert page.locator(f"{FRONT} .jp-CodeCell").nth(4).evaluate("cell => cell.classList.contains('jp-mod-active')"), "the keys are the tree's"
    status.get_by_role("searchbox").fill("enforce")
    page.wait_for_function("document.querySelector('.mlsc-View tbody').rows.length === 1")
    status.get_by_role("searchbox").fill("")
    status.get_by_role("button", name="Refresh").press("Enter")
    status.locator("tr", has_text="ledger").wait_for()
    assert page.locator(".mlsc-View img[onerror], .mlsc-View script").count() == 0
    assert page.evaluate("window.owned === undefined")


@pytest.mark.parametrize("front_end", [pytest.param("lab/tree", marks=pytest.mark.slow), "notebooks"])
def test_the_widget_of_the_magics_is_live_and_its_static_form_is_what_is_kept(browser: Browser, desk: Desk, front_end: str) -> None:
    name = front_end.partition("/")[0]
    _widget_notebook(desk, name)
    foreign: list[str] = []
    with page_of(browser, desk.server, f"{front_end}/{name}.ipynb", {"reset": ""} if name == "lab" else {}) as page:
        page.on("request", lambda asked: None if asked.url.startswith((desk.server.url, "data:", "blob:")) else foreign.append(asked.url))
        page.locator(f"{FRONT} .jp-Notebook").wait_for()
        ready(page, desk.server, name)
        for index in range(5):
            run_cell(page, index)
        page.locator(".mlsc-View").nth(1).wait_for()
        _use_widgets(page)
        assert serious(page, ".mlsc-View") == []
        picture(page, f"widget-{name}")
        with page.expect_response(lambda told: told.request.method == "PUT" and f"api/contents/{name}.ipynb" in told.url):
            page.locator(f'{FRONT} [data-command="docmanager:save"]').first.click()
    assert foreign == []
    _check_kept(desk, name)
    for kernel in desk.server.ask("GET", "api/kernels"):
        desk.server.ask("DELETE", f"api/kernels/{kernel['id']}")
    with page_of(browser, desk.server, f"{front_end}/{name}.ipynb", {"reset": ""} if name == "lab" else {}) as page:
        still = page.locator(".mlsc-LiveOrStatic .jp-RenderedHTML").locator("visible=true")
        still.first.wait_for()
        assert HOSTILE in still.first.inner_text()
        assert page.locator("text=model not found").locator("visible=true").count() == 0


def _check_kept(desk: Desk, name: str) -> None:
    book: dict[str, Any] = json.loads((desk.ada.root / f"{name}.ipynb").read_text())
    assert "widgets" not in book["metadata"]
    (output,) = book["cells"][2]["outputs"]
    assert set(output["data"]) >= {"text/plain", "text/html"}
    assert "&lt;img src=x" in "".join(output["data"]["text/html"])
