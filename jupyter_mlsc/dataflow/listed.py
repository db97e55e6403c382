"""The lists of well-known calls that `tables` answers from: data, one word for each function, method or library.

Rules kept: a name stands in one list; what each list's name means is said in `tables.Effect`.
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

BUILTINS: dict[Effect, str] = {
    "fresh": """
        abs all any ascii bin bool breakpoint bytes callable chr classmethod complex delattr dir display divmod exit float format frozenset hasattr
        hash help hex id input int isinstance issubclass len memoryview object oct ord pow print property quit range repr round staticmethod str sum
        type
    """,
    "holds": """
        aiter bytearray dict enumerate filter iter list map reversed set slice sorted super tuple zip
    """,
    "element": """
        anext getattr max min next
    """,
    "scribble": """
        setattr
    """,
    "read": """
        open
    """,
}
"""Python's own functions; what is not listed is an exception's class or the like, and holds its arguments."""

FUNCTIONS: dict[Effect, str] = {
    "fresh": """
        builtins.dumps copy.deepcopy json.dumps jupyter_mlsc.impact jupyter_mlsc.lineage jupyter_mlsc.sign jupyter_mlsc.verify numpy.abs numpy.arange
        numpy.argmax numpy.argmin numpy.argsort numpy.array numpy.column_stack numpy.concatenate numpy.corrcoef numpy.dot numpy.exp numpy.hstack
        numpy.isnan numpy.linspace numpy.log numpy.log1p numpy.matmul numpy.max numpy.mean numpy.median numpy.min numpy.ones numpy.ones_like
        numpy.percentile numpy.quantile numpy.repeat numpy.round numpy.sort numpy.sqrt numpy.stack numpy.std numpy.sum numpy.tile numpy.unique numpy.var
        numpy.vstack numpy.where numpy.zeros numpy.zeros_like pandas.concat pandas.crosstab pandas.cut pandas.date_range pandas.factorize
        pandas.get_dummies pandas.isna pandas.melt pandas.merge pandas.merge_asof pandas.notna pandas.pivot_table pandas.qcut pandas.to_datetime
        pandas.to_numeric pickle.dumps polars.concat scipy.stats.pearsonr scipy.stats.ttest_ind sklearn.base.clone
        sklearn.model_selection.cross_val_predict sklearn.model_selection.cross_val_score sklearn.model_selection.cross_validate
        sklearn.model_selection.train_test_split
    """,
    "holds": """
        copy.copy
    """,
    "element": """
        functools.reduce heapq.heappop
    """,
    "scribble": """
        cv2.arrowedLine cv2.circle cv2.drawContours cv2.drawMarker cv2.ellipse cv2.fillConvexPoly cv2.fillPoly cv2.line cv2.polylines cv2.putText
        cv2.rectangle networkx.set_edge_attributes networkx.set_node_attributes skimage.draw.set_color
        bisect.insort bisect.insort_left bisect.insort_right heapq.heapify heapq.heappush heapq.heappushpop heapq.heapreplace numpy.copyto
        numpy.fill_diagonal numpy.place numpy.put numpy.put_along_axis numpy.putmask operator.delitem operator.iadd
        operator.setitem sklearn.utils.shuffle
    """,
    "read": """
        *mlsc_load* PIL.Image.fromfile PIL.Image.open bz2.open cloudpickle.load csv.DictReader csv.reader cv2.imread datasets.load_dataset
        datasets.load_from_disk dill.load duckdb.connect duckdb.from_csv_auto duckdb.from_parquet duckdb.read_csv duckdb.read_parquet fileinput.input
        gensim.models.KeyedVectors.load geopandas.read_file glob.glob glob.iglob gzip.open h5py.Dataset h5py.File imageio.imread io.open joblib.load
        json.JSONDecoder json.load json.loads jupyter_mlsc.load jupyter_mlsc.open keras.models.load_model keras.utils.image_dataset_from_directory
        keras.utils.load_img lightgbm.Booster lightgbm.Dataset linecache.getlines lzma.open matplotlib.pyplot.imread netCDF4.Dataset numpy.fromfile
        numpy.genfromtxt numpy.load numpy.loadtxt numpy.memmap onnx.load onnxruntime.InferenceSession openpyxl.load_workbook os.listdir os.open
        os.scandir os.walk pathlib.Path.open pickle.load pickle.loads pyarrow.csv.read_csv pyarrow.dataset.dataset pyarrow.ipc.open_file
        pyarrow.memory_map pyarrow.parquet.ParquetFile pyarrow.parquet.read_table safetensors.numpy.load_file safetensors.safe_open
        safetensors.torch.load_file scipy.io.loadmat scipy.io.wavfile.read scipy.sparse.load_npz skimage.io.imread sklearn.datasets.load_files
        sklearn.datasets.load_svmlight_file skops.io.load spacy.load sqlalchemy.create_engine sqlite3.connect tables.open_file tarfile.open
        tensorflow.data.TFRecordDataset tensorflow.data.TextLineDataset tensorflow.io.read_file tensorflow.keras.models.load_model
        tensorflow.keras.utils.image_dataset_from_directory toml.load tomllib.load torch.jit.load torch.load torchvision.datasets.ImageFolder
        torchvision.io.read_image xarray.open_dataset xarray.open_mfdataset xgboost.DMatrix yaml.load yaml.safe_load zipfile.ZipFile
    """,
    "write": """
        *mlsc_save* cloudpickle.dump csv.DictWriter csv.writer cv2.imwrite dill.dump imageio.imwrite joblib.dump json.dump jupyter_mlsc.save
        keras.models.save_model numpy.save numpy.savetxt numpy.savez numpy.savez_compressed onnx.save openpyxl.Workbook.save os.write
        pandas.ExcelWriter pandas.HDFStore pickle.dump pyarrow.OSFile pyarrow.csv.write_csv pyarrow.dataset.write_dataset
        pyarrow.feather.write_feather pyarrow.parquet.ParquetWriter pyarrow.parquet.write_table pyarrow.parquet.write_to_dataset
        safetensors.numpy.save_file safetensors.torch.save_file scipy.io.savemat scipy.io.wavfile.write scipy.sparse.save_npz shutil.copyfileobj
        skimage.io.imsave sklearn.datasets.dump_svmlight_file skops.io.dump tempfile.NamedTemporaryFile toml.dump torch.jit.save torch.onnx.export
        torch.save torchvision.utils.save_image yaml.dump yaml.safe_dump
    """,
    "copy-file": """
        os.link os.rename os.replace os.symlink shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.make_archive shutil.move
        shutil.unpack_archive
    """,
    "world": """
        IPython.display.Javascript atexit.register cv2.normalize os.execv os.fork os.popen os.posix_spawn os.spawnv os.system signal.signal subprocess.Popen
        subprocess.call subprocess.check_call subprocess.check_output subprocess.getoutput subprocess.run struct.pack_into sys.setprofile sys.settrace
        torch.nn.utils.vector_to_parameters torch.optim.swa_utils.update_bn
    """,
}
"""Functions of libraries by their full names."""

METHODS: dict[Effect, str] = {
    "fresh": """
        abs absolute add_prefix add_suffix agg aggregate all any apply applymap argmax argmin argsort as_integer_ratio as_posix assign astype between
        bfill bit_length capitalize center clip combine_first concat copy corr count cov cummax cummin cumprod cumsum cut decision_function decode
        deepcopy describe diff digest div dot drop drop_duplicates dropna duplicated encode endswith eq evals_result ewm exists expanding explode
        ffill fillna filter find flatten floordiv format ge get_dummies get_feature_names_out get_params group group_by groups gt hexdigest hstack
        idxmax idxmin index info interpolate inverse_transform is_dir is_file isalnum isalpha isdigit isin isna isnull isnumeric isoformat isspace
        item join kneighbors kurt le ljust lower lstrip lt map mask max mean median melt memory_usage merge min mkdir mod mode mul ne nlargest nonzero
        notna notnull nsmallest nunique partition pct_change pivot pivot_table predict predict_log_proba predict_proba quantile query rank relative_to
        removeprefix removesuffix rename replace resample reset_index resolve rjust rmdir rolling round rpartition rsplit rstrip sample score
        score_samples select select_dtypes set_index shift skew sort_index sort_values split splitlines stack startswith stat std strftime strip sub
        sum summary title to_dict to_list to_string tolist total_seconds touch truediv unique unlink unstack upper value_counts var vstack where
        with_columns with_name with_row_index with_suffix zfill
    """,
    "view": """
        T get getvalue groupby head iloc items iterrows itertuples keys loc ravel reshape squeeze swapaxes tail to_frame to_numpy transpose values
        view
    """,
    "holds": """
        fit_predict fit_transform transform
    """,
    "fit": """
        create_dataset write write_batch write_row write_table writelines writerow writerows
    """,
    "train": """
        backward cpu cuda eval fit load_state_dict load_weights partial_fit step to train zero_grad
    """,
    "into": """
        add append appendleft extend extendleft insert push put_nowait setdefault update
    """,
    "read": """
        read_bytes
    """,
    "lazy": """
        collect collect_async compute fetch load persist scan sink
    """,
    "write": """
        dump_model push_to_hub save save_model save_pretrained save_to_disk save_weights savefig sink_csv sink_ipc sink_parquet to_csv to_excel
        to_feather to_file to_hdf to_html to_json to_latex to_markdown to_netcdf to_orc to_parquet to_pickle to_sql to_stata to_xml to_zarr tofile
        write_avro write_bytes write_csv write_database write_delta write_excel write_html write_image write_ipc write_json write_ndjson write_parquet
    """,
    "state": """
        area barh bar box density hexbin kde line pie scatter
        boxplot hist plot
    """,
}
"""Methods of objects that libraries made, by name."""

LIBRARIES = """
    IPython PIL __future__ abc altair argparse array asyncio attr attrs base64 bisect bokeh bottleneck builtins bz2 calendar catboost
    category_encoders cloudpickle cmath collections concurrent contextlib copy csv cv2 dask dataclasses datasets datetime decimal difflib dill duckdb
    enum errno flax fnmatch fractions functools gc gensim geopandas getpass glob graphlib gzip h5py hashlib hdbscan heapq hmac html hyperopt imageio
    imblearn importlib inspect io ipywidgets itertools jax joblib json jupyter_mlsc keras lifelines lightgbm lime locale logging lzma math matplotlib
    mlsc mlxtend msgspec multiprocessing netCDF4 networkx nltk numba numbers numexpr numpy onnx onnxruntime openpyxl operator optax optuna orjson os
    pandas pathlib pickle pkgutil platform plotly polars pprint prophet psutil pyarrow pydantic pyod queue random re rich safetensors scipy seaborn
    secrets sentence_transformers shap shapely shutil site skimage sklearn skops spacy sqlalchemy sqlite3 stat statistics statsmodels string struct
    subprocess sympy sys sysconfig tables tabulate tarfile tempfile tensorflow textwrap threading threadpoolctl time tokenizers toml tomllib torch
    torchaudio torchvision tqdm traceback transformers types typing typing_extensions ujson umap unicodedata urllib uuid warnings weakref xarray
    xgboost xml yaml yellowbrick zipfile zlib zstandard
