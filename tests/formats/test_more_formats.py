"""Models and data of skops, Keras, ONNX, xgboost, lightgbm, HDF5, and folders of images: as the plain libraries load them, and what is refused of them.

Keras takes its back end from KERAS_BACKEND; these tests choose torch where nothing is chosen.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import h5py
import lightgbm
import numpy as np
import onnx
import pandas as pd
import pytest
import skops.io
import xgboost
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jupyter_mlsc.errors import DeniedGlobalError, FormatError, MlscError
from jupyter_mlsc.format_choice import by_name
from jupyter_mlsc.formats import Format, Source, for_saving, identify
from jupyter_mlsc.judging import kind_of
from jupyter_mlsc.policy import Policy, parse_policy

keras = pytest.importorskip("keras")

NOTHING: frozenset[str] = frozenset()
POINTS = np.random.default_rng(0).random((80, 3))
CLASSES = (POINTS[:, 0] + POINTS[:, 1] > 1).astype(int)


def _saved(name: str, obj: object) -> bytes:
    file = io.BytesIO()
    for_saving(name).save(obj, file)
    return file.getvalue()


def _load(name: str, data: bytes, *, lifted: bool = False, allow: frozenset[str] = NOTHING) -> Any:
    identified = identify(name, io.BytesIO(data))
    assert identified.format is not None
    return identified.format.load(Source(name, data=data), lifted=lifted, allow=allow)


def _found(name: str, data: bytes) -> Format | None:
    return identify(name, io.BytesIO(data)).found


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _keras_model() -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dropout(0.1), keras.layers.Dense(1)])
    model.compile("adam", keras.losses.MeanSquaredError(), metrics=[keras.metrics.MeanAbsoluteError()])
    return model


def _onnx_model() -> Any:
    weights = numpy_helper.from_array(np.arange(3, dtype=np.float32), "w")
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])], [weights]
    )
    return helper.make_model(graph)


def _xgboost_model() -> Any:
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(POINTS, label=CLASSES), 3)


def _lightgbm_model() -> Any:
    return lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(POINTS, label=CLASSES), 3)


TREE = {"train": {"x": np.arange(6.0).reshape(2, 3), "names": np.array(["a", "ü"], dtype=object)}, "n": np.array([1, 2], "int8")}
FRAME = pd.DataFrame({"n": [1, 2, 3], "x": [0.1, np.nan, 2.5], "s": ["a", "ü", "c"]})


@pytest.fixture(scope="module")
def samples() -> dict[str, bytes]:
    """Real bytes of each format, by a file's name."""
    forest = make_pipeline(StandardScaler(), LogisticRegression()).fit(POINTS, CLASSES)
    return {
        "a.skops": _saved("a.skops", forest),
        "a.keras": _saved("a.keras", _keras_model()),
        "a.onnx": _saved("a.onnx", _onnx_model()),
        "a.ubj": _saved("a.ubj", _xgboost_model()),
        "a.lgb": _saved("a.lgb", _lightgbm_model()),
        "tree.h5": _saved("a.h5", TREE),
        "frame.h5": _saved("a.h5", FRAME),
        "keras.h5": _saved("a.h5", _keras_model()),
    }


FORMAT_OF = {
    "a.skops": "skops",
    "a.keras": "keras",
    "a.onnx": "onnx",
    "a.ubj": "xgboost",
    "a.lgb": "lightgbm",
    "tree.h5": "hdf5",
    "frame.h5": "hdf5-pandas",
    "keras.h5": "hdf5-keras",
}
RUNS_CODE = {"skops", "keras", "hdf5-pandas", "hdf5-keras"}


@pytest.mark.parametrize("name", FORMAT_OF)
def test_a_file_is_known_by_its_name_and_by_its_bytes(samples: dict[str, bytes], name: str) -> None:
    identified = identify(name, io.BytesIO(samples[name]))
    assert identified.format is not None
    assert identified.format.name == FORMAT_OF[name]
    assert not identified.mismatch
    assert identified.format.runs_code is (FORMAT_OF[name] in RUNS_CODE)
    if name == "a.lgb":
        return  # text is known by its name alone
    for other in ("a.csv", "a.parquet", "a.pt", "a.npz"):
        belied = identify(other, io.BytesIO(samples[name]))
        assert belied.mismatch
        assert belied.format is not None
        assert belied.format.runs_code or FORMAT_OF[name] not in RUNS_CODE
    assert _found("noname", samples[name]) is identified.format


