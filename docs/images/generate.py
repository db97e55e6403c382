"""Take the pictures of the panel that the documents show: ``python docs/images/generate.py`` (after ``make setup``; it takes a minute or two).

In a temporary folder Ada has a project named churn. A notebook trains a model from data that she signed and scores it on a data set that somebody changed
after she did; others use the model; the last is refused a pickle that came from elsewhere. JupyterLab runs them in Chromium, in a window of fixed size, with
this checkout's code and the panel that was built in it. Nothing is retouched. The tables have a fixed seed; keys, digests and times are new each time.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import joblib
import nbformat
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.dummy import DummyClassifier

from tests.conftest import Person
from tests.e2e.lab import FRONT, Server, Session, chromium, page_of, running
from tests.e2e.panel import KERNEL, expect_verdict, open_panel, ready, row, run_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

IMAGES = Path(__file__).resolve().parent
CHECKOUT = IMAGES.parents[1]
WINDOW = {"width": 1300, "height": 840}
FLAT = {"width": 1300, "height": 560}
"""The window of the lineage, which is wide and not high."""
PANEL = 375
"""How wide the panel is, in pixels."""
FLIPPED = 40
"""So many customers of the holdout set had not left when Ada signed it, and had when the notebook read it."""

Cells = dict[str, str]
"""Sources by the ids of their cells; that of ``about`` is Markdown."""

TRAIN: Cells = {
    "about": "# Customer churn\nWho leaves, from what we know of them.",
    "guard": "%load_ext jupyter_mlsc",
    "read": "import pandas as pd\ncustomers = pd.read_csv('data/customers.csv')",
    "fit": "from sklearn.linear_model import LogisticRegression\n"
    "columns = ['months', 'charge', 'calls']\n"
    "model = LogisticRegression(max_iter=500)\n"
    "model.fit(customers[columns], customers['churned']);",
    "save": "%mlsc_save model models/churn.joblib",
    "score": "holdout = pd.read_csv('data/holdout.csv')\nmodel.score(holdout[columns], holdout['churned'])",
}
USES: dict[str, Cells] = {
    "score": {
        "guard": "%load_ext jupyter_mlsc",
        "load": "model = %mlsc_load models/churn.joblib\ncustomers = %mlsc_load data/customers.csv",
        "predict": "customers['risk'] = model.predict_proba(customers[['months', 'charge', 'calls']])[:, 1]",
        "save": "%mlsc_save customers data/derived/risk.parquet",
    },
    "explain": {
        "guard": "%load_ext jupyter_mlsc",
        "load": "import pandas as pd\nmodel = %mlsc_load models/churn.joblib",
        "save": "drivers = pd.DataFrame({'column': model.feature_names_in_, 'weight': model.coef_[0]})\n%mlsc_save drivers data/derived/drivers.csv",
    },
}
COMPARE: Cells = {
    "about": "# Theirs or ours?\nThe vendor sent a model. Is it better than the one that we have?",
    "guard": "%load_ext jupyter_mlsc",
    "ours": "import joblib\nours = joblib.load('models/churn.joblib')\nours.coef_.round(3)",
    "theirs": "theirs = joblib.load('models/vendor.joblib')",
}


def customers(count: int, seed: int) -> pd.DataFrame:
    """A table of customers, of whom those leave more often who are new, pay much and call often."""
    dice = np.random.default_rng(seed)
    months, charge, calls = dice.integers(1, 72, count), dice.normal(62, 21, count).clip(18, 130).round(2), dice.poisson(1.4, count)
    odds = 0.4 - 0.055 * months + 0.018 * (charge - 62) + 0.5 * calls
    churned = np.where(dice.random(count) < 1 / (1 + np.exp(-odds)), "yes", "no")
    plan = dice.choice(["basic", "family", "business"], count, p=[0.5, 0.35, 0.15])
    return pd.DataFrame({"customer": np.arange(10_001, 10_001 + count), "plan": plan, "months": months, "charge": charge, "calls": calls, "churned": churned})


def notebook(person: Person, name: str, cells: Cells) -> None:
    """Write a notebook whose cells have these ids."""
    make = {True: nbformat.v4.new_markdown_cell, False: nbformat.v4.new_code_cell}
    book = nbformat.v4.new_notebook(cells=[make[each == "about"](source, id=each) for each, source in cells.items()])
    book.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Python 3 (ipykernel)", "language": "python"}
    nbformat.write(book, person.root / f"{name}.ipynb")


def change_policy(person: Person, old: str, new: str) -> None:
    """Write something else into the policy, once, and accept it so."""
    policy = person.root / "mlsc.toml"
    text = policy.read_text()
    if old not in text:
        raise SystemExit(f"the policy that mlsc init writes has no {old!r} any more")
    policy.write_text(text.replace(old, new, 1))
    done = person.mlsc("policy", "trust", "--yes")
    if done.returncode != 0:
        raise SystemExit(done.stderr)


def prepare(ada: Person) -> None:
    """Make Ada's project: data sets that she signed, of which one was changed, a model that nobody signed, and the notebooks."""
    ada.init("warn")
    change_policy(ada, 'signed = { by = "data-steward" }', 'signed = { by = "data-steward" }\nlabel  = "churned"')
    for folder in ("data", "models"):
        (ada.root / folder).mkdir()
    holdout = customers(800, 8)
    customers(4000, 7).to_csv(ada.root / "data/customers.csv", index=False)
    holdout.to_csv(ada.root / "data/holdout.csv", index=False)
    ada.sign("data/customers.csv", "data/holdout.csv", note="from the billing system, looked at")
    stayed = holdout.index[holdout["churned"] == "no"][:FLIPPED]
    holdout.loc[stayed, "churned"] = "yes"
    holdout.to_csv(ada.root / "data/holdout.csv", index=False)
    joblib.dump(DummyClassifier(), ada.root / "models/vendor.joblib")
    notebook(ada, "train", TRAIN)
    notebook(ada, "compare", COMPARE)
    for name, cells in USES.items():
        notebook(ada, name, cells)