"""
"""Libraries of which it is known what their functions do. All others are one unknown: what one is told, any other may tell."""

UNKNOWABLE = """
    IPython.core.getipython.get_ipython IPython.core.interactiveshell IPython.get_ipython __main__ builtins.__dict__ builtins.__import__
    builtins.compile builtins.eval builtins.exec builtins.get_ipython builtins.globals builtins.locals builtins.vars cffi code contextlib.redirect_stderr
    contextlib.redirect_stdout ctypes gc.get_objects gc.get_referents gc.get_referrers inspect.currentframe inspect.stack marshal numexpr.evaluate
    pandas.api.extensions runpy sys._getframe sys.modules
"""
"""Means by which code reaches names that it does not spell."""

VALUES = """
    dask datetime decimal fractions json math numpy pandas polars pyarrow re scipy statistics xarray
"""
"""Libraries whose objects are data: a method that is not listed, and is given nothing, changes nothing and may share memory with its receiver."""

UFUNCS: dict[int, str] = {
    1: """
        abs absolute cbrt ceil conjugate cos cosh deg2rad exp exp2 expm1 fabs floor invert isfinite isinf isnan log log10 log1p log2 logical_not
        negative positive rad2deg reciprocal rint sign signbit sin sinh sqrt square tan tanh trunc
    """,
    2: """
        add arctan2 bitwise_and bitwise_or bitwise_xor copysign divide dot equal float_power floor_divide fmax fmin fmod gcd greater greater_equal
        heaviside hypot ldexp left_shift less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor matmul maximum minimum mod multiply
        nextafter not_equal power remainder right_shift subtract true_divide
    """,
}
"""Functions of numpy by the number of arguments after which one more is where the result goes."""

CALLERS = """
    agg aggregate apply applymap combine filter map pipe transform
