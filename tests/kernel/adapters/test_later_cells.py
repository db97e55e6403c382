"""Bytes that move in a later cell than the one that named the file, and what writers do on the way: as notebooks really go."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from library_driving import ours
from watched_cells import WatchedCells

_numbers = itertools.count()

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="which files are held open is asked of /proc")


@pytest.fixture(scope="module")
def cells(project_of_cells: Any) -> Iterator[WatchedCells]:
    with project_of_cells("enforce") as made:
        yield made


@pytest.fixture
def signed(cells: WatchedCells) -> str:
    """A parquet file that Ada signed."""
    import pandas as pd

    path = f"data/raw/signed-{next(_numbers)}.parquet"
    with cells.between_cells(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"a": [1, 2]}).to_parquet(path)
        cells.sign(path)
    return path


def swap(cells: WatchedCells, path: str) -> None:
    """Somebody puts another file in the place of a signed one, behind the notebook's back."""
    import pandas as pd

    with cells.between_cells(path):
        pd.DataFrame({"a": [6, 6, 6]}).to_parquet(path)


def writes(cells: WatchedCells) -> list[tuple[str, str]]:
    return [(entry["path"], entry["verdict"]) for entry in cells.entries() if entry.get("op") == "write"]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("import polars as pl; lazy = pl.scan_parquet(p).filter(pl.col('a') > 0)", "result = lazy.collect()"),
        ("import polars as pl; lazy = pl.scan_parquet(p)", "result = pl.collect_all([lazy])"),
        ("import polars as pl; lazy = pl.scan_parquet('data/raw/*.parquet')", "lazy.sink_csv('sunk.csv')"),
        ("import duckdb; relation = duckdb.sql(f\"from '{p}'\")", "result = relation.filter('a > 0').fetchall()"),
        ("import duckdb; relation = duckdb.read_parquet(p)", "result = relation.df()"),
        ("import duckdb; c = duckdb.connect(); c.execute(f\"create view v as from '{p}'\")", "result = c.execute('select * from v').fetchall()"),
    ],
)
def test_a_file_that_was_swapped_before_its_bytes_moved_is_blocked_then(cells: WatchedCells, signed: str, first: str, later: str) -> None:
    cells.value(first, p=signed)
    cells.value(later)
    swap(cells, signed)
    error = ours(cells.run(later))
    assert error is not None
    assert error.verdict.path == signed
    with cells.between_cells(signed):
        os.remove(signed)


def test_the_arrays_of_an_npz_are_judged_when_they_are_asked_for(cells: WatchedCells) -> None:
    import numpy as np

    path = "data/raw/arrays.npz"
    with cells.between_cells(path):
        np.savez(path, a=[1], b=[2])
        cells.sign(path)
    cells.value("import numpy as np; arrays = np.load(p)", p=path)
    assert cells.value("result = arrays['a'].tolist()") == [1]


@on_linux
@pytest.mark.parametrize(
    ("name", "first", "later"),
    [
        ("held.csv", "f = open(p, 'w'); f.write('a\\n'); f.flush()", "f.write('1\\n'); f.close()"),
        ("held.db", "import sqlite3; c = sqlite3.connect(p); c.execute('create table t(a)'); c.commit()", "c.execute('insert into t values (1)'); c.commit()"),
        ("held.h5", "import h5py; f = h5py.File(p, 'w'); f['a'] = [1]; f.flush()", "f['b'] = [2]; f.close()"),
        ("held.nc", "import netCDF4; f = netCDF4.Dataset(p, 'w'); f.sync()", "f.createDimension('x', 2); f.close()"),
        ("held.bin", "import numpy as np; m = np.memmap(p, mode='w+', shape=4); m.flush()", "m[:] = 7; m.flush(); del m"),
        (
            "held.duckdb",
            "import duckdb; c = duckdb.connect(p); c.execute('create table t(a int)'); c.execute('checkpoint')",
            "c.execute('insert into t values (1)'); c.close()",
        ),
        (
            "held.parquet",
            "import pyarrow as pa, pyarrow.parquet as pq; t = pa.table({'a': [1]}); w = pq.ParquetWriter(p, t.schema)",
            "w.write_table(t); w.close()",
        ),
    ],
)
def test_a_file_that_is_held_open_is_written_by_the_cell_that_writes(cells: WatchedCells, name: str, first: str, later: str) -> None:
    path = f"data/derived/{name}"
    Path("data/derived").mkdir(parents=True, exist_ok=True)
    cells.value(first, p=path)
    cells.value("nothing = 0")
    cells.value(later)
    assert writes(cells) == [(path, "allow")]


