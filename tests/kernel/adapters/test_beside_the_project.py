"""Data in ``../data``, which a rule names: read and written from a notebook in a folder of the project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from library_driving import ours
from watched_cells import WatchedCells, watched

from tests.conftest import Person

RULES = """
[[rule]]
match  = "../made/**"
kind   = "dataset"
signed = { by = ["data-steward", "builder"] }

[[rule]]
match  = "../data/**"
kind   = "dataset"
signed = { by = "data-steward" }
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedCells]:
    base = tmp_path_factory.mktemp("beside")
    for folder in ("project/notebooks", "data", "made"):
        (base / folder).mkdir(parents=True)
    ada = Person("ada", base / "home", base / "project")
    ada.init("enforce")
    policy = base / "project" / "mlsc.toml"
    policy.write_text(policy.read_text() + RULES)
    trusted = ada.mlsc("policy", "trust", "--yes")
    assert trusted.returncode == 0, trusted.stderr
    with watched(ada) as made:
        os.chdir(base / "project" / "notebooks")
        yield made


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_data_beside_the_project_is_judged_and_recorded(cells: WatchedCells, library: str) -> None:
    import pandas as pd

    name = f"{library}.parquet"
    read = {
        "pandas": "import pandas as pd; result = pd.read_parquet(p)['a'].tolist()",
        "polars": "import polars as pl; result = pl.scan_parquet(p).collect()['a'].to_list()",
        "duckdb": "import duckdb; result = [a for (a,) in duckdb.sql(f\"from '{p}'\").fetchall()]",
    }[library]
    pytest.importorskip(library)
    path = f"../../data/{name}"
    with cells.between_cells(path):
        pd.DataFrame({"a": [1, 2]}).to_parquet(path)
        cells.guard.settled(Path(path).resolve())
    error = ours(cells.run(read, p=path))
    assert error is not None
    assert error.verdict.path == f"../data/{name}"
    cells.sign(f"../data/{name}")
    assert cells.value(read, p=path) == [1, 2]
    cells.value("import pandas as pd; pd.DataFrame({'a': [1, 2]}).to_parquet(q)", q=f"../../made/{name}")
    (written,) = [entry for entry in cells.entries() if entry.get("op") == "write"]
    assert (written["path"], written["cell_id"], written["verdict"]) == (f"../made/{name}", cells.cell_id, "allow")
