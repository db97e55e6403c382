"""Honest files by library: what people really save, written by the real libraries. Each is small."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import honest_objects
import joblib
import numpy as np
import pandas as pd
import py7zr


@dataclass(frozen=True)
class HonestFile:
    """A file with the library that wrote it (a row of the table in docs/scanning.md), its name and its bytes."""

    library: str
    name: str
    data: bytes


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    """The bytes that a library writes to a stream."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def saved(name: str, save: Callable[[Path], object]) -> list[tuple[str, bytes]]:
    """The files that a library writes below a path, by their names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        save(path)
        files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
        return [(str(each.relative_to(folder)), each.read_bytes()) for each in files]


@cache
def honest_files() -> tuple[HonestFile, ...]:
    """The whole corpus."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(HonestFile(make.__name__.strip("_").replace("_", " "), name, data) for make in _MAKERS for name, data in make())


def _scikit_learn() -> Iterator[tuple[str, bytes]]:
    for number, (word, estimator) in enumerate(honest_objects.estimators().items()):
        yield f"{word}.pkl", pickle.dumps(estimator, number % 4 + 2)
        if number % 3 == 0:
            how = "lz4" if number % 2 else "zlib"
            yield f"{word}.joblib", written(lambda file, value=estimator, how=how: joblib.dump(value, file, compress=(how, 3)))  # type: ignore[misc]
        elif number % 3 == 1:
            yield f"{word}.joblib", written(lambda file, value=estimator: joblib.dump(value, file))  # type: ignore[misc]


def _pandas() -> Iterator[tuple[str, bytes]]:
    for word, frame in honest_objects.frames().items():
        yield f"{word}.pkl", pickle.dumps(frame)
    table = pd.DataFrame({"n": range(200), "x": np.linspace(0, 1, 200), "word": ["a=b", "-1", "@home", "(x)"] * 50})
    yield "table.csv", table.to_csv(index=False).encode()
    yield "table.csv.gz", gzip.compress(table.to_csv(index=False).encode())
    yield "table.tsv", table.to_csv(index=False, sep="\t").encode()
    yield "table.json", table.to_json().encode()
    yield "table.jsonl", table.to_json(orient="records", lines=True).encode()
    yield "table.parquet", written(table.to_parquet)
    yield "table.feather", written(table.to_feather)
    yield "table.xlsx", written(lambda file: table.to_excel(file, index=False))
    yield "table.pkl.gz", gzip.compress(pickle.dumps(table))
    yield "table.pkl.xz", lzma.compress(pickle.dumps(table))
    for form in ("table", "fixed"):
        yield from saved(f"{form}.h5", lambda path, form=form: table.to_hdf(path, key="data", format=form))  # type: ignore[misc]


def _values() -> Iterator[tuple[str, bytes]]:
    for number, (word, value) in enumerate(honest_objects.values().items()):
        yield f"{word}.pickle", pickle.dumps(value, number % 6)
        yield f"{word}.pkl.bz2", bz2.compress(pickle.dumps(value))


def _numpy() -> Iterator[tuple[str, bytes]]:
    for word, array in {
        "floats": np.random.default_rng(0).normal(size=(100, 50)),
        "halves": np.ones(7, "f2"),
        "texts": np.array(["a", "bcd"]),
        "records": np.zeros(3, [("a", "i4"), ("b", "f8", (2,))]),
        "objects": np.array([1, "a", None], dtype=object),
        "dates": np.array(["2020-01-01"], "M8[D]"),
    }.items():
        yield f"{word}.npy", written(lambda file, array=array: np.save(file, array))  # type: ignore[misc]
        yield f"{word}.npz", written(lambda file, array=array: np.savez_compressed(file, array, other=np.arange(3)))  # type: ignore[misc]
    yield "noise.bin", np.random.default_rng(1).bytes(200_000)
    yield "weights.bin", np.random.default_rng(2).normal(size=50_000).astype("f4").tobytes()


