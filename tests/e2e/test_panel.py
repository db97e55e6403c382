"""The panel from the first day: a project is begun, data is read, a model is saved, somebody signs it off, something is revoked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Person
from tests.e2e.lab import FRONT, end, page_of, run_cell, running
from tests.e2e.panel import Desk, answer, expect_verdict, open_panel, panel_of, ready, row, run_all, told, training, verdict

if TYPE_CHECKING:
    from playwright.sync_api import Browser


PROMISED = 2.0
"""Seconds after which a revocation has turned a row red in every open tab."""


def test_a_first_project_is_begun_in_the_panel(browser: Browser, person: Callable[..., Person]) -> None:
    new = person("nell")
    training(new, "work")
    new.write("data/work.csv")
    with running(new) as server, panel_of(browser, server, "work") as page:
        page.get_by_test_id("mlsc-init").click()
        told(page, "A record is kept here now")
        assert page.get_by_test_id("mlsc-mode").inner_text() == "warn"
        assert (new.root / "mlsc.toml").exists()
        ready(page, server, "work")
        run_all(page, 3)
        expect_verdict(page, "data/work.csv", "warn")
        row(page, "data/work.csv").click()
        page.get_by_test_id("mlsc-details").get_by_test_id("mlsc-sign").click()
        answer(page, "Sign", "looked at every row")
        told(page, "Signed as")
        expect_verdict(page, "data/work.csv", "allow")
    signed = [entry for entry in json.loads(new.mlsc("log", "show", "--json").stdout) if entry["kind"] == "signature"]
    assert [subject["name"] for subject in signed[0]["subjects"]] == ["data/work.csv"]


def test_rows_come_while_cells_run_and_a_tab_without_a_kernel_shows_the_same(browser: Browser, desk: Desk) -> None:
    desk.training("live")
    with panel_of(browser, desk.server, "live") as page, panel_of(browser, desk.server, "live", {"kernel": ""}) as other:
        ready(page, desk.server, "live")
        run_cell(page, 0)
        run_cell(page, 1)
        for each in (page, other):
            expect_verdict(each, "data/live.csv", "allow")
            assert row(each, "models/live.parquet", "write").count() == 0
        run_cell(page, 2)
        for each in (page, other):
            expect_verdict(each, "models/live.parquet", "allow", "write")
            assert verdict(each).get_attribute("data-verdict") == "allow"
            assert each.get_by_test_id("mlsc-tier").inner_text() == "guarded"
            assert each.get_by_test_id("mlsc-mode").inner_text() == "enforce"
        page.reload()
        page.locator("#mlsc-panel").wait_for()
        expect_verdict(page, "models/live.parquet", "allow", "write")
        page.locator('[data-testid="mlsc-checkpoint"][data-outcome="holds"]').wait_for()


def test_a_row_leads_to_its_cell_and_to_details_that_are_proven_in_the_browser(browser: Browser, desk: Desk) -> None:
    desk.training("proof")
    with panel_of(browser, desk.server, "proof") as page:
        ready(page, desk.server, "proof")
        run_all(page, 3)
        made = row(page, "models/proof.parquet", "write")
        made.click()
        cell = made.get_attribute("data-cell")
        assert cell
        mark = page.locator(f'[data-testid="mlsc-cell-mark"][data-cell="{cell}"]')
        assert mark.get_attribute("data-verdict") == "allow"
        page.locator(f'{FRONT} .jp-Cell.jp-mod-active > [data-testid="mlsc-cell-mark"][data-cell="{cell}"]').wait_for()
        details = page.get_by_test_id("mlsc-details")
        assert str(desk.ada.verify("models/proof.parquet").digest) in details.inner_text()
        details.locator(".mlsc-Statement > summary").first.click()
        details.locator('[data-testid="mlsc-proof"][data-outcome="holds"]').wait_for()
        details.get_by_test_id("mlsc-details-lineage").click()
        graph = page.get_by_test_id("mlsc-graph")
        graph.locator(".mlsc-Node").filter(has_text="data/proof.csv").wait_for()
        graph.locator(".mlsc-Node").filter(has_text="models/proof.parquet").wait_for()
        for kind, beginning in (("svg", b"<svg"), ("png", b"\x89PNG")):
            with page.expect_download() as download:
                page.get_by_test_id(f"mlsc-export-{kind}").click()
            assert download.value.path().read_bytes().startswith(beginning)


@pytest.mark.slow
def test_a_sign_off_with_a_note_is_a_statement_through_the_channel_panel(browser: Browser, desk: Desk) -> None:
    desk.training("review")
    with panel_of(browser, desk.server, "review") as page:
        page.get_by_test_id("mlsc-approve").click()
        assert page.locator(".jp-Dialog .jp-mod-accept").is_disabled(), "an approval needs a note"
        answer(page, "Approve", "split and score looked at")
        told(page, "approved")
        page.locator(".mlsc-Decision").filter(has_text="Approved by ada").wait_for()
        page.get_by_test_id("mlsc-reject").click()
        page.locator(".jp-Dialog .jp-mod-reject").click()
    decided = [entry for entry in json.loads(desk.ada.mlsc("log", "show", "--json").stdout) if entry.get("decision") in ("approved", "rejected")]
    assert [(entry["decision"], entry["why"], entry["channel"]) for entry in decided] == [("approved", "split and score looked at", "panel")]


@pytest.mark.slow
def test_what_may_not_be_decided_says_why(browser: Browser, desk: Desk) -> None:
    desk.training("role")
    with panel_of(browser, desk.server, "role") as page:
        ready(page, desk.server, "role")
        run_all(page, 2)
        row(page, "data/role.csv").click()
        override = page.get_by_test_id("mlsc-override")
        override.and_(page.locator('[title*="names nobody"]')).wait_for()
        assert override.get_attribute("aria-disabled") == "true"


def test_a_revocation_from_a_terminal_turns_the_row_red_in_every_open_tab(browser: Browser, desk: Desk) -> None:
    desk.training("revoked")
    with panel_of(browser, desk.server, "revoked") as page, panel_of(browser, desk.server, "revoked") as other:
        ready(page, desk.server, "revoked")
        run_all(page, 3)
        expect_verdict(other, "data/revoked.csv", "allow")
        revoked = desk.ada.mlsc("revoke", "data/revoked.csv", "--why", "a label was flipped")
        assert revoked.returncode == 0, revoked.stderr
        # The tab that only watches comes first: from the command's end it has the two seconds that are promised.
        for each in (other, page):
            expect_verdict(each, "data/revoked.csv", "block", within=PROMISED)
            expect_verdict(each, "models/revoked.parquet", "block", "write")
            assert verdict(each).get_attribute("data-verdict") == "block"
            assert "a label was flipped" in (row(each, "data/revoked.csv").get_attribute("title") or "")


@pytest.mark.slow
def test_a_restarted_server_is_found_again_without_a_reload(browser: Browser, signed_dataset: Person) -> None:
    training(signed_dataset, "train")
    with running(signed_dataset) as first, panel_of(browser, first, "train") as page:
        ready(page, first, "train")
        run_all(page, 2)
        expect_verdict(page, "data/train.csv", "allow")
        port = int(first.url.rsplit(":", 1)[1].strip("/"))
        end(first.process)
        page.locator(".mlsc-Offline").wait_for()
        assert signed_dataset.mlsc("revoke", "data/train.csv", "--why", "found while nobody served").returncode == 0
        with running(signed_dataset, port=port):
            expect_verdict(page, "data/train.csv", "block")
            page.locator(".mlsc-Offline").wait_for(state="detached")


def test_the_passphrase_is_asked_for_once_where_the_server_does_not_have_it(browser: Browser, signed_dataset: Person) -> None:
    training(signed_dataset, "train")
    passphrase = signed_dataset.environ["MLSC_KEY_PASSPHRASE"]
    signed_dataset.more["MLSC_KEY_PASSPHRASE"] = ""
    with running(signed_dataset) as server, page_of(browser, server, "lab/tree/train.ipynb", {"reset": ""}) as page:
        open_panel(page)
        page.get_by_test_id("mlsc-approve").click()
        answer(page, "Approve", "read it")
        empty = page.locator('.jp-Dialog input[type="password"][value=""]')
        empty.fill("a wrong one")
        page.locator(".jp-Dialog .jp-mod-accept").click()
        empty.fill(passphrase)
        page.locator(".jp-Dialog .jp-mod-accept").click()
        told(page, "approved")
        page.get_by_test_id("mlsc-reject").click()
        answer(page, "Reject", "read it again")
        told(page, "rejected")