"""
"""Methods that call what they are given, which may be a method of something that they then change: ``series.apply(found.append)``."""

PATH_FIRST = """
    csv.DictWriter csv.writer cv2.imwrite imageio.imwrite matplotlib.pyplot.savefig numpy.save numpy.savetxt numpy.savez numpy.savez_compressed
    os.write pandas.ExcelWriter pandas.HDFStore pyarrow.OSFile pyarrow.parquet.ParquetWriter scipy.io.savemat scipy.io.wavfile.write
    scipy.sparse.save_npz skimage.io.imsave tempfile.NamedTemporaryFile
"""
"""Functions that write and are told the file before the value; the others are told the value first."""

PATH_KEYWORDS = """
    buf con dest dst excel_writer f file filename filepath_or_buffer fname fp io name out_file outfile output path path_or_buf path_or_buffer root
    save_directory sink source src stream target url where
"""
"""Keywords that name a file."""

PATH_BUILDERS = """
    os.fspath os.path.abspath os.path.expanduser os.path.join os.path.normpath os.path.realpath os.path.relpath pathlib.Path pathlib.PosixPath
    pathlib.PurePath pathlib.PurePosixPath
"""
"""Functions that make a file's name of their arguments."""

STATE = {
    "matplotlib": """
        matplotlib seaborn shap yellowbrick
    """,
    "random": """
        numpy.random random
    """,
    "settings": """
        locale logging mlflow optuna.logging os.environ tempfile torch.manual_seed warnings
    """,
    "?": """
        asyncio concurrent importlib ipywidgets multiprocessing pkgutil queue site threading weakref
    """,
    "session": """
        duckdb nltk spacy
    """,
}
"""Libraries, or parts of them, that keep something between calls; ``?`` is the unknown that all share."""