@on_linux
def test_a_file_that_was_closed_and_then_changed_by_a_program_is_not_the_cells_own(cells: WatchedCells) -> None:
    path = "data/derived/closed.csv"
    Path("data/derived").mkdir(parents=True, exist_ok=True)
    cells.value("f = open(p, 'w'); f.write('a\\n1\\n'); f.close()", p=path)
    cells.value("import subprocess; subprocess.run('echo 6 > ' + p, shell=True, check=True)")
    assert writes(cells) == [(path, "block")], "an unknown writer stands among its inputs"


def test_what_a_cell_wrote_it_reads_back_at_once(cells: WatchedCells) -> None:
    Path("data/derived").mkdir(parents=True, exist_ok=True)
    cells.value("import pandas as pd; pd.DataFrame({'a': [1]}).to_csv(p, index=False); result = pd.read_csv(p)", p="data/derived/back.csv")
    assert [(entry["op"], entry["verdict"]) for entry in cells.entries() if "op" in entry] == [("write", "allow"), ("read", "allow")]


def test_a_connection_that_only_reads_writes_nothing(cells: WatchedCells) -> None:
    import sqlite3

    path = "data/raw/read.db"
    with cells.between_cells(path):
        connection = sqlite3.connect(path)
        connection.execute("create table t as select 7 as a")
        connection.commit()
        connection.close()
        cells.sign(path)
    assert cells.value("import sqlite3; c = sqlite3.connect(p); result = c.execute('select a from t').fetchall(); c.close()", p=path) == [(7,)]
    assert writes(cells) == []


def test_a_connection_that_fails_writes_nothing(cells: WatchedCells) -> None:
    error = cells.run("import sqlite3; sqlite3.connect('data/nowhere/t.db')")
    assert type(error).__name__ == "OperationalError"
    assert writes(cells) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pandas as pd; pd.read_parquet('file://' + os.path.abspath(p))",
        "import pandas as pd, pathlib; pd.read_parquet(pathlib.Path(p))",
        "import pandas as pd; os.chdir('data/raw'); pd.read_parquet(os.path.basename(p))",
        "import polars as pl; pl.read_parquet([p])",
        "import polars as pl; pl.read_parquet('data/r*/stranger*.parquet')",
        "import polars as pl; pl.read_parquet(source=p)",
        "import pyarrow.dataset as ds; ds.dataset([p])",
        "import pyarrow.parquet as pq; pq.read_table('data/raw/../raw/stranger.parquet')",
        "import duckdb; duckdb.sql(\"select count(*) from 'data/raw/stra*.parquet' -- it's all\").fetchall()",
        'import duckdb; duckdb.sql("select * from (values (1)) v(a) join \'" + p + "\' using (a)").fetchall()',
        "import fsspec; fsspec.open('file://' + os.path.abspath(p)).open()",
        "os.symlink(os.path.abspath(p), 'aside.parquet'); open('aside.parquet')",
        "open('/' + os.path.abspath(p))",
        "import polars as pl; pl.read_parquet('//' + os.path.abspath(p))",
        "os.chdir('/'); open(os.path.relpath(os.path.join(root, p)))",
        "os.symlink(os.path.abspath('data/raw'), 'aside.parquet'); import duckdb; duckdb.sql(\"from 'aside.parquet/stranger.parquet'\").fetchall()",
        "import zipfile; zipfile.ZipFile(p)",
        "import pandas as pd; pd.read_csv('zip://member.csv::' + p)",
        "open(p, 'a+')",
        "open(os.fsencode(p), 'r+b')",
        "open(os.open(p, os.O_RDONLY))",
        "import mmap; mmap.mmap(os.open(p, os.O_RDWR), 0)",
    ],
)
def test_a_path_is_found_however_it_is_written(cells: WatchedCells, code: str) -> None:
    import pandas as pd

    path = "data/raw/stranger.parquet"
    with cells.between_cells(path):
        if not Path(path).exists():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame({"a": [1, 2]}).to_parquet(path)
    try:
        error = ours(cells.run("import os\n" + code, p=path, root=str(cells.person.root)))
    finally:
        os.chdir(cells.person.root)
        Path("aside.parquet").unlink(missing_ok=True)
        with cells.between_cells(path):
            pass
    assert error is not None


