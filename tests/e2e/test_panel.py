"""The panel from the first day: a project is begun, data is read, a model is saved, somebody signs it off, something is revoked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Person
from tests.e2e.lab import FRONT, Server, page_of, run_cell, running
from tests.e2e.panel import TRAIN, answer, expect_verdict, open_panel, panel_of, ready, row, run_all, told, training, verdict
from tests.e2e.supervised_people import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def lab(signed_dataset: Person) -> Iterator[Server]:
    """JupyterLab in Ada's project, with a notebook that reads her data set and saves a table."""
    training(signed_dataset)
    with running(signed_dataset) as started:
        yield started


def test_a_first_project_is_begun_in_the_panel(browser: Browser, person: Callable[..., Person]) -> None:
    new = person("nell")
    notebook(new, *TRAIN, kernel="python3")
    new.write("data/train.csv")
    with running(new) as server, panel_of(browser, server, "work.ipynb") as page:
        page.get_by_test_id("mlsc-init").click()
        told(page, "A record is kept here now")
        assert page.get_by_test_id("mlsc-mode").inner_text() == "warn"
        assert (new.root / "mlsc.toml").exists()
        run_all(page, 3)
        expect_verdict(page, "data/train.csv", "warn")
        row(page, "data/train.csv").click()
        page.get_by_test_id("mlsc-details").get_by_test_id("mlsc-sign").click()
        answer(page, "Sign", "looked at every row")
        told(page, "Signed as")
        expect_verdict(page, "data/train.csv", "allow")
    signed = [entry for entry in json.loads(new.mlsc("log", "show", "--json").stdout) if entry["kind"] == "signature"]
    assert [subject["name"] for subject in signed[0]["subjects"]] == ["data/train.csv"]


def test_rows_come_while_cells_run_and_a_tab_without_a_kernel_shows_the_same(browser: Browser, lab: Server) -> None:
    with panel_of(browser, lab, "work.ipynb") as page, panel_of(browser, lab, "work.ipynb", {"kernel": ""}) as other:
        ready(page)
        run_cell(page, 0)
        run_cell(page, 1)
        for each in (page, other):
            expect_verdict(each, "data/train.csv", "allow")
            assert row(each, "models/train.parquet", "write").count() == 0
        run_cell(page, 2)
        for each in (page, other):
            expect_verdict(each, "models/train.parquet", "allow", "write")
            assert verdict(each).get_attribute("data-verdict") == "allow"
            assert each.get_by_test_id("mlsc-tier").inner_text() == "guarded"
            assert each.get_by_test_id("mlsc-mode").inner_text() == "enforce"
        page.reload()
        page.locator("#mlsc-panel").wait_for()
        expect_verdict(page, "models/train.parquet", "allow", "write")
        assert page.get_by_test_id("mlsc-checkpoint").get_attribute("data-outcome") == "holds"


def test_a_row_leads_to_its_cell_and_to_details_that_are_proven_in_the_browser(browser: Browser, lab: Server, signed_dataset: Person) -> None:
    with panel_of(browser, lab, "work.ipynb") as page:
        ready(page)
        run_all(page, 3)
        made = row(page, "models/train.parquet", "write")
        made.click()
        cell = made.get_attribute("data-cell")
        assert cell
        mark = page.locator(f'[data-testid="mlsc-cell-mark"][data-cell="{cell}"]')
        assert mark.get_attribute("data-verdict") == "allow"
        assert page.locator(f"{FRONT} .jp-Cell.jp-mod-active").get_by_test_id("mlsc-cell-mark").get_attribute("data-cell") == cell
        details = page.get_by_test_id("mlsc-details")
        assert str(signed_dataset.verify("models/train.parquet").digest) in details.inner_text()
        details.locator(".mlsc-Statement > summary").first.click()
        details.locator('[data-testid="mlsc-proof"][data-outcome="holds"]').wait_for()
        details.get_by_test_id("mlsc-details-lineage").click()
        graph = page.get_by_test_id("mlsc-graph")
        graph.locator(".mlsc-Node").filter(has_text="data/train.csv").wait_for()
        graph.locator(".mlsc-Node").filter(has_text="models/train.parquet").wait_for()
        for kind, beginning in (("svg", b"<svg"), ("png", b"\x89PNG")):
            with page.expect_download() as download:
                page.get_by_test_id(f"mlsc-export-{kind}").click()
            assert download.value.path().read_bytes().startswith(beginning)


