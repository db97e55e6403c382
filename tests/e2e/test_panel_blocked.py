"""A blocked load as a person meets it: a card under the cell, with the next step as a button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import CSV
from tests.e2e.lab import FRONT, output_of, run_cell, wait_until_idle
from tests.e2e.panel import KERNEL, Desk, answer, expect_verdict, panel_of, ready, told
from tests.e2e.supervised_people import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAKED = """
class BlockedArtifactError(PermissionError): pass
print('data/other.csv: blocked\\n  why: no statement names data/other.csv [unsigned]')
raise BlockedArtifactError('data/other.csv: no statement names data/other.csv [unsigned]')
"""


def test_a_blocked_load_has_a_card_whose_button_signs_and_whose_cell_then_runs(browser: Browser, desk: Desk) -> None:
    desk.ada.write("data/new.csv", CSV + "9,9\n")
    notebook(desk.ada, "%load_ext jupyter_mlsc", "len(open('data/new.csv').read())", FAKED, name="new.ipynb", kernel=KERNEL)
    with panel_of(browser, desk.server, "new") as page:
        ready(page, desk.server, "new")
        for index in range(3):
            run_cell(page, index)
        expect_verdict(page, "data/new.csv", "block")
        card = page.get_by_test_id("mlsc-card")
        card.wait_for()
        assert "no statement names data/new.csv" in card.inner_text()
        assert card.count() == 1, "what a cell prints makes no card"
        assert page.locator(f"{FRONT} .jp-CodeCell").nth(1).get_by_test_id("mlsc-card").count() == 1
        card.get_by_test_id("mlsc-card-sign").click()
        answer(page, "Sign", "looked at it")
        told(page, "Signed as ada")
        card.get_by_test_id("mlsc-card-run").click()
        page.locator(f"{FRONT} .jp-CodeCell").nth(1).locator(".jp-OutputArea-executeResult").wait_for()
        wait_until_idle(page)
        assert output_of(page, 1).strip().endswith(str(len(CSV) + 4))
        expect_verdict(page, "data/new.csv", "allow")
        card.wait_for(state="detached")
