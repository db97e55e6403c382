"""The panel in a page, as a person and a test find it: its handles are fixed."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import CSV, Person
from tests.e2e.lab import FRONT, Server, page_of, run_cell, running, wait_until_idle
from tests.e2e.supervised_people import notebook
from tests.kernel.live_kernel import LONG

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

AXE = Path(__file__).parents[2] / "labextension/node_modules/axe-core/axe.min.js"
KERNEL = "python3"


@dataclass(frozen=True)
class Desk:
    """Ada's project with her server, which the tests of a module share: each has a notebook and files of its own."""

    ada: Person
    server: Server

    def training(self, name: str) -> None:
        """A notebook ``NAME.ipynb`` that reads the signed ``data/NAME.csv`` and saves what it made of it as ``models/NAME.parquet``."""
        self.ada.write(f"data/{name}.csv", CSV + f"{len(name)},1\n")
        self.ada.sign(f"data/{name}.csv")
        training(self.ada, name)


@contextmanager
def desk_of(folder: Path, mode: str = "enforce", *, python: str = sys.executable, options: Sequence[str] = (), **more: str) -> Iterator[Desk]:
    """A new project of Ada's and a server for it; ``more`` is set in its environment."""
    home, root = folder / "home", folder / "project"
    for each in (home, root):
        each.mkdir()
    ada = Person("ada", home, root, dict(more))
    ada.init(mode)
    with running(ada, python=python, options=options) as server:
        yield Desk(ada, server)


def open_panel(page: Page) -> Locator:
    """Bring the panel to the front."""
    panel = page.locator("#mlsc-panel")
    tab = page.locator('[data-id="mlsc-panel"]')
    tab.wait_for()
    if not panel.is_visible():
        tab.click()
    panel.wait_for()
    return panel


@contextmanager
def panel_of(browser: Browser, server: Server, name: str, query: Mapping[str, str] | None = None) -> Iterator[Page]:
    """A notebook opened in a page of its own, with the panel in front. What a page's own script throws fails the test."""
    with page_of(browser, server, f"lab/tree/{name}.ipynb", {"reset": "", **(query or {})}) as page:
        thrown: list[str] = []
        page.on("pageerror", lambda error: thrown.append(str(error)))
        try:
            page.locator(f"{FRONT} .jp-Notebook").wait_for()
            open_panel(page)
            yield page
            assert thrown == []
        except BaseException as err:
            picture(page, "failed")
            err.add_note("the page then said: " + " | ".join(page.locator("body").inner_text().split()))
            raise


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page in the folder that MLSC_SCREENSHOTS names, if it names one."""
    if folder := os.environ.get("MLSC_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def row(page: Page, path: str, op: str = "read") -> Locator:
    return page.locator(f'[data-testid="mlsc-row"][data-path="{path}"][data-op="{op}"]')


def verdict(page: Page) -> Locator:
    return page.get_by_test_id("mlsc-verdict")


def run_all(page: Page, cells: int) -> None:
    for index in range(cells):
        run_cell(page, index)


def answer(page: Page, accept: str, note: str | None = None) -> None:
    """Fill in a question's note and say yes to it."""
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for()
    this = dialog.element_handle()  # another question may follow at once
    if note is not None:
        dialog.locator("textarea").fill(note)
    dialog.locator(".jp-mod-accept").filter(has_text=re.compile(f"^{re.escape(accept)}$")).click()
    this.wait_for_element_state("hidden")


def told(page: Page, text: str) -> None:
    """Wait for the notification that says so."""
    page.locator(".Toastify__toast").filter(has_text=text).first.wait_for()


def expect_verdict(page: Page, path: str, verdict: str, op: str = "read", *, within: float = LONG) -> None:
    """Wait until a row has a verdict, at most so many seconds."""
    row(page, path, op).and_(page.locator(f'[data-verdict="{verdict}"]')).wait_for(timeout=within * 1000)


def training(person: Person, name: str) -> None:
    """A notebook that reads a data set and saves what it made of it."""
    cells = ("%load_ext jupyter_mlsc", f"import pandas as pd\ntable = pd.read_csv('data/{name}.csv')", f"%mlsc_save table models/{name}.parquet")
    notebook(person, *cells, name=f"{name}.ipynb", kernel=KERNEL)


def ready(page: Page, server: Server, name: str) -> None:
    """Wait until the notebook in front speaks to a kernel that has nothing to do: before that, running a cell asks which kernel to take."""
    until = time.monotonic() + LONG
    while not any(each["path"] == f"{name}.ipynb" and _is_ready(each["kernel"]) for each in server.ask("GET", "api/sessions")):
        assert time.monotonic() < until, "no kernel came"
        page.wait_for_timeout(100)
    wait_until_idle(page)


def _is_ready(kernel: Mapping[str, object] | None) -> bool:
    return kernel is not None and kernel["connections"] != 0 and kernel["execution_state"] == "idle"


def serious(page: Page, *places: str) -> list[str]:
    """What axe finds that is serious or worse, in parts of the page."""
    if not AXE.exists():
        pytest.skip("axe is not here: make setup fetches it with the panel's packages")
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(content=AXE.read_text())
    told: dict[str, Any] = page.evaluate("places => axe.run({include: places.map(each => [each])}, {resultTypes: ['violations']})", list(places))
    found = [each for each in told["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:160]} {node['failureSummary']}" for each in found for node in each["nodes"]]