def test_other_bytes_under_these_names_are_a_mismatch(samples: dict[str, bytes]) -> None:
    for suffix in (".skops", ".keras", ".onnx", ".ubj", ".lgb", ".h5"):
        for name, data in {**samples, "csv": b"a,b\n1,2\n", "pickle": b"\x80\x04N."}.items():
            same = name.endswith(suffix)
            assert identify(f"x{suffix}", io.BytesIO(data)).mismatch is not same, (suffix, name)


@pytest.mark.parametrize("name", FORMAT_OF)
def test_broken_files_are_format_errors_that_name_the_file(samples: dict[str, bytes], name: str) -> None:
    data = samples[name]
    found = by_name(FORMAT_OF[name])
    cuts = [data[: len(data) * part // 7] for part in range(1, 7)]
    for broken in (b"", data[:1], data[:10], *cuts, data[:-30], b"garbage" * 20, data[:30] + bytes(reversed(data[30:]))):
        with pytest.raises(MlscError, match="thing"):
            found.load(Source("thing", data=broken), lifted=False, allow=NOTHING)


@pytest.mark.parametrize("name", FORMAT_OF)
def test_what_cannot_be_held_is_refused_with_what_to_use_instead(name: str) -> None:
    with pytest.raises(FormatError) as refused:
        by_name(FORMAT_OF[name]).save((number for number in (1, 2)), io.BytesIO())
    assert refused.value.next_step


def test_models_of_these_formats_are_models() -> None:
    policy = Policy((parse_policy('version = 1\n[project]\nid = "project-0123456789"\n', "mlsc.toml", "project"),))
    for name in ("skops", "keras", "onnx", "xgboost", "lightgbm", "hdf5-keras"):
        assert kind_of(policy, "a", by_name(name).families) == "model"
    for name in ("hdf5", "images"):
        assert kind_of(policy, "a", by_name(name).families) == "dataset"


# skops


def test_a_skops_model_is_what_skops_loads(samples: dict[str, bytes]) -> None:
    ours, plain = _load("a.skops", samples["a.skops"]), skops.io.loads(samples["a.skops"])
    assert type(ours) is type(plain)
    np.testing.assert_array_equal(ours.predict_proba(POINTS), plain.predict_proba(POINTS))


@pytest.mark.parametrize("model", [RandomForestClassifier(n_estimators=3), GradientBoostingClassifier(n_estimators=3)], ids=lambda model: type(model).__name__)
def test_what_skops_does_not_trust_by_itself_but_the_list_allows_loads(model: Any) -> None:
    data = skops.io.dumps(model.fit(POINTS, CLASSES))
    assert skops.io.get_untrusted_types(data=data)
    np.testing.assert_array_equal(_load("a.skops", data).predict(POINTS), model.predict(POINTS))


def test_a_type_that_no_list_allows_is_refused_until_a_person_signs() -> None:
    data = skops.io.dumps(FunctionTransformer(os.getcwd))
    with pytest.raises(DeniedGlobalError, match=r"posix\.getcwd"):
        _load("a.skops", data)
    assert _load("a.skops", data, lifted=True).func is os.getcwd
    assert _load("a.skops", data, allow=frozenset({"posix.getcwd"})).func is os.getcwd


def _doctored(change: Callable[[Any], None]) -> bytes:
    members = _members(skops.io.dumps({"a": [1], "b": LogisticRegression()}))
    schema = json.loads(members["schema.json"])
    change(schema)
    return _zip({**members, "schema.json": json.dumps(schema).encode()})


def test_what_skops_trusts_by_itself_is_judged_as_well(tmp_path: Path) -> None:
    import scipy.special

    data = skops.io.dumps(FunctionTransformer(scipy.special.expit))
    assert not skops.io.get_untrusted_types(data=data)
    with pytest.raises(DeniedGlobalError, match="expit"):
        _load("a.skops", data)


@pytest.mark.parametrize("loader", ["MethodNode", "PartialNode", "OperatorFuncNode", "NewNode"])
def test_calls_that_wait_to_be_made_are_refused(loader: str) -> None:
    with pytest.raises(FormatError, match=loader):
        _load("a.skops", _doctored(lambda schema: schema["content"]["b"].update(__loader__=loader)))


def test_items_do_not_go_into_what_is_no_container() -> None:
    with pytest.raises(FormatError, match="container"):
        _load("a.skops", _doctored(lambda schema: schema.update(__module__="sklearn.svm._classes", __class__="SVC")))


def test_two_documents_under_one_name_are_refused() -> None:
    data = io.BytesIO(skops.io.dumps([1]))
    with zipfile.ZipFile(data, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("schema.json", "{}")
    with pytest.raises(FormatError, match="same name"):
        _load("a.skops", data.getvalue())


# Keras


@pytest.mark.parametrize(("name", "suffix"), [("a.keras", ".keras"), ("keras.h5", ".h5")])
def test_a_keras_model_is_what_keras_loads(samples: dict[str, bytes], tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"plain{suffix}"
    path.write_bytes(samples[name])
    ours, plain = _load(name, samples[name]), keras.saving.load_model(path)
    assert type(ours) is type(plain)
    np.testing.assert_array_equal(ours.predict(POINTS, verbose=0), plain.predict(POINTS, verbose=0))
    assert ours.optimizer.get_config() == plain.optimizer.get_config()


def test_a_functional_model_with_operations_loads(tmp_path: Path) -> None:
    inputs = keras.Input((4, 3))
    hidden = keras.layers.LSTM(2)(keras.layers.LayerNormalization()(inputs))
    model = keras.Model(inputs, keras.ops.relu(hidden * 2.0 + 1.0))
    model.compile(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)), keras.losses.Huber(), metrics=[keras.metrics.AUC()])
    data = _saved("a.keras", model)
    batch = np.ones((2, 4, 3), "float32")
    np.testing.assert_allclose(_load("a.keras", data).predict(batch, verbose=0), model.predict(batch, verbose=0))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_layer_is_refused_until_a_person_signs(suffix: str) -> None:
    keras.config.enable_unsafe_deserialization()
    try:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2)])
        data = _saved(f"a{suffix}", model)
        # What a notebook switched off in Keras is not switched off here.
        with pytest.raises(FormatError, match="Lambda layer"):
            _load(f"a{suffix}", data)
    finally:
        keras.src.backend.common.global_state.set_global_attribute("safe_mode_saving", None)
    if suffix == ".keras":
        np.testing.assert_array_equal(_load("a.keras", data, lifted=True).predict(POINTS, verbose=0), (POINTS * 2).astype("float32"))