def _torch() -> Iterator[tuple[str, bytes]]:
    import torch

    for word, value in honest_objects.torch_objects().items():
        yield f"{word}.pt", written(lambda file, value=value: torch.save(value, file))  # type: ignore[misc]
        yield f"{word}.ckpt", written(lambda file, value=value: torch.save(value, file, _use_new_zipfile_serialization=False))  # type: ignore[misc]

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.linear(x))

    yield "traced.pt", written(lambda file: torch.jit.save(torch.jit.trace(Small(), torch.zeros(1, 3)), file))
    convolution = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    yield "convolution.pt", written(lambda file: torch.jit.save(torch.jit.trace(convolution, torch.zeros(1, 1, 5, 5)), file))
    yield from saved("program.pt2", lambda path: torch.export.save(torch.export.export(Small(), (torch.zeros(1, 3),)), path))


def _safetensors() -> Iterator[tuple[str, bytes]]:
    import safetensors.numpy
    import safetensors.torch
    import torch

    yield "arrays.safetensors", safetensors.numpy.save({"a": np.arange(6.0).reshape(2, 3), "b": np.zeros(0, "i8"), "c": np.array(3)})
    yield "noted.safetensors", safetensors.numpy.save({"a": np.ones(5, "f2")}, metadata={"format": "np", "__class__": "{{ x }}"})
    for dtype in ("bfloat16", "float8_e4m3fn", "int64", "bool"):
        yield f"{dtype}.safetensors", safetensors.torch.save({"a": torch.zeros(4, dtype=getattr(torch, dtype)), "b": torch.ones(3, 2)})
    yield "empty.safetensors", safetensors.numpy.save({})


def _keras() -> Iterator[tuple[str, bytes]]:
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = keras.layers
    models = {
        "dense": [layers.Input((4,)), layers.Dense(3, activation="relu", kernel_regularizer="l2"), layers.Dropout(0.2), layers.Dense(1)],
        "images": [layers.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten(), layers.Softmax()],
        "series": [layers.Input((5, 2)), layers.LSTM(3, return_sequences=True), layers.GRU(2), layers.Dense(1)],
        "augmented": [layers.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.RandomFlip(), layers.GlobalAveragePooling2D(), layers.LayerNormalization()],
        "embedding": [layers.Input((5,)), layers.Embedding(10, 4), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)],
    }
    for word, stack in models.items():
        model = keras.Sequential(stack)
        model.compile(optimizer="adam", loss="mse", metrics=["mae"])
        for suffix in (".keras", ".h5"):
            yield from saved(word + suffix, lambda path, model=model: model.save(path))  # type: ignore[misc]
        yield from saved(f"{word}.weights.h5", lambda path, model=model: model.save_weights(path))  # type: ignore[misc]
        yield f"{word}.json", model.to_json().encode()
    inputs = keras.Input((4,))
    joined = layers.Concatenate()([layers.Dense(2)(inputs), layers.Dense(3)(inputs)])
    yield from saved("functional.keras", lambda path: keras.Model(inputs, layers.Add()([layers.Dense(1)(joined), layers.Dense(1)(joined)])).save(path))


def _onnx() -> Iterator[tuple[str, bytes]]:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 4]) for name in "xy")
    weights = numpy_helper.from_array(np.eye(4, dtype="f4"), "w")
    for version in (13, 18, 21):
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])], "g", [x], [y], [weights])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version), helper.make_opsetid("ai.onnx.ml", 3)])
        yield f"opset-{version}.onnx", model.SerializeToString()
    branch = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "b", [], [y])
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    nested = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)], "g", [x, condition], [y])
    yield "branches.onnx", helper.make_model(nested).SerializeToString()
    large = numpy_helper.from_array(np.ones((40, 40), dtype="f4"), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [large])

    def apart(folder: Path) -> None:
        folder.mkdir()
        onnx.save(helper.make_model(graph), folder / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)

    yield from saved("outside", apart)


