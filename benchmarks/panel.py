"""What the panel costs: from a finished cell to its row on the screen, from a revocation to a red row in another tab, many artifacts, the bundle.

    python -m benchmarks.panel [--cells N] [--counts 10,1000,10000]

A real JupyterLab and a real browser; times are the page's own clock. It needs what the browser's tests need (tests/e2e/lab.py), and a built panel.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.panel_project import many_reads
from benchmarks.report import Row, table
from tests.e2e.lab import FRONT, chromium, running, wait_until_idle
from tests.e2e.panel import KERNEL, Desk, desk_of, expect_verdict, panel_of, ready, run_all
from tests.e2e.supervised_people import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BUNDLE = Path(__file__).resolve().parent.parent / "labextension/build/static"

SETTLED = 300
"""Seconds in which a server has judged ten thousand files that it had never seen."""

SCREENFUL = 50
"""Rows of which a list need not be scrolled through."""

WATCH = """
([cell, path]) => new Promise(resolve => {
  const times = {};
  const look = () => {
    const prompt = document.querySelectorAll(cell[0])[cell[1]]?.querySelector('.jp-InputPrompt')?.innerText ?? '';
    if (/\\[\\d+\\]/.test(prompt)) times.cell ??= performance.now();
    if (document.querySelector(`[data-testid="mlsc-row"][data-path="${path}"]`)) times.row ??= performance.now();
    if (times.cell !== undefined && times.row !== undefined) resolve(times.row - times.cell);
    else requestAnimationFrame(look);
  };
  look();
})
"""

WATCH_RED = """
path => {
  window.redAt = null;
  const look = () => {
    const row = document.querySelector(`[data-testid="mlsc-row"][data-path="${path}"]`);
    if (row?.dataset.verdict === 'block') window.redAt = Date.now();
    else requestAnimationFrame(look);
  };
  look();
}
"""

SCROLL = """
() => new Promise(resolve => {
  const list = document.querySelector('.mlsc-List');
  const step = (list.scrollHeight - list.clientHeight) / 120;
  const frames = [];
  let last = performance.now();
  const turn = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    if (frames.length > 120) resolve(frames.slice(1));
    else { list.scrollTop += step; requestAnimationFrame(turn); }
  };
  requestAnimationFrame(turn);
})
"""

WATCH_FIRST = """
folder => {
  performance.clearResourceTimings();
  window.firstRow = null;
  const look = () => {
    if (document.querySelector(`[data-testid="mlsc-row"][data-path^="${folder}/"]`)) {
      // The frame in which it stands is drawn before this is called.
      requestAnimationFrame(() => setTimeout(() => { window.firstRow = performance.now(); }));
    } else requestAnimationFrame(look);
  };
  look();
}
"""

ASKED = """
() => {
  const asked = performance.getEntriesByType('resource').find(each => each.name.includes('/mlsc/api/runs'));
  return [window.firstRow - asked.responseEnd, window.firstRow - asked.startTime];
}
"""


def _rows_after_cells(browser: Browser, desk: Desk, cells: int) -> Row:
    for index in range(cells):
        desk.ada.write(f"data/{index}.csv", f"x\n{index}\n")
    desk.ada.sign(*(f"data/{index}.csv" for index in range(cells)))
    sources = ["%load_ext jupyter_mlsc", *(f"text = open('data/{index}.csv').read()" for index in range(cells))]
    notebook(desk.ada, *sources, name="live.ipynb", kernel=KERNEL)
    waits = []
    with panel_of(browser, desk.server, "live") as page:
        ready(page, desk.server, "live")
        for place in range(len(sources)):
            page.locator(f"{FRONT} .jp-CodeCell").nth(place).locator(".cm-content").click()
            page.keyboard.press("Control+Enter")
            if place:
                waits.append(page.evaluate(WATCH, [[f"{FRONT} .jp-CodeCell", place], f"data/{place - 1}.csv"]))
            wait_until_idle(page)
    return Row(f"{cells} cells", "finished cell to its row, median", statistics.median(waits), "ms", limit=300)


def _red_after_revocations(browser: Browser, desk: Desk, times: int) -> list[Row]:
    """From a revocation in another process than the server's to the row in a tab that only watches."""
    names = [f"data/revoked{index}.csv" for index in range(times)]
    for name in names:
        desk.ada.write(name, f"x\n{name}\n")
    desk.ada.sign(*names)
    notebook(desk.ada, "%load_ext jupyter_mlsc", f"texts = [open(name).read() for name in {names}]", name="revoked.ipynb", kernel=KERNEL)
    waits = []
    with panel_of(browser, desk.server, "revoked") as page, panel_of(browser, desk.server, "revoked") as other:
        ready(page, desk.server, "revoked")
        run_all(page, 2)
        for name in names:
            expect_verdict(other, name, "allow")
        for name in names:
            other.evaluate(WATCH_RED, name)
            told = desk.ada.project.revoke(str(desk.ada.root / name), why="a label was flipped", channel="terminal", passphrases=desk.ada.passphrases)
            other.wait_for_function("window.redAt !== null")
            # Counted from the statement's own time: it is signed and put on record after that.
            waits.append(other.evaluate("window.redAt") - told.at.timestamp() * 1000)
    return [
        Row(f"{times} revocations", "signed until a row is red in another tab, median", statistics.median(waits), "ms", limit=2000),
        Row(f"{times} revocations", "signed until a row is red in another tab, slowest", max(waits), "ms", limit=2000),
    ]