@pytest.fixture
def custom_layer() -> Iterator[type]:
    @keras.saving.register_keras_serializable(package="shop")
    class Scale(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 3

    yield Scale
    keras.saving.get_custom_objects().pop("shop>Scale", None)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_custom_object_is_refused_unless_it_is_named_or_signed(custom_layer: type, suffix: str) -> None:
    data = _saved(f"a{suffix}", keras.Sequential([keras.Input((3,)), custom_layer()]))
    with pytest.raises(DeniedGlobalError, match="Scale"):
        _load(f"a{suffix}", data)
    tripled = (POINTS * 3).astype("float32")
    np.testing.assert_allclose(_load(f"a{suffix}", data, lifted=True).predict(POINTS, verbose=0), tripled, rtol=1e-6)
    np.testing.assert_allclose(_load(f"a{suffix}", data, allow=frozenset({"shop.Scale"})).predict(POINTS, verbose=0), tripled, rtol=1e-6)


def _doctored_keras(samples: dict[str, bytes], change: Callable[[Any], None]) -> bytes:
    members = _members(samples["a.keras"])
    config = json.loads(members["config.json"])
    change(config["config"]["layers"][1])
    return _zip({**members, "config.json": json.dumps(config).encode()})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"module": "os", "class_name": "system"}, r"os\.system"),
        ({"module": "keras.utils", "class_name": "get_file"}, r"keras\.utils\.get_file"),
        ({"module": "keras.src.saving.saving_lib", "class_name": "DiskIOStore"}, "DiskIOStore"),
        ({"module": "keras_hub.models", "class_name": "Backbone"}, "keras_hub"),
        ({"module": None, "registered_name": "shop>Evil", "class_name": "Evil"}, "shop>Evil"),
        ({"class_name": "TorchModuleWrapper"}, "TorchModuleWrapper"),
        ({"class_name": "TFSMLayer"}, "TFSMLayer"),
        ({"class_name": "__lambda__"}, "lambda"),
        ({"config": {"activation": {"module": "builtins", "class_name": "__lambda__", "config": {"value": []}}}}, "lambda"),
        ({"class_name": "TextVectorization", "config": {"vocabulary": "/etc/passwd"}}, "/etc/passwd"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_configuration_that_reaches_out_is_refused(samples: dict[str, bytes], change: dict[str, Any], why: str) -> None:
    with pytest.raises(MlscError, match=why):
        _load("a.keras", _doctored_keras(samples, lambda layer: layer.update(change)))


def test_a_text_that_names_what_the_notebook_registered_is_refused(samples: dict[str, bytes]) -> None:
    called = []
    keras.saving.get_custom_objects()["wipe"] = lambda x: called.append(x) or x
    try:
        with pytest.raises(DeniedGlobalError, match="wipe"):
            _load("a.keras", _doctored_keras(samples, lambda layer: layer["config"].update(activation="wipe")))
    finally:
        del keras.saving.get_custom_objects()["wipe"]
    assert not called


def test_an_archive_with_a_member_that_leads_out_is_refused(samples: dict[str, bytes]) -> None:
    for name in ("../evil.py", "/tmp/evil", "assets/../../evil", "evil.py", "assets/a\\b"):
        with pytest.raises(FormatError, match="no part of a model"):
            _load("a.keras", _zip({**_members(samples["a.keras"]), name: b"x"}))


def test_weights_that_lie_in_another_file_are_refused(samples: dict[str, bytes]) -> None:
    members = _members(samples["a.keras"])
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        file["layers/more"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(FormatError, match="/etc/passwd"):
        _load("a.keras", _zip({**members, "model.weights.h5": weights.getvalue()}))


# ONNX


def test_an_onnx_model_is_what_onnx_loads(samples: dict[str, bytes]) -> None:
    assert _load("a.onnx", samples["a.onnx"]) == _onnx_model() == onnx.load_model_from_string(samples["a.onnx"])
    assert samples["a.onnx"] == _saved("b.onnx", _onnx_model())


def _external() -> Any:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def _in_a_branch(model: Any) -> None:
    branch = helper.make_graph([helper.make_node("Constant", [], ["y"], value=_external())], "b", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch))


@pytest.mark.parametrize(
    "put",
    [
        lambda model: model.graph.initializer.append(_external()),
        _in_a_branch,
        lambda model: model.functions.add().node.append(helper.make_node("Constant", [], ["y"], value=_external())),
    ],
    ids=["initializer", "branch", "function"],
)
def test_external_data_is_refused_wherever_it_hides(put: Callable[[Any], None]) -> None:
    model = _onnx_model()
    put(model)
    for lifted in (False, True):
        with pytest.raises(FormatError, match=r"\.\./\.\./etc/passwd"):
            _load("a.onnx", model.SerializeToString(), lifted=lifted)
    with pytest.raises(FormatError, match="other files"):
        _saved("a.onnx", model)


# Boosted trees


def test_boosted_trees_are_what_their_libraries_load(samples: dict[str, bytes], tmp_path: Path) -> None:
    for name in ("a.ubj", "a.lgb"):
        (tmp_path / name).write_bytes(samples[name])
    ours, plain = _load("a.ubj", samples["a.ubj"]), xgboost.Booster(model_file=tmp_path / "a.ubj")
    assert ours.save_raw() == plain.save_raw()
    np.testing.assert_array_equal(ours.predict(xgboost.DMatrix(POINTS)), plain.predict(xgboost.DMatrix(POINTS)))
    np.testing.assert_array_equal(_load("a.lgb", samples["a.lgb"]).predict(POINTS), lightgbm.Booster(model_file=tmp_path / "a.lgb").predict(POINTS))
    assert samples["a.ubj"] == _saved("b.xgb", _xgboost_model())
    assert samples["a.lgb"] == _saved("b.lgb", _lightgbm_model())


def test_the_models_of_the_scikit_learn_interfaces_are_saved_too() -> None:
    by_xgboost = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(POINTS, CLASSES)
    np.testing.assert_allclose(_load("a.ubj", _saved("a.ubj", by_xgboost)).predict(xgboost.DMatrix(POINTS)), by_xgboost.predict_proba(POINTS)[:, 1])
    by_lightgbm = lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1).fit(POINTS, CLASSES)
    np.testing.assert_allclose(_load("a.lgb", _saved("a.lgb", by_lightgbm)).predict(POINTS), by_lightgbm.predict_proba(POINTS)[:, 1])
    with pytest.raises(FormatError, match="fit"):
        _saved("a.lgb", lightgbm.LGBMClassifier())