def choose_theme(ada: Person, theme: str) -> None:
    """The theme of the pages that are opened from now on."""
    settings = ada.home / "jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"theme": f"JupyterLab {theme}"}))


@contextmanager
def opened(browser: Browser, server: Server, name: str, cells: Cells) -> Iterator[Page]:
    """A notebook with the panel beside it, all of whose cells have run."""
    with page_of(browser, server, f"lab/tree/{name}.ipynb", {"reset": ""}) as page:
        page.locator(f"{FRONT} .jp-Notebook").wait_for()
        open_panel(page)
        ready(page, server, name)
        run_all(page, len([each for each in cells if each != "about"]))
        with page.expect_response(lambda told: told.request.method == "PUT" and f"{name}.ipynb" in told.url):
            page.keyboard.press("Control+s")
        # Not before: a narrow notebook has no room for the sign by which a kernel is seen to be idle.
        page.set_viewport_size(WINDOW)
        widen_panel(page)
        yield page


def run(server: Server, name: str, cells: Cells) -> None:
    """Run a notebook that nobody looks at."""
    session = Session(server, f"{name}.ipynb")
    session.open(KERNEL)
    for session.cell, source in cells.items():
        done = session.run(source)
        if done.error is not None:
            raise SystemExit(done.traceback)


def widen_panel(page: Page) -> None:
    """Drag the panel's edge."""
    box = page.locator("#jp-right-stack").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] - 2, 500)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - PANEL, 500, steps=4)
    page.mouse.up()


def look_at(page: Page, path: str, op: str = "read") -> Locator:
    """Open an artifact's details, and wait until all is known of it."""
    row(page, path, op).click()
    details = page.locator(f'[data-testid="mlsc-details"][data-path="{path}"]')
    details.locator(".mlsc-Part").first.wait_for()
    return details


def browse(page: Page, folder: str) -> None:
    """Show a folder in the file browser, where its files have marks."""
    page.locator(".jp-DirListing-item", has_text=folder).dblclick()
    page.locator(".mlsc-FileMark").first.wait_for()


def keep(page: Page, name: str) -> None:
    """Take the picture when nothing is told that passes."""
    page.mouse.move(WINDOW["width"] / 2, 15)
    page.locator(".Toastify__toast").first.wait_for(state="detached")
    page.get_by_text("Saving completed").wait_for(state="hidden")
    taken = Image.open(BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    with_palette(taken).save(IMAGES / f"{name}.png", optimize=True)


def with_palette(taken: Image.Image) -> Image.Image:
    """A third of the size: its 256 commonest colours as they are (nearly all of it), and for the others, at the edges of letters, the nearest of these."""
    pixels = np.asarray(taken)
    colours, places, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    common = colours[np.argsort(counts)[::-1][:256]]
    nearest = ((colours[:, None].astype(int) - common) ** 2).sum(axis=2).argmin(axis=1)
    made = Image.fromarray(nearest[places].reshape(pixels.shape[:2]).astype(np.uint8), "P")
    made.putpalette(common.tobytes())
    return made


def light(browser: Browser, server: Server) -> None:
    """A notebook that is not in order, and why; and the lineage of its model."""
    with opened(browser, server, "train", TRAIN) as page:
        expect_verdict(page, "data/holdout.csv", "warn")
        expect_verdict(page, "models/churn.joblib", "allow", "write")
        browse(page, "data")
        details = look_at(page, "data/holdout.csv")
        details.get_by_test_id("mlsc-difference").wait_for()
        details.locator(".mlsc-ReasonList").evaluate("reasons => reasons.scrollIntoView()")
        keep(page, "panel-light")
        for name, cells in USES.items():
            run(server, name, cells)
        look_at(page, "models/churn.joblib", "write")
        page.get_by_test_id("mlsc-details-lineage").click()
        for name in ("risk.parquet", "drivers.csv"):
            page.locator(".mlsc-Node", has_text=name).wait_for()
        for sidebar in ("filebrowser", "mlsc-panel"):
            page.locator(f'[data-id="{sidebar}"]').click()
        page.locator(".mlsc-Node", has_text="churn.joblib").click()
        page.set_viewport_size(FLAT)
        page.get_by_role("button", name="Fit", exact=True).click()
        keep(page, "lineage-light")


def dark(browser: Browser, server: Server) -> None:
    """A load that was blocked, and the card under it."""
    with opened(browser, server, "compare", COMPARE) as page:
        expect_verdict(page, "models/vendor.joblib", "block")
        page.get_by_test_id("mlsc-card").wait_for()
        browse(page, "models")
        look_at(page, "models/vendor.joblib")
        keep(page, "panel-dark")


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory(prefix="mlsc-pictures-") as scratch:
        folder = Path(scratch)
        extensions = folder / "share/labextensions"
        extensions.mkdir(parents=True)
        (extensions / "jupyter_mlsc").symlink_to(CHECKOUT / "labextension/build")
        ada = Person("ada", folder / "ada", folder / "churn", {"PYTHONPATH": str(CHECKOUT), "JUPYTER_PATH": str(folder / "share")})
        ada.root.mkdir()
        prepare(ada)
        choose_theme(ada, "Light")
        with running(ada) as server, chromium("--disable-lcd-text") as browser:
            light(browser, server)
            change_policy(ada, 'mode = "warn"', 'mode = "enforce"')
            choose_theme(ada, "Dark")
            dark(browser, server)


if __name__ == "__main__":
    main()
