"""What well-known calls do to what they are given: the difference between 'may be changed by anything' and an edge that is exact.

Rules kept: a call that is in no table changes and mixes all that it can reach, and may read and write any file of its cell; a library is listed
only if its functions keep nothing between calls but where `STATE` says so. A wrong line here is an edge too few: docs/lineage.md says how to judge one.
"""

from __future__ import annotations

from typing import Literal

Effect = Literal["fresh", "view", "holds", "element", "fit", "into", "scribble", "read", "write", "lazy", "state", "world", "copy-file", "train"]
"""
- ``fresh``: a new value that shares nothing with what it was made from
- ``view``: may be the receiver, or share its memory
- ``holds``: a new object that refers to the arguments
- ``element``: something that the arguments hold
- ``fit``: the receiver is changed by the arguments, and may keep them; the value may be the receiver
- ``train``: the receiver is changed by the arguments, and at most keeps them to look at; the value is the receiver
- ``into``: a container takes the arguments in
- ``scribble``: the first argument is changed by the others
- ``read``: reads a file that an argument names
- ``lazy``: reads when something is asked of the value
- ``write``: writes a file that an argument names, or into an object that is open
- ``state``: changes what its library keeps between calls
- ``copy-file``: one file becomes another
- ``world``: nothing is known
"""


def _words(text: str, effect: Effect) -> dict[str, Effect]:
    return dict.fromkeys(text.split(), effect)


UNKNOWABLE = frozenset(
    (
        *("builtins.exec builtins.eval builtins.globals builtins.locals builtins.vars builtins.__import__ builtins.compile builtins.get_ipython").split(),
        *("IPython.get_ipython IPython.core.getipython.get_ipython IPython.core.interactiveshell sys.modules sys._getframe inspect.currentframe").split(),
        *("inspect.stack gc.get_objects gc.get_referrers gc.get_referents ctypes cffi builtins.__dict__ runpy code marshal __main__").split(),
    )
)
"""Means by which code reaches names that it does not spell."""

BUILTINS: dict[str, Effect] = {
    **_words(
        "abs all any ascii bin bool breakpoint bytes callable chr complex delattr dir display divmod float format frozenset hasattr hash help hex id input int "
        "isinstance issubclass len max-scalar memoryview oct ord pow print quit exit range repr round str sum type object property staticmethod classmethod",
        "fresh",
    ),
    **_words("list tuple set dict enumerate zip reversed iter map filter sorted super slice bytearray aiter", "holds"),
    **_words("next min max getattr anext", "element"),
    **_words("setattr", "scribble"),
    **_words("open", "read"),
}

LIBRARIES: frozenset[str] = frozenset(
    "builtins numpy pandas polars scipy sklearn statsmodels xgboost lightgbm catboost torch torchvision torchaudio tensorflow keras jax flax optax matplotlib seaborn "
    "plotly altair bokeh pyarrow duckdb sqlite3 sqlalchemy joblib pickle cloudpickle dill json csv math statistics random itertools functools collections "
    "datetime time calendar re string os pathlib glob shutil tempfile io gzip bz2 lzma zipfile tarfile zlib hashlib hmac base64 struct copy pprint textwrap typing types "
    "dataclasses enum abc operator contextlib warnings logging sys platform heapq bisect decimal fractions uuid secrets tqdm rich tabulate IPython imblearn "
    "PIL cv2 skimage imageio h5py tables netCDF4 xarray dask safetensors transformers datasets tokenizers sentence_transformers skops onnx onnxruntime yaml toml tomllib "
    "msgspec orjson ujson openpyxl networkx nltk spacy gensim prophet shap lime optuna hyperopt jupyter_mlsc numexpr numba bottleneck zstandard array unicodedata "
    "locale traceback errno stat fnmatch urllib html xml ipywidgets geopandas shapely category_encoders yellowbrick mlxtend lifelines pyod umap hdbscan threadpoolctl "
    "psutil __future__ typing_extensions attr attrs pydantic abc numbers cmath sympy concurrent asyncio multiprocessing threading queue subprocess mlsc gc weakref "
    "inspect importlib argparse getpass graphlib difflib pkgutil site sysconfig".split()
)
"""Libraries of which this file knows what their functions do. All others are one unknown: what one is told, any other may tell."""