def test_a_json_model_of_xgboost_loads_where_it_is_called_one() -> None:
    data = bytes(_xgboost_model().save_raw(raw_format="json"))
    loaded: Any = by_name("xgboost").load(Source("a.json", data=data), lifted=False, allow=NOTHING)
    np.testing.assert_array_equal(loaded.predict(xgboost.DMatrix(POINTS)), _xgboost_model().predict(xgboost.DMatrix(POINTS)))
    assert not identify("a.json", io.BytesIO(data)).mismatch


@pytest.mark.parametrize("kind", ["categories", "linear", "constant", "classes"])
def test_every_kind_of_lightgbm_tree_passes_the_look_at_it(kind: str) -> None:
    quiet: dict[str, Any] = {"verbose": -1, "num_threads": 1}
    letters = pd.DataFrame({"a": POINTS[:, 0], "c": pd.Categorical(list("abcd") * 20)})
    made = {
        "categories": ({**quiet, "min_data_per_group": 1, "max_cat_to_onehot": 1, "min_data_in_leaf": 2}, letters, letters.c.isin(["a", "c"]).astype(int)),
        "linear": ({**quiet, "linear_tree": True}, POINTS, POINTS[:, 2]),
        "constant": (quiet, POINTS, np.ones(80)),
        "classes": ({**quiet, "objective": "multiclass", "num_class": 3}, POINTS, np.arange(80) % 3),
    }
    options, table, target = made[kind]
    model = lightgbm.train(options, lightgbm.Dataset(table, label=target), 3)
    np.testing.assert_array_equal(_load("a.lgb", _saved("a.lgb", model)).predict(table), model.predict(table))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"left_child=\d+", b"left_child=0"),
        (rb"left_child=-?\d+", b"left_child=9999"),
        (rb"split_feature=\d+", b"split_feature=77"),
        (rb"leaf_value=\S+", b"leaf_value="),
        (rb"threshold=", b"thresholx="),
        (rb"leaf_value=\S", b"leaf_value=x"),
        (rb"\[num_iterations:", b"\n[num_iterations"),
    ],
)
def test_a_tree_that_would_end_the_process_is_refused(samples: dict[str, bytes], old: bytes, new: bytes) -> None:
    import re

    data = samples["a.lgb"]
    changed = re.sub(old, new, data, count=1)
    sizes = [int(size) for size in re.search(rb"tree_sizes=(.*)", data)[1].split()]  # type: ignore[index]  # every model has the line
    sizes[0] += len(changed) - len(data) if b"num_iterations" not in old else 0
    changed = re.sub(rb"tree_sizes=.*", b"tree_sizes=" + b" ".join(b"%d" % size for size in sizes), changed)
    assert changed != data
    with pytest.raises(FormatError, match=r"a\.lgb"):
        _load("a.lgb", changed)