def _boosting() -> Iterator[tuple[str, bytes]]:
    import catboost
    import lightgbm
    import xgboost

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    label = (X[:, 0] > 0).astype(int)
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, label), 3)
    for suffix in ("json", "ubj"):
        yield from saved(f"xgboost.{suffix}", lambda path: booster.save_model(path))
    trees = lightgbm.train({"verbose": -1, "num_leaves": 3, "min_data_in_leaf": 5}, lightgbm.Dataset(X, label), 3)
    yield from saved("lightgbm.txt", lambda path: trees.save_model(path))
    yield "lightgbm.json", json.dumps(trees.dump_model()).encode()
    cats = catboost.CatBoostClassifier(iterations=3, depth=2, verbose=0, allow_writing_files=False).fit(X, label)
    for suffix in ("cbm", "json", "onnx", "pmml", "cpp", "py"):
        yield from saved(f"catboost.{suffix}", lambda path, suffix=suffix: cats.save_model(str(path), format="python" if suffix == "py" else suffix))  # type: ignore[misc]


def _skops() -> Iterator[tuple[str, bytes]]:
    import skops.io

    for number, (word, estimator) in enumerate(honest_objects.estimators().items()):
        if number % 8 == 0:
            yield f"{word}.skops", skops.io.dumps(estimator)


def _transformers() -> Iterator[tuple[str, bytes]]:
    import tokenizers
    import transformers

    config = transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=20)
    yield from saved("bert", lambda path: transformers.BertModel(config).save_pretrained(path))
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]"))
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made)
    fast.chat_template = CHAT_TEMPLATE
    yield from saved("tokenizer", lambda path: fast.save_pretrained(path))
    for kind in (transformers.GPT2Config, transformers.LlamaConfig, transformers.T5Config, transformers.ViTConfig, transformers.GenerationConfig):
        yield from saved(kind.__name__, lambda path, kind=kind: kind().save_pretrained(path))  # type: ignore[misc]


CHAT_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{% set system_message = messages[0]['content'] %}{% else %}{% set system_message = '' %}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' }}{% endfor %}"
    "{%- if tools is defined and tools %}{{ tools | tojson(indent=2) }}{% endif %}{% set ns = namespace(found=false) %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}{% macro show(x) %}{{ x | upper }}{% endmacro %}"
)


def _h5py() -> Iterator[tuple[str, bytes]]:
    import h5py
    import tables

    def plain(file: io.BytesIO) -> None:
        with h5py.File(file, "w") as made:
            made.attrs["title"] = "(a title)"
            made.create_dataset("a/b", data=np.arange(100).reshape(10, 10), compression="gzip")
            made["texts"] = ["x", "(yz)"]
            made["again"] = h5py.SoftLink("/a/b")

    def by_tables(path: Path) -> None:
        with tables.open_file(str(path), "w") as made:
            made.create_array("/", "numbers", np.arange(10), "some numbers")
            made.root._v_attrs.settings = {"a": [1, 2]}
            rows = made.create_vlarray("/", "objects", tables.ObjectAtom())
            rows.append([1, "two"])

    yield "plain.h5", written(plain)
    yield from saved("tables.h5", by_tables)