STATE: dict[str, str] = {
    **dict.fromkeys(("matplotlib", "seaborn", "shap", "yellowbrick"), "matplotlib"),
    **dict.fromkeys(("random", "numpy.random"), "random"),
    **dict.fromkeys(("logging", "warnings", "os.environ", "locale", "torch.manual_seed", "mlflow", "tempfile", "optuna.logging"), "settings"),
    **dict.fromkeys(("concurrent", "threading", "multiprocessing", "asyncio", "queue", "weakref", "ipywidgets", "importlib", "pkgutil", "site"), "?"),
    **dict.fromkeys(("duckdb", "nltk", "spacy"), "session"),
}
"""Libraries, or parts of them, that keep something between calls; ``?`` is the unknown that all share."""

FUNCTIONS: dict[str, Effect] = {
    **_words("numpy.copyto numpy.put numpy.place numpy.putmask numpy.fill_diagonal numpy.put_along_axis random.shuffle numpy.random.shuffle", "scribble"),
    **_words("heapq.heappush heapq.heapify heapq.heappushpop heapq.heapreplace bisect.insort bisect.insort_left bisect.insort_right", "scribble"),
    **_words("heapq.heappop random.choice random.choices random.sample numpy.random.permutation functools.reduce", "element"),
    **_words(
        "sklearn.model_selection.train_test_split pandas.concat pandas.merge pandas.get_dummies pandas.to_datetime pandas.to_numeric pandas.cut pandas.qcut pandas.crosstab "
        "pandas.pivot_table pandas.date_range pandas.melt pandas.merge_asof pandas.isna pandas.notna pandas.factorize numpy.concatenate numpy.vstack numpy.hstack numpy.column_stack "
        "numpy.mean numpy.sum numpy.std numpy.var numpy.median numpy.min numpy.max numpy.argmax numpy.argmin numpy.argsort numpy.where numpy.log numpy.log1p numpy.exp numpy.sqrt "
        "numpy.abs numpy.zeros numpy.ones numpy.arange numpy.linspace numpy.zeros_like numpy.ones_like numpy.unique numpy.dot numpy.matmul numpy.corrcoef numpy.percentile numpy.quantile "
        "numpy.isnan numpy.round numpy.sort numpy.stack numpy.repeat numpy.tile numpy.array polars.concat sklearn.model_selection.cross_val_score sklearn.model_selection.cross_validate "
        "sklearn.model_selection.cross_val_predict builtins.dumps json.dumps pickle.dumps scipy.stats.ttest_ind scipy.stats.pearsonr",
        "fresh",
    ),
    **_words("operator.setitem operator.iadd operator.delitem sklearn.utils.shuffle", "scribble"),
    **_words("copy.copy", "holds"),
    **_words("copy.deepcopy sklearn.base.clone", "fresh"),
    **_words(
        "shutil.copy shutil.copy2 shutil.copyfile shutil.move shutil.copytree os.rename os.replace os.link os.symlink shutil.make_archive shutil.unpack_archive",
        "copy-file",
    ),
    **_words(
        "json.load json.loads pickle.loads pickle.load joblib.load numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile numpy.memmap torch.load yaml.load",
        "read",
    ),
    **_words(
        "yaml.safe_load toml.load tomllib.load csv.reader csv.DictReader cloudpickle.load dill.load h5py.File zipfile.ZipFile tarfile.open gzip.open", "read"
    ),
    **_words(
        "bz2.open lzma.open io.open os.open PIL.Image.open cv2.imread skimage.io.imread imageio.imread matplotlib.pyplot.imread sqlite3.connect duckdb.connect",
        "read",
    ),
    **_words(
        "sqlalchemy.create_engine xarray.open_dataset xarray.open_mfdataset netCDF4.Dataset openpyxl.load_workbook onnx.load onnxruntime.InferenceSession",
        "read",
    ),
    **_words(
        "safetensors.safe_open safetensors.torch.load_file safetensors.numpy.load_file skops.io.load keras.models.load_model datasets.load_dataset os.listdir",
        "read",
    ),
    **_words(
        "datasets.load_from_disk xgboost.DMatrix lightgbm.Dataset lightgbm.Booster sklearn.datasets.load_svmlight_file sklearn.datasets.load_files", "read"
    ),
    **_words(
        "pyarrow.parquet.read_table pyarrow.parquet.ParquetFile pyarrow.dataset.dataset pyarrow.csv.read_csv pyarrow.ipc.open_file pyarrow.memory_map", "read"
    ),
    **_words(
        "duckdb.read_csv duckdb.read_parquet duckdb.from_parquet duckdb.from_csv_auto fileinput.input linecache.getlines torchvision.io.read_image", "read"
    ),
    **_words(
        "scipy.io.loadmat scipy.sparse.load_npz scipy.io.wavfile.read torchvision.datasets.ImageFolder h5py.Dataset tables.open_file PIL.Image.fromfile", "read"
    ),
    **_words(
        "jupyter_mlsc.load jupyter_mlsc.open *mlsc_load* json.JSONDecoder glob.glob glob.iglob os.walk os.scandir pathlib.Path.open torch.jit.load", "read"
    ),
    **_words(
        "keras.utils.image_dataset_from_directory keras.utils.load_img tensorflow.io.read_file tensorflow.data.TextLineDataset tensorflow.data.TFRecordDataset",
        "read",
    ),
    **_words(
        "tensorflow.keras.models.load_model tensorflow.keras.utils.image_dataset_from_directory geopandas.read_file spacy.load gensim.models.KeyedVectors.load",
        "read",
    ),
    **_words(
        "json.dump pickle.dump joblib.dump numpy.save numpy.savetxt numpy.savez numpy.savez_compressed torch.save yaml.dump yaml.safe_dump toml.dump", "write"
    ),
    **_words(
        "csv.writer csv.DictWriter cloudpickle.dump dill.dump cv2.imwrite imageio.imwrite skimage.io.imsave safetensors.torch.save_file scipy.io.savemat",
        "write",
    ),
    **_words("safetensors.numpy.save_file skops.io.dump onnx.save scipy.sparse.save_npz pyarrow.parquet.write_table pyarrow.parquet.write_to_dataset", "write"),
    **_words(
        "pyarrow.csv.write_csv pyarrow.feather.write_feather sklearn.datasets.dump_svmlight_file torch.onnx.export torch.jit.save jupyter_mlsc.save", "write"
    ),
    **_words(
        "*mlsc_save* pandas.ExcelWriter pandas.HDFStore pyarrow.parquet.ParquetWriter pyarrow.OSFile pyarrow.dataset.write_dataset keras.models.save_model",
        "write",
    ),
    **_words("torchvision.utils.save_image scipy.io.wavfile.write openpyxl.Workbook.save os.write shutil.copyfileobj tempfile.NamedTemporaryFile", "write"),
    **_words(
        "os.system os.popen os.execv os.spawnv os.fork os.posix_spawn subprocess.run subprocess.call subprocess.check_call subprocess.check_output", "world"
    ),
    **_words("subprocess.Popen subprocess.getoutput IPython.display.Javascript atexit.register signal.signal sys.settrace sys.setprofile", "world"),
    **_words("jupyter_mlsc.sign jupyter_mlsc.verify jupyter_mlsc.lineage", "fresh"),
}

