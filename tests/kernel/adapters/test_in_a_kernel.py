"""The adapters in a real kernel: libraries imported before the extension and after it, blocked and read, written and read back, put back at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    import pandas as pd

    base = tmp_path_factory.mktemp("kernel")
    (base / "project" / "data").mkdir(parents=True)
    ada = Person("ada", base / "home", base / "project")
    ada.init("enforce")
    for name in ("signed", "stranger"):
        pd.DataFrame({"a": [1, 2]}).to_parquet(base / "project" / "data" / f"{name}.parquet")
    ada.sign("data/signed.parquet")
    made = LiveKernel(ada.root, {**ada.environ, "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython"))})
    assert made.run("import pyarrow.parquet as pq\nfrom pandas import read_parquet\n%load_ext jupyter_mlsc").status == "ok"
    yield made
    made.close()


@pytest.mark.parametrize(
    "code",
    [
        "read_parquet('data/{}.parquet')",
        "pq.read_table('data/{}.parquet')",
        "import polars; polars.read_parquet('data/{}.parquet')",
        "import duckdb; duckdb.sql(\"from 'data/{}.parquet'\")",
    ],
)
def test_a_read_is_judged(kernel: LiveKernel, code: str) -> None:
    assert kernel.run(code.format("signed")).status == "ok"
    assert "BlockedArtifactError" in (kernel.run(code.format("stranger")).error or "")


def test_what_a_cell_wrote_is_its_own(kernel: LiveKernel) -> None:
    wrote = kernel.run("import os, pandas as pd; os.makedirs('data/derived', exist_ok=True); pd.DataFrame({'a': [1]}).to_parquet('data/derived/x.parquet')")
    assert (wrote.status, wrote.stderr) == ("ok", "")
    again = kernel.run("print(read_parquet('data/derived/x.parquet')['a'].tolist())")
    assert (again.stdout.strip(), again.stderr) == ("[1]", "")


def test_unloading_puts_everything_back(kernel: LiveKernel) -> None:
    assert kernel.run("%unload_ext jupyter_mlsc").status == "ok"
    told = kernel.run("import pandas, types; print(type(read_parquet) is types.FunctionType, read_parquet is pandas.read_parquet)")
    assert told.status == "ok", told.traceback
    assert told.stdout.split() == ["True", "True"]
    assert kernel.run("read_parquet('data/stranger.parquet')").status == "ok"