def _containers() -> Iterator[tuple[str, bytes]]:
    texts = {"model/MLmodel": MLMODEL.encode(), "model/requirements.txt": b"mlflow==3.1\nscikit-learn==1.7.0\n", "model/data.csv": b"a,b\n1,2\n"}

    def zipped(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in texts.items():
                archive.writestr(name, data)

    def tarred(file: io.BytesIO, mode: str) -> None:
        with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
            for name, data in texts.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            link = tarfile.TarInfo("model/latest.csv")
            link.type, link.linkname = tarfile.SYMTYPE, "data.csv"
            archive.addfile(link)

    def sevenzipped(file: io.BytesIO) -> None:
        with py7zr.SevenZipFile(file, "w") as archive:
            for name, data in texts.items():
                archive.writestr(data, name)

    yield "model.zip", written(zipped)
    yield "model.7z", written(sevenzipped)
    for mode, name in (("w", "model.tar"), ("w:gz", "model.tar.gz"), ("w:bz2", "model.tar.bz2"), ("w:xz", "model.tar.xz")):
        yield name, written(lambda file, mode=mode: tarred(file, mode))  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        base = sqlite3.connect(f"{folder}/a.db")
        base.execute("create table t (a, b)")
        base.commit()
        base.close()
        yield "data.sqlite", Path(folder, "a.db").read_bytes()


MLMODEL = """artifact_path: model
flavors:
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.11.7
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
model_size_bytes: 867
run_id: 0123456789abcdef
"""


def _small_files() -> Iterator[tuple[str, bytes]]:
    import nbformat
    import yaml
    from ipykernel.kernelspec import get_kernel_dict

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import os\nprint(1)"), nbformat.v4.new_markdown_cell("# A title")])
    yield "notebook.ipynb", nbformat.writes(notebook).encode()
    yield "kernel.json", json.dumps(get_kernel_dict()).encode()
    yield "MLmodel", MLMODEL.encode()
    settings = {"model": {"lr": 0.1, "layers": [1, 2], "name": "x: y"}, "paths": ["data/a.csv"], "run": {"command": "train", "target": "y"}}
    yield "params.yaml", yaml.safe_dump(settings).encode()
    yield "config.yaml", b"defaults:\n  - base\nmodel:\n  _target_: torch.nn.Linear\n  in_features: &n 3\n  out_features: *n\n"
    yield "dvc.yaml", b"stages:\n  train:\n    cmd: python train.py --rate 0.1\n    deps: [data/train.csv]\n    outs: [models/m.pkl]\n"
    yield "conda.yaml", b"channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n    - scikit-learn==1.7\nname: env\n"
    yield (
        "requirements.txt",
        b"# pinned\nnumpy==2.1.0 --hash=sha256:00\npandas>=2 ; python_version > '3.10'\n-r more.txt\n",
    )
    yield "extra.pth", b"/somewhere/src\n# a comment about import\n"
    yield "notes.txt", b"cat\nmodule\n(see below)\nimport os is a line of Python\n"
    yield "words.txt", "\n".join(["cos", "system", "(a list)", "I0", "N", "d"] * 30).encode()
    yield "README.md", b"# Model\n\nLoad it with `pickle.load`, which runs `os.system` if somebody put it there.\n"
    yield "train.py", b"import os\n\nos.makedirs('out', exist_ok=True)\n"
    yield "config.json", json.dumps({"hidden": 3, "architectures": ["BertModel"], "auto_map": {}}).encode()
    yield "page.html", b"<!DOCTYPE html>\n<html><body>hello</body></html>\n"
    yield "model.pmml", b'<?xml version="1.0"?>\n<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/><DataDictionary/></PMML>\n'
    yield "empty.bin", b""
    yield "negative.csv", b'change,note\n-1.5,=\n+3,@home\n-2,(a)\n"=B2",plain sum\n'
    yield "map.svg", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>\n'


def _messages() -> Iterator[tuple[str, bytes]]:
    import msgpack

    layer = {"w": np.arange(10.0).tobytes(), "shape": [10], "name": "dense"}
    yield "flax.msgpack", msgpack.packb({"params": layer, "step": 3, "x": [None, True, 1.5, -7, 1 << 40]})
    yield "dates.msgpack", msgpack.packb([msgpack.Timestamp(1, 2), msgpack.ExtType(1, np.arange(3).tobytes())])


def _images() -> Iterator[tuple[str, bytes]]:
    from PIL import Image

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype="u1"))
    for form in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"):
        yield f"picture.{form.lower()}", written(lambda file, form=form: picture.save(file, form))  # type: ignore[misc]


_MAKERS: tuple[Callable[[], Iterator[tuple[str, bytes]]], ...] = (
    _scikit_learn,
    _pandas,
    _values,
    _numpy,
    _torch,
    _safetensors,
    _keras,
    _onnx,
    _boosting,
    _skops,
    _transformers,
    _h5py,
    _containers,
    _small_files,
    _messages,
    _images,
)