# HDF5


def _same(ours: Any, plain: Any) -> None:
    if isinstance(plain, dict):
        assert list(ours) == sorted(plain)
        for name in plain:
            _same(ours[name], plain[name])
    else:
        assert ours.dtype == plain.dtype
        np.testing.assert_array_equal(ours, plain)


def test_a_tree_of_arrays_comes_back(samples: dict[str, bytes], tmp_path: Path) -> None:
    _same(_load("tree.h5", samples["tree.h5"]), TREE)
    assert samples["tree.h5"] == _saved("b.hdf5", TREE)
    path = tmp_path / "a.h5"
    path.write_bytes(samples["tree.h5"])
    with path.open("rb") as file:
        path.rename(tmp_path / "elsewhere")
        path.write_bytes(b"another file by the same name")
        _same(by_name("hdf5").load(Source("a.h5", file=file), lifted=False, allow=NOTHING), TREE)


def test_a_frame_is_what_pandas_reads(samples: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "plain.h5"
    path.write_bytes(samples["frame.h5"])
    pd.testing.assert_frame_equal(_load("frame.h5", samples["frame.h5"]), pd.read_hdf(path))
    with pd.HDFStore(path, "w") as store:
        store["one"], store["two/three"] = FRAME, FRAME["n"]
    loaded = _load("a.h5", path.read_bytes())
    assert list(loaded) == ["one", "two/three"]
    pd.testing.assert_series_equal(loaded["two/three"], FRAME["n"])
    assert not Path("checked.h5").exists()


def test_a_pickled_column_of_a_frame_is_judged_by_the_list(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.warns(pd.errors.PerformanceWarning):
        pd.DataFrame({"a": [os.getcwd, 1]}).to_hdf(path, key="a")
    data = path.read_bytes()
    with pytest.raises(DeniedGlobalError, match="getcwd"):
        _load("a.h5", data)
    assert _load("a.h5", data, lifted=True)["a"][0] is os.getcwd


def test_a_pickled_attribute_is_judged_by_the_list(samples: dict[str, bytes], tmp_path: Path) -> None:
    import pickle

    marker = tmp_path / "ran"
    payload = b"cposix\nmkdir\n(V" + os.fsencode(marker) + b"\ntR."
    assert pickle.loads(payload.replace(b"cposix\nmkdir", b"cbuiltins\nstr")) == str(marker)
    image = io.BytesIO(samples["frame.h5"])
    with h5py.File(image, "r+") as file:
        for name in list(file["data"].attrs):
            if name not in ("CLASS", "VERSION", "pandas_type"):
                file["data"].attrs[name] = np.bytes_(payload)
    with pytest.raises(DeniedGlobalError, match="mkdir"):
        _load("a.h5", image.getvalue())
    assert not marker.exists()


def _hdf5(write: Callable[[Any], None]) -> bytes:
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        write(file)
    return image.getvalue()


def _virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3,))
    file.create_virtual_dataset("v", layout)


