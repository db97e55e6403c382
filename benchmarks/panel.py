"""What the panel costs: from a finished cell to its row on the screen, the first picture of many artifacts, the bundle.

    python -m benchmarks.panel [--cells N] [--counts 10,1000,10000]

A real JupyterLab and a real browser; times are the page's own clock. It needs what the browser's tests need (tests/e2e/lab.py), and a built panel.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.panel_project import many_reads
from benchmarks.report import Row, table
from tests.e2e.lab import FRONT, chromium, wait_until_idle
from tests.e2e.panel import KERNEL, Desk, desk_of, panel_of, ready
from tests.e2e.supervised_people import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BUNDLE = Path(__file__).resolve().parent.parent / "labextension/build/static"

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

FIRST_ROW = """
new MutationObserver((_, observer) => {
  if (document.querySelector('[data-testid="mlsc-row"]')) {
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.firstRow = performance.now(); }));
  }
}).observe(document, { childList: true, subtree: true });
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


def _first_pictures(browser: Browser, desk: Desk, counts: Sequence[int]) -> list[Row]:
    rows = []
    for count in counts:
        notebook(desk.ada, "1", name=f"many{count}.ipynb", kernel=KERNEL)
        many_reads(desk.ada.project, f"many{count}.ipynb", count)
        with panel_of(browser, desk.server, f"many{count}") as page:
            # Once before, so that the server has measured the files: what is timed is the panel.
            page.get_by_test_id("mlsc-row").first.wait_for()
            page.add_init_script(FIRST_ROW)
            page.reload()
            page.wait_for_function("window.firstRow !== undefined")
            drawn, whole = page.evaluate(ASKED)
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
    parser.add_argument("--counts", default="10,1000,10000")
    asked = parser.parse_args(arguments)
    rows = _bundle()
    with tempfile.TemporaryDirectory(prefix="mlsc-panel-") as folder, chromium() as browser, desk_of(Path(folder)) as desk:
        rows.append(_rows_after_cells(browser, desk, asked.cells))
        rows += _first_pictures(browser, desk, [int(count) for count in asked.counts.split(",")])
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