def _first_pictures(browser: Browser, desk: Desk, counts: Sequence[int]) -> list[Row]:
    rows = []
    for count in counts:
        notebook(desk.ada, "1", name=f"many{count}.ipynb", kernel=KERNEL)
        many_reads(desk.ada.project, f"many{count}.ipynb", count, f"many{count}")
        with panel_of(browser, desk.server, f"many{count}") as page:
            # Once before, so that the server has measured and judged the files: what is timed is the panel.
            page.locator('[data-testid="mlsc-verdict"][data-standing="allow"]').wait_for(timeout=SETTLED * 1000)
            page.locator(".jp-DirListing-item", has_text="live.ipynb").dblclick()
            expect_verdict(page, "data/0.csv", "allow")
            page.evaluate(WATCH_FIRST, f"many{count}")
            page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=f"many{count}.ipynb").click()
            page.wait_for_function("window.firstRow !== null")
            drawn, whole = page.evaluate(ASKED)
            frames = page.evaluate(SCROLL)
        with running(desk.ada) as new:
            start = time.perf_counter()
            new.ask("GET", f"mlsc/api/runs?path=many{count}.ipynb")
            cold = (time.perf_counter() - start) * 1000
        rows.append(Row(f"{count:,} artifacts", "first answer of a server that has just begun", cold, "ms"))
        if count > SCREENFUL:
            rows.append(Row(f"{count:,} artifacts", "a frame while it is scrolled through, median", statistics.median(frames), "ms"))
            rows.append(Row(f"{count:,} artifacts", "a frame while it is scrolled through, slowest of 120", max(frames), "ms"))
        rows.append(Row(f"{count:,} artifacts", "first picture, from the answer", drawn, "ms", limit=1000))
        rows.append(Row(f"{count:,} artifacts", "first picture, from the question", whole, "ms"))
    return rows


def _bundle() -> list[Row]:
    files = {each.name: len(gzip.compress(each.read_bytes(), 9)) / 1000 for each in BUNDLE.glob("*.js")}
    graph = max((size for name, size in files.items() if b"react-flow" in (BUNDLE / name).read_bytes()), default=0.0)
    return [
        Row("bundle, gzipped", "all", sum(files.values()), "kB", limit=400),
        Row("bundle, gzipped", "fetched when a graph is opened", graph, "kB"),
    ]


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=7)
    parser.add_argument("--revocations", type=int, default=5)
    parser.add_argument("--counts", default="10,1000,10000")
    asked = parser.parse_args(arguments)
    rows = _bundle()
    with tempfile.TemporaryDirectory(prefix="mlsc-panel-") as folder, chromium() as browser, desk_of(Path(folder)) as desk:
        rows.append(_rows_after_cells(browser, desk, asked.cells))
        rows += _red_after_revocations(browser, desk, asked.revocations)
        rows += _first_pictures(browser, desk, [int(count) for count in asked.counts.split(",")])
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
