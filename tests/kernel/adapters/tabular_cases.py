"""Tables: pandas, pyarrow, polars, DuckDB."""

from __future__ import annotations

from cases import Case, case

FRAME = "import pandas as pd; frame = pd.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', 'z']}); "
TABLE = "import pyarrow as pa, pyarrow.parquet as pq; table = pa.table({'a': [1, 2, 3], 'b': ['x', 'y', 'z']}); "
POLARS = "import polars as pl; frame = pl.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', 'z']}); "


def _pandas(suffix: str, write: str, read: str, *needs: str) -> Case:
    return case(f"frame.{suffix}", f"{FRAME}frame.{write}", f"import pandas as pd; result = pd.{read}.to_dict('list')", "pandas", *needs)


PANDAS = (
    _pandas("csv", "to_csv(p, index=False)", "read_csv(p)"),
    _pandas("csv.gz", "to_csv(p, index=False)", "read_csv(p)"),
    _pandas("parquet", "to_parquet(p)", "read_parquet(p)", "pyarrow"),
    _pandas("json", "to_json(p)", "read_json(p)"),
    _pandas("xlsx", "to_excel(p, index=False)", "read_excel(p)", "openpyxl"),
    _pandas("feather", "to_feather(p)", "read_feather(p)", "pyarrow"),
    _pandas("orc", "to_orc(p)", "read_orc(p)", "pyarrow"),
    _pandas("pkl", "to_pickle(p)", "read_pickle(p)"),
    _pandas("dta", "to_stata(p, write_index=False)", "read_stata(p)"),
    case("frame.h5", f"{FRAME}frame[['a']].to_hdf(p, key='t')", "import pandas as pd; result = pd.read_hdf(p, key='t').to_dict('list')", "pandas", "tables"),
    case(
        "frame.db",
        f"{FRAME}import sqlite3; c = sqlite3.connect(p); frame.to_sql('t', c, index=False); c.close()",
        "import pandas as pd; result = pd.read_sql('select * from t', 'sqlite:///' + p).to_dict('list')",
        "pandas",
        "sqlalchemy",
        label="sql",
    ),
    case(
        "parts",
        f"{FRAME}frame.to_parquet(p, partition_cols=['b'])",
        "import pandas as pd; result = pd.read_parquet(p)['a'].tolist()",
        "pandas",
        "pyarrow",
        label="partitioned",
    ),
)

PYARROW = tuple(
    case(name, f"{TABLE}{make}", f"{TABLE}{read}", "pyarrow", label=label)
    for name, label, make, read in (
        ("t.parquet", "read_table", "pq.write_table(table, p)", "result = pq.read_table(p).to_pydict()"),
        (
            "t.parquet",
            "ParquetFile",
            "w = pq.ParquetWriter(p, table.schema); w.write_table(table); w.close()",
            "f = pq.ParquetFile(p); result = f.read().to_pydict(); f.close()",
        ),
        ("t.parquet", "ParquetDataset", "pq.write_table(table, p)", "result = pq.ParquetDataset(p).read().to_pydict()"),
        ("t.parquet", "read_metadata", "pq.write_table(table, p)", "result = pq.read_metadata(p).num_rows"),
        ("parts", "write_to_dataset", "pq.write_to_dataset(table, p, partition_cols=['b'])", "result = pq.read_table(p)['a'].to_pylist()"),
        (
            "parts",
            "write_dataset",
            "import pyarrow.dataset as ds; ds.write_dataset(table, p, format='parquet')",
            "import pyarrow.dataset as ds; result = ds.dataset(p).to_table().to_pydict()",
        ),
        ("t.csv", "csv", "import pyarrow.csv as pc; pc.write_csv(table, p)", "import pyarrow.csv as pc; result = pc.read_csv(p).to_pydict()"),
        (
            "t.csv",
            "CSVWriter",
            "import pyarrow.csv as pc; w = pc.CSVWriter(p, table.schema); w.write(table); w.close()",
            "import pyarrow.csv as pc; result = pc.open_csv(p).read_all().to_pydict()",
        ),
        (
            "t.feather",
            "feather",
            "import pyarrow.feather as pf; pf.write_feather(table, p)",
            "import pyarrow.feather as pf; result = pf.read_table(p).to_pydict()",
        ),
        ("t.arrow", "ipc", "w = pa.ipc.new_file(p, table.schema); w.write(table); w.close()", "result = pa.ipc.open_file(p).read_all().to_pydict()"),
        (
            "t.arrows",
            "ipc stream",
            "w = pa.ipc.new_stream(p, table.schema); w.write(table); w.close()",
            "result = pa.ipc.open_stream(pa.memory_map(p)).read_all().to_pydict()",
        ),
        ("t.bin", "OSFile", "f = pa.OSFile(p, 'wb'); f.write(b'one'); f.close()", "f = pa.OSFile(p); result = f.read(); f.close()"),
        ("t.bin", "memory_map", "f = pa.output_stream(p); f.write(b'one'); f.close()", "f = pa.memory_map(p); result = f.read(); f.close()"),
        ("t.bin", "input_stream", "f = pa.output_stream(p); f.write(b'one'); f.close()", "f = pa.input_stream(p); result = f.read(); f.close()"),
        ("t.json", "json", "f = open(p, 'w'); f.write('{\"a\": 1}'); f.close()", "import pyarrow.json as pj; result = pj.read_json(p).to_pydict()"),
        ("t.orc", "orc", "import pyarrow.orc as po; po.write_table(table, p)", "import pyarrow.orc as po; result = po.read_table(p).to_pydict()"),
    )
)

