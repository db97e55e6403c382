"""What people really save loads through the allowlist, unsigned, and is what the plain library call gives."""

from __future__ import annotations

import copyreg
import datetime
import functools
import gzip
import io
import pickle
import warnings
from typing import Any

import honest_objects
import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.tree._tree import Tree

from jupyter_mlsc.errors import DeniedGlobalError
from jupyter_mlsc.formats import Source, identify

NOTHING: frozenset[str] = frozenset()


def _load(name: str, data: bytes) -> object:
    identified = identify(name, io.BytesIO(data))
    assert identified.format is not None
    assert not identified.mismatch
    return identified.format.load(Source(name, data=data), lifted=False, allow=NOTHING)


def _joblib(obj: object, compress: Any = 0) -> bytes:
    file = io.BytesIO()
    joblib.dump(obj, file, compress=compress)
    return file.getvalue()


def _same(ours: object, plain: object) -> bool:
    """Whether two objects have the same contents, down to every attribute; joblib hashes by contents."""
    if isinstance(plain, pd.DataFrame):
        pd.testing.assert_frame_equal(ours, plain)
        return True
    if isinstance(plain, pd.Series):
        pd.testing.assert_series_equal(ours, plain)
        return True
    with pytest.MonkeyPatch.context() as patch:
        # The nodes of a tree have padding bytes that nobody sets.
        patch.setitem(copyreg.dispatch_table, Tree, lambda tree: (tuple, ([tree.__getstate__()["nodes"].tolist(), tree.__getstate__()["values"].tolist()],)))
        try:
            return bool(type(ours) is type(plain) and joblib.hash(ours) == joblib.hash(plain))
        except ValueError:  # joblib cannot hash what contains masked arrays
            return pickle.dumps(pickle.loads(pickle.dumps(ours))) == pickle.dumps(pickle.loads(pickle.dumps(plain)))


@functools.cache
def _objects(kind: str) -> dict[str, Any]:
    made: dict[str, Any] = getattr(honest_objects, kind)()
    return made


@pytest.mark.parametrize("kind", ["estimators", "frames", "values"])
def test_honest_pickles_and_joblib_files_load(kind: str) -> None:
    failed = {}
    for name, obj in _objects(kind).items():
        files = {f"{name}.{protocol}.pkl": pickle.dumps(obj, protocol) for protocol in (0, 2, 5)} | {f"{name}.joblib": _joblib(obj)}
        for file, data in files.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                plain = joblib.load(io.BytesIO(data)) if file.endswith("joblib") else pickle.loads(data)
            try:
                assert _same(_load(file, data), plain)
            except (DeniedGlobalError, AssertionError) as err:
                failed[file] = str(err)
    assert failed == {}


def test_there_are_many_of_them() -> None:
    assert len(_objects("estimators")) > 100
    assert len(_objects("frames")) > 20


def test_loaded_models_predict_as_the_saved_ones() -> None:
    X = honest_objects._data()[0]
    for name in ("forest", "hist_gradient_boosting", "svc", "knn_kd_tree", "mlp", "grid_search", "gaussian_process", "stacking", "calibrated"):
        model = _objects("estimators")[name]
        np.testing.assert_array_equal(_load(f"{name}.joblib", _joblib(model)).predict(X), model.predict(X))  # type: ignore[attr-defined]  # it is a model


@pytest.mark.parametrize("compress", [3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)], ids=str)
def test_compressed_files_load(compress: Any) -> None:
    model = _objects("estimators")["forest"]
    assert _same(_load("model.joblib", _joblib(model, compress)), model)
    assert _same(_load("model.pkl", gzip.compress(pickle.dumps(model))), model)


def test_honest_torch_files_load() -> None:
    objects = honest_objects.torch_objects()
    for name, obj in objects.items():
        for zipped in (True, False):
            if not zipped and name in ("storage", "new_dtypes"):
                continue  # torch itself cannot read these back from its old format
            file = io.BytesIO()
            torch.save(obj, file, _use_new_zipfile_serialization=zipped)
            plain = torch.load(io.BytesIO(file.getvalue()), weights_only=False)
            ours = _load(f"{name}.pt", file.getvalue())
            assert _torch_same(ours, plain), name


def _torch_same(ours: Any, plain: Any) -> bool:
    if isinstance(plain, torch.nn.Module):
        return type(ours) is type(plain) and str(ours) == str(plain) and _torch_same(dict(ours.state_dict()), dict(plain.state_dict()))
    if isinstance(plain, torch.Tensor):
        if plain.layout is not torch.strided:
            return torch.equal(ours.to_dense(), plain.to_dense())
        return (
            ours.dtype == plain.dtype
            and ours.stride() == plain.stride()
            and torch.equal(ours.view(torch.uint8) if plain.dtype.itemsize == 1 else ours, plain.view(torch.uint8) if plain.dtype.itemsize == 1 else plain)
        )
    if isinstance(plain, dict):
        return ours.keys() == plain.keys() and all(_torch_same(ours[key], plain[key]) for key in plain)
    if isinstance(plain, list):
        return len(ours) == len(plain) and all(map(_torch_same, ours, plain))
    if isinstance(plain, np.ndarray):
        return bool((ours == plain).all())
    if isinstance(plain, torch.UntypedStorage | torch.storage.TypedStorage):
        return bytes(ours.tolist()) == bytes(plain.tolist())
    return bool(ours == plain)


def test_object_arrays_load() -> None:
    array = np.array([1, "a", None, [1, 2], datetime.date(2020, 1, 1)], dtype=object)
    file, several = io.BytesIO(), io.BytesIO()
    np.save(file, array)
    np.savez(several, a=array, b=np.arange(3))
    assert _same(_load("a.npy", file.getvalue()), array)
    assert _same(_load("a.npz", several.getvalue())["a"], array)  # type: ignore[index]  # it is a dict


def test_what_is_honest_and_still_needs_a_signature_is_named() -> None:
    """docs/unpickle.md lists these; each is refused for a reason that has to do with what it could do in other hands."""
    from sklearn.preprocessing import FunctionTransformer

    for obj, named in (
        (FunctionTransformer(np.nan_to_num), "numpy.nan_to_num"),
        (functools.partial(int, base=2), "functools.partial"),
        (torch.ones(2), "torch.storage._load_from_bytes"),
    ):
        with pytest.raises(DeniedGlobalError) as refused:
            _load("a.pkl", pickle.dumps(obj))
        assert refused.value.global_name == named