def _itself(file: Any) -> None:
    file.create_group("a")["b"] = file["/"]


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda file: file.create_group("a").__setitem__("b", h5py.ExternalLink("/etc/passwd", "/x")), "/etc/passwd"),
        (lambda file: file.create_dataset("a", (11,), "u1", external=[("/etc/passwd", 0, 11)]), "/etc/passwd"),
        (_virtual, "virtual"),
        (_itself, "leads back"),
        (lambda file: file.create_dataset("a", (1 << 40,), "f8", chunks=(1 << 10,)), "of which it holds"),
    ],
    ids=["external-link", "external-storage", "virtual", "loop", "bomb"],
)
def test_hdf5_that_leads_out_or_explodes_is_refused(write: Callable[[Any], None], why: str) -> None:
    with pytest.raises(FormatError, match=why):
        _load("a.h5", _hdf5(write))


def test_links_within_the_file_are_followed() -> None:
    def write(file: Any) -> None:
        file["a/x"] = np.arange(3)
        file["b"] = h5py.SoftLink("/a/x")
        file["c"] = file["a/x"]

    loaded = _load("a.h5", _hdf5(write))
    assert loaded["b"] is loaded["c"] is loaded["a"]["x"]


def test_text_and_names_that_hdf5_cannot_hold_are_refused() -> None:
    for wrong in ({"a/b": np.ones(1)}, {1: np.ones(1)}, {"a": np.array([None])}, {"a": np.array([1, "x"], dtype=object)}):
        with pytest.raises(FormatError):
            _saved("a.h5", wrong)