POLARS_CASES = (
    *(
        case(f"t.{suffix}", f"{POLARS}frame.write_{kind}(p)", f"{POLARS}result = pl.read_{kind}(p).to_dict(as_series=False)", "polars")
        for suffix, kind in (
            ("csv", "csv"),
            ("parquet", "parquet"),
            ("arrow", "ipc"),
            ("arrows", "ipc_stream"),
            ("avro", "avro"),
            ("json", "json"),
            ("ndjson", "ndjson"),
        )
    ),
    *(
        case(
            f"t.{suffix}",
            f"{POLARS}frame.lazy().sink_{kind}(p)",
            f"{POLARS}result = pl.scan_{kind}(p).collect().to_dict(as_series=False)",
            "polars",
            label=f"scan {kind}",
        )
        for suffix, kind in (("csv", "csv"), ("parquet", "parquet"), ("arrow", "ipc"), ("ndjson", "ndjson"))
    ),
    case("parts", f"{POLARS}frame.write_parquet(p, partition_by='b')", f"{POLARS}result = pl.read_parquet(p)['a'].to_list()", "polars", label="partitioned"),
)

DUCKDB = tuple(
    case(name, f"import duckdb\n{make}", f"import duckdb\n{read}", "duckdb", label=label)
    for name, label, make, read in (
        ("t.parquet", "sql", "duckdb.sql(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.sql(f\"from '{p}'\").fetchall()"),
        ("t.csv", "query", "duckdb.query(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.query(f'select * from \"{p}\"').fetchall()"),
        (
            "t.parquet",
            "execute",
            "duckdb.execute(f\"copy (select 7 as a) to '{p}'\")",
            "result = duckdb.execute(f\"select * from read_parquet('{p}')\").fetchall()",
        ),
        (
            "t.parquet",
            "parameters",
            "duckdb.execute(f\"copy (select 7 as a) to '{p}'\")",
            "result = duckdb.execute('select * from read_parquet(?)', [p]).fetchall()",
        ),
        ("t.csv", "read_csv", "duckdb.sql('select 7 as a').to_csv(p)", "result = duckdb.read_csv(p).fetchall()"),
        ("t.parquet", "from_parquet", "duckdb.sql('select 7 as a').to_parquet(p)", "result = duckdb.from_parquet(p).fetchall()"),
        ("t.json", "read_json", "duckdb.sql(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.read_json(p).fetchall()"),
        (
            "t.parquet",
            "connection",
            "c = duckdb.connect(); c.sql(f\"copy (select 7 as a) to '{p}'\")",
            "c = duckdb.connect(); result = c.execute(f\"from '{p}'\").fetchall()",
        ),
        (
            "t.parquet",
            "connection read_parquet",
            "c = duckdb.connect(); c.sql('select 7 as a').write_parquet(p)",
            "c = duckdb.connect(); result = c.read_parquet([p]).fetchall()",
        ),
        (
            "t.duckdb",
            "database",
            "c = duckdb.connect(p); c.execute('create table t as select 7 as a'); c.close()",
            "c = duckdb.connect(p, read_only=True); result = c.sql('from t').fetchall(); c.close()",
        ),
        (
            "t.duckdb",
            "attach",
            "c = duckdb.connect(); c.execute(f\"attach '{p}' as d\"); c.execute('create table d.t as select 7 as a'); c.close()",
            "c = duckdb.connect(); c.execute(f\"attach '{p}' as d (read_only)\"); result = c.sql('from d.t').fetchall(); c.close()",
        ),
    )
)


CASES: tuple[Case, ...] = (*PANDAS, *PYARROW, *POLARS_CASES, *DUCKDB)
