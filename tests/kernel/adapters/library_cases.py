"""One case for each way in which a library writes and reads a file: ``make`` writes ``p``, ``read`` puts plain Python values into ``result``.

The values are what must not differ between a plain read and a watched one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """``name`` is the file's or folder's name; ``needs`` are the modules without which the case is skipped."""

    id: str
    name: str
    make: str
    read: str
    needs: tuple[str, ...]
    seen_writing: bool = True
    """False where the file is made by a means whose writes the table says are not seen."""


def case(name: str, make: str, read: str, *needs: str, label: str = "", seen_writing: bool = True) -> Case:
    library = needs[0] if needs else "python"
    return Case(f"{library}-{label or name}", name, make, read, needs, seen_writing)


FRAME = "import pandas as pd; frame = pd.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', 'z']}); "
ARRAY = "import numpy as np; array = np.arange(6.0).reshape(2, 3); "
TABLE = "import pyarrow as pa, pyarrow.parquet as pq; table = pa.table({'a': [1, 2, 3], 'b': ['x', 'y', 'z']}); "
POLARS = "import polars as pl; frame = pl.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', 'z']}); "
TRAINED = "import numpy as np; X = np.arange(60.0).reshape(20, 3); y = (X[:, 0] > 30).astype(int); "


def _pandas(suffix: str, write: str, read: str, *needs: str) -> Case:
    return case(f"frame.{suffix}", f"{FRAME}frame.{write}", f"import pandas as pd; result = pd.{read}.to_dict('list')", "pandas", *needs)


PYTHON = (
    case("words.txt", "f = open(p, 'w'); f.write('one'); f.close()", "f = open(p); result = f.read(); f.close()"),
    case("plain", "with open(p, 'xb') as f: f.write(b'one')", "with open(p, 'rb') as f: result = f.read()", label="no suffix"),
    case("words.txt", "from pathlib import Path; Path(p).write_text('one')", "from pathlib import Path; result = Path(p).read_text()", label="pathlib"),
    case("words.txt", "import os; n = os.open(p, os.O_CREAT | os.O_WRONLY); os.write(n, b'one'); os.close(n)",
         "import os; n = os.open(p, os.O_RDONLY); result = os.read(n, 9); os.close(n)", label="os.open"),
    case("words.txt.gz", "import gzip\nwith gzip.open(p, 'wt') as f: f.write('one')", "import gzip\nwith gzip.open(p, 'rt') as f: result = f.read()", label="gzip"),
    case("words.zip", "import zipfile\nwith zipfile.ZipFile(p, 'w') as z: z.writestr('a.txt', 'one')",
         "import zipfile\nwith zipfile.ZipFile(p) as z: result = z.read('a.txt')", label="zipfile"),
    case("words.tar.gz", "import io, tarfile\nwith tarfile.open(p, 'w:gz') as t: t.addfile(tarfile.TarInfo('a.txt'), io.BytesIO(b''))",
         "import tarfile\nwith tarfile.open(p) as t: result = t.getnames()", label="tarfile"),
    case("table.db", "import sqlite3; c = sqlite3.connect(p); c.execute('create table t(a)'); c.execute('insert into t values (7)'); c.commit(); c.close()",
         "import sqlite3; c = sqlite3.connect(p); result = c.execute('select a from t').fetchall(); c.close()", label="sqlite3"),
    case("object.pkl", "import pickle\nwith open(p, 'wb') as f: pickle.dump({'a': [1]}, f)", "import pickle\nwith open(p, 'rb') as f: result = pickle.load(f)", label="pickle"),
    case("words.txt", "import tempfile, os\nwith tempfile.NamedTemporaryFile('w', dir=os.path.dirname(p), delete=False) as f: f.write('one')\nos.replace(f.name, p)",
         "result = open(p).read()", label="temporary file and rename"),
    case("words.txt", "import tempfile, shutil\nwith tempfile.NamedTemporaryFile('w', delete=False) as f: f.write('one')\nshutil.move(f.name, p)",
         "result = open(p).read()", label="temporary file elsewhere and move"),
    case("words.txt", "import tempfile, shutil\nwith tempfile.NamedTemporaryFile('w') as f: f.write('one'); f.flush(); shutil.copy(f.name, p)",
         "import shutil, tempfile, os; t = tempfile.mkdtemp(); shutil.copy2(p, t); result = open(os.path.join(t, os.path.basename(p))).read()", label="shutil.copy"),
)

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
    case("frame.db", f"{FRAME}import sqlite3; c = sqlite3.connect(p); frame.to_sql('t', c, index=False); c.close()",
         "import pandas as pd; result = pd.read_sql('select * from t', 'sqlite:///' + p).to_dict('list')", "pandas", "sqlalchemy", label="sql"),
    case("parts", f"{FRAME}frame.to_parquet(p, partition_cols=['b'])", "import pandas as pd; result = pd.read_parquet(p)['a'].tolist()", "pandas", "pyarrow", label="partitioned"),
)

NUMPY = (
    case("array.npy", f"{ARRAY}np.save(p, array)", "import numpy as np; result = np.load(p).tolist()", "numpy"),
    case("array.npz", f"{ARRAY}np.savez(p, a=array)", "import numpy as np; result = np.load(p)['a'].tolist()", "numpy"),
    case("objects.npy", f"{ARRAY}np.save(p, np.array(['a', 1], dtype=object))", "import numpy as np; result = np.load(p, allow_pickle=True).tolist()", "numpy", label="objects"),
    case("array.txt", f"{ARRAY}np.savetxt(p, array)", "import numpy as np; result = np.loadtxt(p).tolist()", "numpy"),
    case("array.bin", f"{ARRAY}array.tofile(p)", "import numpy as np; result = np.fromfile(p).tolist()", "numpy", label="fromfile"),
    case("mapped.bin", f"{ARRAY}m = np.memmap(p, mode='w+', shape=6); m[:] = 1; m.flush(); del m", "import numpy as np; result = np.memmap(p, mode='r').tolist()", "numpy", label="memmap"),
    case("mapped.npy", f"{ARRAY}np.save(p, array)", "import numpy as np; result = np.load(p, mmap_mode='r').tolist()", "numpy", label="load mmap_mode"),
)

PYARROW = tuple(
    case(name, f"{TABLE}{make}", f"{TABLE}{read}", "pyarrow", label=label)
    for name, label, make, read in (
        ("t.parquet", "read_table", "pq.write_table(table, p)", "result = pq.read_table(p).to_pydict()"),
        ("t.parquet", "ParquetFile", "w = pq.ParquetWriter(p, table.schema); w.write_table(table); w.close()", "f = pq.ParquetFile(p); result = f.read().to_pydict(); f.close()"),
        ("t.parquet", "ParquetDataset", "pq.write_table(table, p)", "result = pq.ParquetDataset(p).read().to_pydict()"),
        ("t.parquet", "read_metadata", "pq.write_table(table, p)", "result = pq.read_metadata(p).num_rows"),
        ("parts", "write_to_dataset", "pq.write_to_dataset(table, p, partition_cols=['b'])", "result = pq.read_table(p)['a'].to_pylist()"),
        ("parts", "write_dataset", "import pyarrow.dataset as ds; ds.write_dataset(table, p, format='parquet')",
         "import pyarrow.dataset as ds; result = ds.dataset(p).to_table().to_pydict()"),
        ("t.csv", "csv", "import pyarrow.csv as pc; pc.write_csv(table, p)", "import pyarrow.csv as pc; result = pc.read_csv(p).to_pydict()"),
        ("t.csv", "CSVWriter", "import pyarrow.csv as pc; w = pc.CSVWriter(p, table.schema); w.write(table); w.close()",
         "import pyarrow.csv as pc; result = pc.open_csv(p).read_all().to_pydict()"),
        ("t.feather", "feather", "import pyarrow.feather as pf; pf.write_feather(table, p)", "import pyarrow.feather as pf; result = pf.read_table(p).to_pydict()"),
        ("t.arrow", "ipc", "w = pa.ipc.new_file(p, table.schema); w.write(table); w.close()", "result = pa.ipc.open_file(p).read_all().to_pydict()"),
        ("t.arrows", "ipc stream", "w = pa.ipc.new_stream(p, table.schema); w.write(table); w.close()",
         "result = pa.ipc.open_stream(pa.memory_map(p)).read_all().to_pydict()"),
        ("t.bin", "OSFile", "f = pa.OSFile(p, 'wb'); f.write(b'one'); f.close()", "f = pa.OSFile(p); result = f.read(); f.close()"),
        ("t.bin", "memory_map", "f = pa.output_stream(p); f.write(b'one'); f.close()", "f = pa.memory_map(p); result = f.read(); f.close()"),
        ("t.bin", "input_stream", "f = pa.output_stream(p); f.write(b'one'); f.close()", "f = pa.input_stream(p); result = f.read(); f.close()"),
        ("t.orc", "orc", "import pyarrow.orc as po; po.write_table(table, p)", "import pyarrow.orc as po; result = po.read_table(p).to_pydict()"),
    )
)

POLARS_CASES = (
    *(
        case(f"t.{suffix}", f"{POLARS}frame.write_{kind}(p)", f"{POLARS}result = pl.read_{kind}(p).to_dict(as_series=False)", "polars")
        for suffix, kind in (("csv", "csv"), ("parquet", "parquet"), ("arrow", "ipc"), ("arrows", "ipc_stream"), ("avro", "avro"), ("json", "json"), ("ndjson", "ndjson"))
    ),
    *(
        case(f"t.{suffix}", f"{POLARS}frame.lazy().sink_{kind}(p)", f"{POLARS}result = pl.scan_{kind}(p).collect().to_dict(as_series=False)", "polars", label=f"scan {kind}")
        for suffix, kind in (("csv", "csv"), ("parquet", "parquet"), ("arrow", "ipc"), ("ndjson", "ndjson"))
    ),
    case("parts", f"{POLARS}frame.write_parquet(p, partition_by='b')", f"{POLARS}result = pl.read_parquet(p)['a'].to_list()", "polars", label="partitioned"),
)

DUCKDB = tuple(
    case(name, f"import duckdb\n{make}", f"import duckdb\n{read}", "duckdb", label=label)
    for name, label, make, read in (
        ("t.parquet", "sql", "duckdb.sql(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.sql(f\"from '{p}'\").fetchall()"),
        ("t.csv", "query", "duckdb.query(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.query(f'select * from \"{p}\"').fetchall()"),
        ("t.parquet", "execute", "duckdb.execute(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.execute(f\"select * from read_parquet('{p}')\").fetchall()"),
        ("t.parquet", "parameters", "duckdb.execute(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.execute('select * from read_parquet(?)', [p]).fetchall()"),
        ("t.csv", "read_csv", "duckdb.sql('select 7 as a').to_csv(p)", "result = duckdb.read_csv(p).fetchall()"),
        ("t.parquet", "from_parquet", "duckdb.sql('select 7 as a').to_parquet(p)", "result = duckdb.from_parquet(p).fetchall()"),
        ("t.json", "read_json", "duckdb.sql(f\"copy (select 7 as a) to '{p}'\")", "result = duckdb.read_json(p).fetchall()"),
        ("t.parquet", "connection", "c = duckdb.connect(); c.sql(f\"copy (select 7 as a) to '{p}'\")", "c = duckdb.connect(); result = c.execute(f\"from '{p}'\").fetchall()"),
        ("t.parquet", "connection read_parquet", "c = duckdb.connect(); c.sql('select 7 as a').write_parquet(p)", "c = duckdb.connect(); result = c.read_parquet([p]).fetchall()"),
        ("t.duckdb", "database", "c = duckdb.connect(p); c.execute('create table t as select 7 as a'); c.close()",
         "c = duckdb.connect(p, read_only=True); result = c.sql('from t').fetchall(); c.close()"),
        ("t.duckdb", "attach", "c = duckdb.connect(); c.execute(f\"attach '{p}' as d\"); c.execute('create table d.t as select 7 as a'); c.close()",
         "c = duckdb.connect(); c.execute(f\"attach '{p}' as d (read_only)\"); result = c.sql('from d.t').fetchall(); c.close()"),
    )
)

CONTAINERS = (
    case("a.h5", "import h5py\nwith h5py.File(p, 'w') as f: f['a'] = [1, 2]", "import h5py\nwith h5py.File(p) as f: result = f['a'][:].tolist()", "h5py"),
    case("a.h5", "import h5py\nwith h5py.File(p, mode='a') as f: f['a'] = [1, 2]", "import h5py\nwith h5py.File(name=p, mode='r+') as f: result = f['a'][:].tolist()", "h5py", label="append"),
    case("a.nc", "import netCDF4\nd = netCDF4.Dataset(p, 'w'); d.createDimension('x', 2); v = d.createVariable('v', 'f8', ('x',)); v[:] = [1, 2]; d.close()",
         "import netCDF4\nd = netCDF4.Dataset(p); result = d['v'][:].tolist(); d.close()", "netCDF4"),
    case("a.h5", "import tables\nf = tables.open_file(p, 'w'); f.create_array('/', 'a', [1, 2]); f.close()",
         "import tables\nf = tables.open_file(p); result = f.root.a.read(); f.close()", "tables"),
    case("a.mat", "import scipy.io; scipy.io.savemat(p, {'a': [[1, 2]]})", "import scipy.io; result = scipy.io.loadmat(p)['a'].tolist()", "scipy"),
    case("a.wav", "import numpy as np, scipy.io.wavfile as w; w.write(p, 8000, np.arange(9, dtype='int16'))", "import scipy.io.wavfile as w; result = w.read(p)[1].tolist()", "scipy"),
    case("a.mtx", "import numpy as np, scipy.io; scipy.io.mmwrite(p, np.eye(2))", "import scipy.io; result = scipy.io.mmread(p).tolist()", "scipy"),
    case("a.npz", "import numpy as np, scipy.sparse as s; s.save_npz(p, s.csr_matrix(np.eye(2)))", "import scipy.sparse as s; result = s.load_npz(p).toarray().tolist()", "scipy", label="sparse"),
)

IMAGES = (
    case("a.png", "from PIL import Image; Image.new('L', (2, 2), 7).save(p)", "from PIL import Image; result = Image.open(p).tobytes()", "PIL"),
    case("a.png", "import imageio.v3 as iio, numpy as np; iio.imwrite(p, np.full((4, 4), 7, 'uint8'))", "import imageio.v3 as iio; result = iio.imread(p).tolist()", "imageio"),
)

PICKLES = (
    case("o.joblib", "import joblib; joblib.dump({'a': [1]}, p)", "import joblib; result = joblib.load(p)", "joblib"),
    case("o.joblib", "import joblib, numpy as np; joblib.dump(np.arange(3.0), p)", "import joblib; result = joblib.load(p, mmap_mode='r').tolist()", "joblib", label="mapped"),
    case("o.pkl", "import dill\nwith open(p, 'wb') as f: dill.dump({'a': [1]}, f)", "import dill\nwith open(p, 'rb') as f: result = dill.load(f)", "dill"),
    case("o.pkl", "import cloudpickle\nwith open(p, 'wb') as f: cloudpickle.dump({'a': [1]}, f)", "import cloudpickle\nwith open(p, 'rb') as f: result = cloudpickle.load(f)", "cloudpickle"),
    case("m.skops", "import skops.io, numpy as np; from sklearn.linear_model import LinearRegression; skops.io.dump(LinearRegression().fit([[0], [1]], [0, 1]), p)",
         "import skops.io; result = round(float(skops.io.load(p).coef_[0]), 6)", "skops", "sklearn"),
)

BOOSTERS = (
    case("b.json", f"{TRAINED}import xgboost as xgb; xgb.train({{}}, xgb.DMatrix(X, y), 2).save_model(p)",
         "import xgboost as xgb; b = xgb.Booster(); b.load_model(p); result = b.num_boosted_rounds()", "xgboost"),
    case("b.ubj", f"{TRAINED}import xgboost as xgb; m = xgb.XGBClassifier(n_estimators=2).fit(X, y); m.save_model(p)",
         "import xgboost as xgb; m = xgb.XGBClassifier(); m.load_model(p); result = m.get_booster().num_boosted_rounds()", "xgboost", label="sklearn"),
    case("b.json", f"{TRAINED}import xgboost as xgb; xgb.train({{}}, xgb.DMatrix(X, y), 2).save_model(p)",
         "import xgboost as xgb; result = xgb.Booster(model_file=p).num_boosted_rounds()", "xgboost", label="model_file"),
    case("d.buf", f"{TRAINED}import xgboost as xgb; xgb.DMatrix(X, y).save_binary(p)", "import xgboost as xgb; result = xgb.DMatrix(p).num_row()", "xgboost", label="DMatrix"),
    case("b.txt", f"{TRAINED}import lightgbm as lgb; lgb.train({{'verbose': -1, 'min_data': 1}}, lgb.Dataset(X, y), 2).save_model(p)",
         "import lightgbm as lgb; result = lgb.Booster(model_file=p).num_trees()", "lightgbm"),
    case("d.bin", f"{TRAINED}import lightgbm as lgb; lgb.Dataset(X, y, params={{'verbose': -1}}).save_binary(p)",
         "import lightgbm as lgb; result = lgb.Dataset(p, params={'verbose': -1}).construct().num_data()", "lightgbm", label="Dataset"),
    case("b.cbm", f"{TRAINED}import catboost as cb; cb.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False).fit(X, y).save_model(p)",
         "import catboost as cb; result = cb.CatBoostClassifier().load_model(p).tree_count_", "catboost"),
    case("pool.csv", f"{TRAINED}np.savetxt(p, np.c_[y, X], delimiter=',')", "import catboost as cb; result = cb.Pool(p, delimiter=',').shape", "catboost", label="Pool"),
    case("m.onnx", "import onnx; from onnx import helper as h, TensorProto as T\n"
         "v = [h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy']\n"
         "onnx.save(h.make_model(h.make_graph([h.make_node('Relu', ['x'], ['y'])], 'g', v[:1], v[1:]), opset_imports=[h.make_opsetid('', 17)], ir_version=8), p)",
         "import onnx; result = len(onnx.load(p).graph.node)", "onnx"),
    case("m.onnx", "import onnx; from onnx import helper as h, TensorProto as T\n"
         "v = [h.make_tensor_value_info(n, T.FLOAT, [1]) for n in 'xy']\n"
         "onnx.save(h.make_model(h.make_graph([h.make_node('Relu', ['x'], ['y'])], 'g', v[:1], v[1:]), opset_imports=[h.make_opsetid('', 17)], ir_version=8), p)",
         "import onnxruntime as ort; result = [o.name for o in ort.InferenceSession(p).get_outputs()]", "onnxruntime", "onnx"),
)

TORCH = (
    case("t.pt", "import torch; torch.save({'a': torch.ones(2)}, p)", "import torch; result = torch.load(p)['a'].tolist()", "torch"),
    case("t.pt", "import torch; torch.save({'a': torch.ones(2)}, p)", "import torch; result = torch.load(p, mmap=True, weights_only=True)['a'].tolist()", "torch", label="mmap"),
    case("j.pt", "import torch; torch.jit.save(torch.jit.script(torch.nn.ReLU()), p)", "import torch; result = torch.jit.load(p)(torch.ones(1)).tolist()", "torch", label="jit"),
    case("j.pt", "import torch; torch.jit.script(torch.nn.ReLU()).save(p)", "import torch; result = torch.jit.load(p)(torch.ones(1)).tolist()", "torch", label="jit method"),
    case("t.safetensors", "import torch, safetensors.torch as st; st.save_file({'a': torch.ones(2)}, p)", "import safetensors.torch as st; result = st.load_file(p)['a'].tolist()", "safetensors", "torch", label="torch"),
    case("t.safetensors", "import numpy as np, safetensors.numpy as sn; sn.save_file({'a': np.ones(2)}, p)", "import safetensors.numpy as sn; result = sn.load_file(p)['a'].tolist()", "safetensors", label="numpy"),
    case("t.safetensors", "import numpy as np, safetensors.numpy as sn; sn.save_file({'a': np.ones(2)}, p)",
         "from safetensors import safe_open\nwith safe_open(p, 'np') as f: result = f.get_tensor('a').tolist()", "safetensors", label="safe_open"),
)

KERAS = tuple(
    case(f"k{suffix}", "import keras; keras.utils.set_random_seed(1); m = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]); m.save(p)",
         "import keras; result = [w.tolist() for w in keras.models.load_model(p).get_weights()]", "keras", "torch", label=suffix)
    for suffix in (".keras", ".h5")
)

BERT = (
    "import torch; from transformers import BertConfig, BertModel; torch.manual_seed(1)\n"
    "m = BertModel(BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)); m.save_pretrained(p{more})"
)
READ_BERT = "from transformers import AutoModel; result = AutoModel.from_pretrained(p).embeddings.word_embeddings.weight[0].tolist()"

HUB = (
    case("bert", BERT.format(more=""), READ_BERT, "transformers", "torch", label="model"),
    case("bert", BERT.format(more=", max_shard_size='1KB'"), READ_BERT, "transformers", "torch", label="sharded model"),
    case("corpus", "import datasets; datasets.Dataset.from_dict({'a': [1, 2]}).save_to_disk(p)", "import datasets; result = datasets.load_from_disk(p)['a'][:]", "datasets", label="save_to_disk"),
    case("corpus.csv", "import datasets; datasets.Dataset.from_dict({'a': [1, 2]}).to_csv(p)", "import datasets; result = datasets.load_dataset('csv', data_files=p)['train']['a'][:]", "datasets"),
    case("corpus.parquet", "import datasets; datasets.Dataset.from_dict({'a': [1, 2]}).to_parquet(p)", "import datasets; result = datasets.Dataset.from_parquet(p)['a'][:]", "datasets"),
)

CASES: tuple[Case, ...] = (*PYTHON, *PANDAS, *NUMPY, *PYARROW, *POLARS_CASES, *DUCKDB, *CONTAINERS, *IMAGES, *PICKLES, *BOOSTERS, *TORCH, *KERAS, *HUB)