VALUES: frozenset[str] = frozenset("pandas numpy polars scipy pyarrow xarray dask datetime math statistics decimal fractions re json".split())
"""Libraries whose objects are data: a method that is not listed changes nothing and may share memory with its receiver."""

METHODS: dict[str, Effect] = {
    **_words(
        "copy deepcopy sum mean median std var min max count nunique unique value_counts describe corr cov skew kurt quantile mode any all idxmin idxmax argmin argmax argsort "
        "drop dropna fillna ffill bfill interpolate replace rename set_index reset_index sort_values sort_index merge join concat append_frame assign astype query sample "
        "nlargest nsmallest pivot pivot_table melt stack unstack explode apply map applymap transform_frame agg aggregate resample rolling expanding ewm shift diff "
        "pct_change cumsum cumprod cummax cummin rank clip round abs isna isnull notna notnull isin between duplicated drop_duplicates to_dict to_list tolist to_string "
        "add_prefix add_suffix combine_first select_dtypes filter where mask eq ne lt le gt ge add sub mul div truediv floordiv mod dot cut item hist_values "
        "predict predict_proba predict_log_proba decision_function score score_samples kneighbors apply_tree get_params get_feature_names_out inverse_transform evals_result "
        "lower upper strip lstrip rstrip split rsplit splitlines startswith endswith format join_text encode decode title capitalize zfill ljust rjust center find index count "
        "isdigit isalpha isnumeric isalnum isspace partition rpartition removeprefix removesuffix strftime isoformat total_seconds info group groups numpy_scalar "
        "with_columns group_by select with_row_index hstack vstack get_dummies nonzero flatten hexdigest digest bit_length as_integer_ratio memory_usage summary "
        "with_name with_suffix exists is_file is_dir stat resolve absolute mkdir touch unlink rmdir as_posix relative_to joinpath_text",
        "fresh",
    ),
    **_words(
        "get items keys values T iloc loc head tail to_numpy to_frame reshape ravel transpose squeeze view swapaxes itertuples iterrows groupby getvalue pipe_view",
        "view",
    ),
    **_words("append extend insert add update setdefault appendleft extendleft push put_nowait", "into"),
    **_words("fit partial_fit load_state_dict load_weights train eval to cuda cpu backward step zero_grad compile_model", "train"),
    **_words("fit_transform fit_predict transform", "holds"),
    **_words("read_text read_bytes", "read"),
    **_words("collect fetch sink collect_async compute load persist scan", "lazy"),
    **_words(
        "to_csv to_parquet to_excel to_json to_pickle to_feather to_hdf to_sql to_html to_latex to_markdown to_stata to_xml to_orc write_csv write_parquet write_json "
        "write_ipc write_excel write_ndjson write_avro write_database write_text write_bytes save save_model save_pretrained save_weights save_to_disk savefig tofile "
        "write_html write_image to_file sink_parquet sink_csv sink_ipc export_model to_netcdf to_zarr dump_model write_delta push_to_hub",
        "write",
    ),
    **_words("write writelines writerow writerows write_table write_batch create_dataset write_row", "fit"),
    **_words("plot hist boxplot", "state"),
}
"""Methods of objects that libraries made, by name."""

