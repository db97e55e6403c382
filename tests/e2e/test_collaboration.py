"""Several people in one notebook: a real server with jupyter-collaboration, and two tabs that share a document. What docs/server.md says of it, seen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Person
from tests.e2e.lab import FRONT, Server, run_cell
from tests.e2e.panel import KERNEL, Desk, desk_of, expect_verdict, panel_of, ready, row, told
from tests.e2e.supervised_people import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PYTHON = Path(__file__).parents[2] / ".venv-collaboration/bin/python"
SECRET = "AKIA" + "IOSFODNN7EXAMPLE"


pytestmark = pytest.mark.slow  # in an environment of its own, which `make test-all` sets up


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Ada's project with a server whose notebooks are shared. It stands above the tests' own environment, whose panel it shows."""
    if not PYTHON.exists():
        pytest.skip("jupyter-collaboration is not here: make test-all puts it into .venv-collaboration")
    share = Path(sys.prefix) / "share/jupyter"
    places = {"JUPYTER_PATH": str(share), "JUPYTER_CONFIG_PATH": str(Path(sys.prefix) / "etc/jupyter"), "JUPYTERLAB_DIR": str(share / "lab")}
    folder = tmp_path_factory.mktemp("shared")
    with desk_of(folder, python=str(PYTHON), options=["--YDocExtension.document_save_delay=0.2"], **places) as made:
        yield made


@contextmanager
def _tab(browser: Browser, server: Server, name: str) -> Iterator[Page]:
    """A tab with a notebook and the panel; on a busy machine the document may take longer than jupyter-collaboration likes."""
    with panel_of(browser, server, name) as page:
        page.add_locator_handler(page.get_by_role("button", name="Continue waiting"), lambda button: button.click())
        yield page


def _write(page: Page, index: int, code: str) -> None:
    """Replace a cell's source as a person does."""
    page.locator(f"{FRONT} .jp-CodeCell .cm-content").nth(index).click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)


def test_two_tabs_share_a_notebook_its_record_and_its_saves(browser: Browser, desk: Desk) -> None:
    desk.training("train")
    with _tab(browser, desk.server, "train") as page, _tab(browser, desk.server, "train") as other:
        ready(page, desk.server, "train")
        run_cell(page, 0)
        _write(other, 1, "table = open('data/train.csv').read()")
        page.locator(f"{FRONT} .jp-CodeCell", has_text="table = open").wait_for()
        run_cell(page, 1)
        for each in (page, other):
            expect_verdict(each, "data/train.csv", "allow")
            each.locator(f'{FRONT} [data-testid="mlsc-cell-mark"][data-verdict="allow"]').wait_for()
        assert row(other, "data/train.csv").get_attribute("data-cell") == row(page, "data/train.csv").get_attribute("data-cell")

        _write(other, 2, f"aws_key = '{SECRET}'")
        for each in (page, other):
            each.get_by_role("tab", name="Findings 1").click()
            finding = each.locator(".mlsc-Finding").first
            finding.wait_for()
            assert SECRET not in finding.inner_text()
            each.get_by_role("tab", name="Artifacts").click()
        assert SECRET in (desk.ada.root / "train.ipynb").read_text(), "the server itself saved it"

        assert desk.ada.mlsc("revoke", "data/train.csv", "--why", "a label was flipped").returncode == 0
        for each in (page, other):
            expect_verdict(each, "data/train.csv", "block")


def test_a_shared_notebook_is_not_saved_where_the_policy_refuses_it(browser: Browser, desk: Desk) -> None:
    policy = desk.ada.root / "mlsc.toml"
    policy.write_text(policy.read_text() + '\n[[rule]]\nmatch = ["work.ipynb"]\nsave = "scan"\nmode = "enforce"\n')
    assert desk.ada.mlsc("policy", "trust", "--yes").returncode == 0
    notebook(desk.ada, "first = 1", name="work.ipynb", kernel=KERNEL)
    with _tab(browser, desk.server, "work") as page:
        _write(page, 0, "second = 2")
        _saved(page, desk.ada, "second = 2")
        _write(page, 0, f"aws_key = '{SECRET}'")
        told(page, "work.ipynb is not saved: a scan finds 1 thing in it")
        assert SECRET not in (desk.ada.root / "work.ipynb").read_text()
        _write(page, 0, "third = 3")
        _saved(page, desk.ada, "third = 3")
        page.locator(".Toastify__toast", has_text="is not saved").wait_for(state="detached")


def _saved(page: Page, person: Person, text: str) -> None:
    for _ in range(300):
        if text in (person.root / "work.ipynb").read_text():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{text} was not saved")