def test_a_sign_off_with_a_note_is_a_statement_through_the_channel_panel(browser: Browser, lab: Server, signed_dataset: Person) -> None:
    with panel_of(browser, lab, "work.ipynb") as page:
        ready(page)
        run_all(page, 3)
        expect_verdict(page, "models/train.parquet", "allow", "write")
        page.keyboard.press("Control+s")
        page.get_by_test_id("mlsc-approve").click()
        dialog = page.locator(".jp-Dialog")
        assert dialog.locator(".jp-mod-accept").is_disabled(), "an approval needs a note"
        answer(page, "Approve", "split and score looked at")
        told(page, "approved")
        page.locator(".mlsc-Decision").filter(has_text="Approved by ada").wait_for()
        page.get_by_test_id("mlsc-reject").click()
        page.locator(".jp-Dialog .jp-mod-reject").click()
    decided = [entry for entry in json.loads(signed_dataset.mlsc("log", "show", "--json").stdout) if entry.get("decision")]
    assert [(entry["decision"], entry["why"], entry["channel"]) for entry in decided] == [("approved", "split and score looked at", "panel")]


def test_a_revocation_from_a_terminal_turns_the_row_red_in_every_open_tab(browser: Browser, lab: Server, signed_dataset: Person) -> None:
    with panel_of(browser, lab, "work.ipynb") as page, panel_of(browser, lab, "work.ipynb") as other:
        ready(page)
        run_all(page, 3)
        expect_verdict(other, "data/train.csv", "allow")
        revoked = signed_dataset.mlsc("revoke", "data/train.csv", "--why", "a label was flipped")
        assert revoked.returncode == 0, revoked.stderr
        for each in (page, other):
            expect_verdict(each, "data/train.csv", "block")
            expect_verdict(each, "models/train.parquet", "block", "write")
            assert verdict(each).get_attribute("data-verdict") == "block"
            assert "a label was flipped" in row(each, "data/train.csv").inner_text()


def test_a_restarted_server_is_found_again_without_a_reload(browser: Browser, signed_dataset: Person) -> None:
    training(signed_dataset)
    with running(signed_dataset) as first, panel_of(browser, first, "work.ipynb") as page:
        ready(page)
        run_all(page, 3)
        expect_verdict(page, "models/train.parquet", "allow", "write")
        port = first.url.rsplit(":", 1)[1].strip("/")
        first.process.terminate()
        page.locator(".mlsc-Offline").wait_for()
        first.process.wait(60)
        assert signed_dataset.mlsc("revoke", "data/train.csv", "--why", "found while nobody served").returncode == 0
        with running(signed_dataset, options=(f"--ServerApp.port={port}",)):
            expect_verdict(page, "data/train.csv", "block")
            page.locator(".mlsc-Offline").wait_for(state="detached")


def test_the_servers_reason_is_shown_where_a_decision_is_refused(browser: Browser, lab: Server) -> None:
    with panel_of(browser, lab, "work.ipynb") as page:
        ready(page)
        run_all(page, 2)
        row(page, "data/train.csv").click()
        override = page.get_by_test_id("mlsc-override")
        assert override.get_attribute("aria-disabled") == "true"
        assert "names nobody" in (override.get_attribute("title") or "")


def test_the_passphrase_is_asked_for_once_where_the_server_does_not_have_it(browser: Browser, signed_dataset: Person) -> None:
    training(signed_dataset)
    passphrase = signed_dataset.environ["MLSC_KEY_PASSPHRASE"]
    signed_dataset.more["MLSC_KEY_PASSPHRASE"] = ""
    with running(signed_dataset) as server, page_of(browser, server, "lab/tree/work.ipynb", {"reset": ""}) as page:
        open_panel(page)
        page.get_by_test_id("mlsc-approve").click()
        answer(page, "Approve", "read it")
        dialog = page.locator(".jp-Dialog")
        dialog.locator("input[type=password]").fill("a wrong one")
        dialog.locator(".jp-mod-accept").click()
        again = page.locator(".jp-Dialog").filter(has_text="Unlock").locator("input[type=password]:not([value])")
        again.fill(passphrase)
        page.locator(".jp-Dialog .jp-mod-accept").click()
        told(page, "approved")
        page.get_by_test_id("mlsc-reject").click()
        answer(page, "Reject", "read it again")
        told(page, "rejected")