READ_PREFIXES = ("read_", "scan_", "from_file", "open_", "load_", "imread", "from_pretrained")
"""Functions of a library that begin so read."""

PATH_FIRST = frozenset(
    "numpy.save numpy.savetxt numpy.savez numpy.savez_compressed cv2.imwrite imageio.imwrite skimage.io.imsave scipy.io.savemat scipy.sparse.save_npz csv.writer "
    "csv.DictWriter pandas.ExcelWriter pandas.HDFStore pyarrow.parquet.ParquetWriter pyarrow.OSFile scipy.io.wavfile.write matplotlib.pyplot.savefig os.write "
    "tempfile.NamedTemporaryFile".split()
)
"""Functions that write and are told the file before the value; the others are told the value first."""

PATH_KEYWORDS = frozenset(
    "path path_or_buf path_or_buffer filepath_or_buffer filename fname file f fp io excel_writer where dest dst sink source src buf stream name con target url root "
    "save_directory outfile out_file output".split()
)

SHOWN_LIBRARIES = frozenset(("matplotlib", "seaborn"))

PATH_BUILDERS = frozenset(
    "pathlib.Path pathlib.PurePath pathlib.PosixPath pathlib.PurePosixPath os.path.join os.fspath os.path.abspath os.path.expanduser os.path.realpath "
    "os.path.normpath os.path.relpath".split()
)
"""Functions that make a file's name of their arguments."""


def function_effect(symbol: str) -> tuple[Effect, str]:
    """What a function of a library does, and the key of the state that it changes."""
    top, _, rest = symbol.partition(".")
    last = rest.rpartition(".")[2]
    if top == "builtins":
        return BUILTINS.get(rest, "holds"), ""
    found = FUNCTIONS.get(symbol)
    if found is not None:
        return found, "?" if found == "world" else ""
    if top not in LIBRARIES:
        return "world", "?"
    prefix = symbol
    while prefix:
        if prefix in STATE:
            return ("world" if STATE[prefix] == "?" else "state"), STATE[prefix]
        prefix = prefix.rpartition(".")[0]
    if top == "sklearn" and ".metrics" in symbol:
        return "fresh", ""
    if top == "sklearn" and last.startswith(("load_", "fetch_", "make_")):
        return "fresh", ""  # data that come with the library or from elsewhere: no file of the project
    if last.startswith(READ_PREFIXES) or last.startswith("from_pretrained"):
        return "read", ""
    if last.startswith(("save", "dump", "write", "export")) and last != "dumps":
        return "write", ""
    return "holds", ""


def method_effect(name: str, libraries: set[str], *, in_place: bool) -> Effect:
    """What a method of an object does that these libraries made."""
    if UNKNOWN in libraries:
        return "world"
    found = METHODS.get(name)
    if in_place:
        return "fit"
    if found is not None:
        return found
    if name.startswith(READ_PREFIXES):
        return "read"
    if libraries and libraries <= SHOWN_LIBRARIES:
        return "train"
    return "view" if libraries and libraries <= VALUES else "fit"


UNKNOWN = "?"