@pytest.mark.parametrize("mode", ["x", "w"])
def test_a_file_that_is_written_anew_is_not_judged(cells: WatchedCells, mode: str) -> None:
    path = Path("data/derived/log.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    with cells.between_cells(str(path)):
        path.unlink(missing_ok=True)
        if mode != "x":
            path.write_text("made by a stranger\n")
    cells.value(f"with open(p, {mode!r}) as f: f.write('more in mode {mode}')", p=str(path))
    assert writes(cells) == [(str(path), "allow")]


APPEND = {
    "open": "with open(p, 'a') as f: f.write('7\\n')",
    "pathlib": "import pathlib\nwith pathlib.Path(p).open('ab') as f: f.write(b'7\\n')",
    "os.open": "import os; n = os.open(p, os.O_WRONLY | os.O_APPEND | os.O_CREAT); os.write(n, b'7\\n'); os.close(n)",
    "pandas": "import pandas as pd; pd.DataFrame({'a': [7]}).to_csv(p, mode='a', header=False, index=False)",
    "logging": "import logging; h = logging.FileHandler(p); h.emit(logging.makeLogRecord({'msg': '7'})); h.close()",
}


@pytest.mark.parametrize("way", APPEND)
def test_what_is_appended_to_a_strangers_file_does_not_make_it_the_runs_own(cells: WatchedCells, way: str) -> None:
    path = f"data/derived/appended-{way}.csv"
    with cells.between_cells(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("a\n6\n")
    cells.value(APPEND[way], p=path)
    with cells.between_cells():
        assert Path(path).read_text() == "a\n6\n7\n", "no bytes moved, so nothing was stopped"
    assert writes(cells) == [(path, "block")]
    assert ours(cells.run("open(p)", p=path)) is not None
    cells.value("import os; os.makedirs('data/derived', exist_ok=True)\nwith open('data/derived/other.csv', 'w') as f: f.write(p)", p=path)
    assert writes(cells) == [("data/derived/other.csv", "allow")], "nor does it stain what else the run writes"


def test_what_was_appended_to_a_strangers_file_stays_so_under_another_name(cells: WatchedCells) -> None:
    path, new = "data/derived/stranger-1.csv", "data/derived/stranger-2.csv"
    with cells.between_cells(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("a\n6\n")
    cells.value(f"{APPEND['open']}\nimport os; os.rename(p, q)", p=path, q=new)
    assert writes(cells) == [(new, "block")]
    cells.value("with open(q, 'w') as f: f.write('a\\n')", q=new)
    assert writes(cells) == [(new, "allow")], "written anew, nothing of the stranger's is left"


@pytest.mark.parametrize("way", APPEND)
def test_a_file_of_the_runs_own_can_be_begun_and_gone_on_with_by_appending(cells: WatchedCells, way: str) -> None:
    path = f"data/derived/log-{way}.csv"
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    for length in (2, 4):
        cells.value(APPEND[way], p=path)
        assert writes(cells) == [(path, "allow")]
        assert len(cells.value("result = open(p).read()", p=path)) == length


def test_a_signed_file_is_an_input_of_what_is_appended_to_it(cells: WatchedCells) -> None:
    path = "data/derived/grows.csv"
    with cells.between_cells(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("a\n6\n")
        cells.sign(path)
    cells.value(APPEND["open"], p=path)
    assert [(e["op"], e["path"], e["verdict"]) for e in cells.entries() if "op" in e] == [("read", path, "allow"), ("write", path, "allow")]


def test_a_folder_is_removed_without_being_read(cells: WatchedCells) -> None:
    with cells.between_cells("data/raw/old"):
        Path("data/raw/old").mkdir(parents=True)
        Path("data/raw/old/stranger.csv").write_text("a\n1\n")
    cells.value("import shutil; shutil.rmtree('data/raw/old')")
    assert not Path("data/raw/old").exists()


def test_a_file_of_unknown_origin_that_is_moved_under_a_governed_name_stays_unknown(cells: WatchedCells, tmp_path: Path) -> None:
    stranger = tmp_path / "download.csv"
    with cells.between_cells():
        stranger.write_text("a\n6\n")
    Path("data/derived").mkdir(parents=True, exist_ok=True)
    cells.value("import shutil; shutil.move(q, 'data/derived/moved.csv')", q=str(stranger))
    assert writes(cells) == [("data/derived/moved.csv", "block")]


def test_a_signed_file_that_is_moved_is_an_input_of_what_it_becomes(cells: WatchedCells, signed: str) -> None:
    Path("data/derived").mkdir(parents=True, exist_ok=True)
    cells.value("import shutil; shutil.move(p, 'data/derived/moved.parquet')", p=signed)
    assert [(entry["op"], entry["path"], entry["verdict"]) for entry in cells.entries() if "op" in entry] == [
        ("read", signed, "allow"),
        ("write", "data/derived/moved.parquet", "allow"),
    ]


def test_a_folder_that_is_written_elsewhere_and_moved_is_seen(cells: WatchedCells, tmp_path: Path) -> None:
    Path("data/derived").mkdir(parents=True, exist_ok=True)
    code = "import os, pandas as pd; os.mkdir(q); pd.DataFrame({'a': [1]}).to_csv(q + '/a.csv'); os.rename(q, 'data/derived/set')"
    target = cells.person.root / "scratch"
    cells.value(code, q=str(target))
    assert [verdict for _, verdict in writes(cells)] == ["allow"]
    shutil.rmtree("data/derived/set")