# Images

PICTURES = {
    "cats/001.png": np.random.default_rng(1).integers(0, 255, (4, 5, 3), "uint8"),
    "cats/002.bmp": np.zeros((2, 2), "uint8"),
    "dogs/deep/003.webp": np.full((3, 3, 4), 200, "uint8"),
}


def _folder(tmp_path: Path, pictures: dict[str, Any]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for_saving("data/photos", pictures).save(pictures, folder)
    return folder


def _load_folder(folder: Path) -> Any:
    found = identify("photos", folder).format
    assert found is not None
    return found.load(Source("photos", folder=folder), lifted=False, allow=NOTHING)


def test_a_folder_of_images_comes_back_with_its_classes(tmp_path: Path) -> None:
    folder = _folder(tmp_path, PICTURES)
    (folder / "labels.csv").write_text("a,b\n")
    loaded = _load_folder(folder)
    assert list(loaded) == sorted(PICTURES)
    for name, picture in PICTURES.items():
        np.testing.assert_array_equal(loaded[name], np.asarray(Image.open(folder / name)))
        np.testing.assert_array_equal(loaded[name], picture)


def test_pillow_images_and_palettes_become_arrays(tmp_path: Path) -> None:
    picture = Image.fromarray(PICTURES["cats/001.png"])
    folder = _folder(tmp_path, {"a.png": picture.convert("P"), "b.jpg": picture})
    loaded = _load_folder(folder)
    assert loaded["a.png"].shape == loaded["b.jpg"].shape == (4, 5, 3)


def test_other_folders_are_no_folders_of_images(tmp_path: Path) -> None:
    folder = _folder(tmp_path, PICTURES)
    (folder / "model.pkl").write_bytes(b"\x80\x04N.")
    assert identify("photos", folder).format is None
    (folder / "model.pkl").unlink()
    for name in PICTURES:
        (folder / name).write_bytes(b"\x80\x04N.")
    assert identify("photos", folder).format is None


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _folder(tmp_path, PICTURES)
    Image.new("1", (20_000, 5_000)).save(folder / "cats/bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60_000_000)
    with pytest.raises(FormatError, match=r"cats/bomb\.png.*100,000,000 pixels"):
        _load_folder(folder)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000_000)
    with pytest.raises(FormatError, match=r"cats/bomb\.png"):
        _load_folder(folder)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\x80\x04N.", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_what_is_no_image_is_named(tmp_path: Path, data: bytes) -> None:
    folder = _folder(tmp_path, PICTURES)
    (folder / "cats/z.png").write_bytes(data)
    with pytest.raises(FormatError, match=r"photos/cats/z\.png"):
        _load_folder(folder)


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/../../b.png", "a\\b.png", ".a.png"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="cannot be the name"):
        _folder(tmp_path, {name: PICTURES["cats/001.png"]})


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a\.png"):
        _folder(tmp_path, {"a.png": np.ones((2, 2, 7))})
    with pytest.raises(FormatError):
        by_name("images").save({"a.txt": np.ones(1)}, tmp_path)


def test_a_project_saves_and_loads_them_all(ada: Any) -> None:
    ada.init()
    (ada.root / "models").mkdir()
    (ada.root / "data/derived").mkdir(parents=True)
    run = ada.new_run()
    scaler = StandardScaler().fit(POINTS)
    for name, value in {
        "models/a.skops": scaler,
        "models/a.keras": _keras_model(),
        "models/a.onnx": _onnx_model(),
        "models/a.ubj": _xgboost_model(),
        "models/a.lgb": _lightgbm_model(),
        "data/derived/tree.h5": TREE,
        "data/derived/frame.h5": FRAME,
        "data/derived/photos": PICTURES,
    }.items():
        ada.save(value, name, run)
        assert ada.load(name, run) is not None
    np.testing.assert_array_equal(ada.load("data/derived/photos", run)["cats/001.png"], PICTURES["cats/001.png"])
