"""The demo, step by step: sign, load, train, save, flip labels, be blocked, and check the whole story.

It runs unattended in a temporary folder, with a user folder and a passphrase of its own, and leaves the checkout as it was.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from jupyter_mlsc.sandbox.features import probe

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
FLIPPED = 40


def main() -> int:
    """Run the demo. Returns 0 when every step ended as it should."""
    with tempfile.TemporaryDirectory(prefix="mlsc-demo-") as scratch:
        project = Path(scratch) / "wine"
        project.mkdir()
        os.environ |= {"MLSC_HOME": str(Path(scratch) / "home"), "MLSC_KEY_PASSPHRASE": secrets.token_urlsafe(16)}
        for name in ("quickstart.ipynb", "reload.ipynb"):
            shutil.copy(NOTEBOOKS / name, project / name)
        os.chdir(project)
        return story(project)


def story(project: Path) -> int:
    """The story itself, in the project's folder."""
    step("A data steward makes a project that enforces its policy, and signs a real data set (UCI wine, 178 rows)")
    write_wine(project / "data" / "wine.csv")
    mlsc("init", "--mode", "enforce", "--name", "ada")
    mlsc("sign", "data/wine.csv", "--note", "from the UCI repository, checked by hand")

    step("A notebook loads it with %mlsc_load, trains a random forest and saves it with %mlsc_save")
    show(run_notebook(project / "quickstart.ipynb"))

    step(f"Somebody flips {FLIPPED} labels in the CSV")
    flip_labels(project / "data" / "wine.csv")

    step("The next load is blocked")
    try:
        run_notebook(project / "reload.ipynb")
    except CellExecutionError as err:
        if "BlockedArtifactError" not in str(err.ename):
            raise
        print(err.evalue)
    else:
        print("the changed data set was loaded: this must not happen")
        return 1

    if probe().complete:
        step("No other program gets the changed file either: another process decides its file opens")
        mlsc("exec", "--", "head", "-1", "data/wine.csv", expect=1)
    step("The verdicts")
    if mlsc("verify", "data/wine.csv", "models/wine.joblib", expect=1) != 1:
        return 1
    step("The lineage of the model: it still names the data as they were signed")
    mlsc("lineage", "models/wine.joblib")
    step("The ledger")
    mlsc("log", "show")
    mlsc("log", "verify")
    return 0


def write_wine(path: Path) -> None:
    """scikit-learn's copy of a real data set, as a CSV."""
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True)
    path.parent.mkdir(parents=True)
    wine.frame.rename(columns={"target": "cultivar"}).to_csv(path, index=False)


def flip_labels(path: Path) -> None:
    """Give the first rows another label, as somebody who poisons data would."""
    import pandas as pd

    frame = pd.read_csv(path)
    frame.loc[: FLIPPED - 1, "cultivar"] = (frame.loc[: FLIPPED - 1, "cultivar"] + 1) % 3
    frame.to_csv(path, index=False)


def run_notebook(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook in the project. The kernel is told the notebook's path as Jupyter Server would tell it."""
    os.environ["JPY_SESSION_NAME"] = str(path)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    return notebook


def show(notebook: nbformat.NotebookNode) -> None:
    """Print the code cells with their text output, indented."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        print("\n".join(f"  | {line}" for line in cell.source.splitlines()))
        for output in cell.outputs:
            text = output.get("text") or output.get("data", {}).get("text/plain") or ""
            for line in text.rstrip().splitlines():
                print(f"      {line}")


def step(text: str) -> None:
    """A heading."""
    print(f"\n== {text}", flush=True)


def mlsc(*arguments: str, expect: int = 0) -> int:
    """Run the command line as a person would, and stop where it ends otherwise than it should."""
    print("$ mlsc " + " ".join(f"'{a}'" if " " in a else a for a in arguments), flush=True)
    code = subprocess.run([sys.executable, "-m", "jupyter_mlsc.cli", *arguments], check=False).returncode
    if code != expect:
        raise SystemExit(f"mlsc {arguments[0]} ended with {code}, not with {expect}")
    return code


if __name__ == "__main__":
    sys.exit(main())
