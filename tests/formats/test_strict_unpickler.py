"""Listed names put together to what nobody reviewed: each is refused by the strict unpickler, in all of its containers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hostile_pickles import CONTAINERS, Build, Call, Named, Raw, as_pickle

from jupyter_mlsc.errors import DeniedGlobalError, FormatError
from jupyter_mlsc.formats import Source, identify

SCORER = Named("sklearn.metrics._scorer", "_Scorer")
NAMESPACE = Named("argparse", "Namespace")


def _made(kind: Named, state: dict[str, Any]) -> Build:
    return Build(Call(Named("copyreg", "_reconstructor"), kind, Named("builtins", "object"), None), state)


FRAME = Call(Named("pandas", "DataFrame"), {"a": [1]})
GADGET = _made(SCORER, {"_response_method": "to_csv", "_score_func": Named("numpy", "absolute"), "_sign": 1, "_kwargs": {}})
ASSEMBLED = {
    # A scorer looks up a method of its first argument by a name in its state: DataFrame.to_csv(path) would write a file.
    "calling a scorer": Call(GADGET, FRAME, "ran", None),
    "calling an instance": Call(_made(NAMESPACE, {}), 1),
    "calling what was called": Call(Call(Named("builtins", "type"), 1), 1),
    "passing a scorer to a constructor that calls it": Call(Named("numpy.random._pickle", "__generator_ctor"), "x", GADGET),
    "a default that calls": Call(Named("collections", "defaultdict"), GADGET),
    "changing a class": Build(Named("sklearn.linear_model._logistic", "LogisticRegression"), (None, {"predict": Named("torch.nn.functional", "relu")})),
    "changing a class that calls nothing": Build(Named("sklearn.linear_model._logistic", "LogisticRegression"), (None, {"max_iter": 1})),
    "changing a compiled function": Build(Named("sklearn.neighbors._kd_tree", "newObj"), {"note": 1}),
    "changing a function": Build(Named("torch.nn.functional", "relu"), (None, {"__defaults__": (True,)})),
    "a __setstate__ of one's own": Build(_made(NAMESPACE, {"__setstate__": GADGET}), 1),
    "appending to a module list": Raw(Call(Named("torch.nn.modules.container", "ModuleList")), b"K\x01a"),
    "adding to a frame": Raw(FRAME, b"(K\x01\x90"),
    "setting an item of a frame": Raw(FRAME, b"\x8c\x01aK\x02s"),
    "getattr of a listed class": Call(Named("builtins", "getattr"), Named("pandas", "DataFrame"), "to_csv"),
    "getattr of a time zone": Call(Named("builtins", "getattr"), Named("zoneinfo", "ZoneInfo"), "from_file"),
    "getattr of an instance": Call(Named("builtins", "getattr"), Call(Named("zoneinfo", "ZoneInfo"), "UTC"), "_unpickle"),
    "old getattr": Raw(b"c__builtin__\ngetattr\ncpandas\nDataFrame\n\x8c\x06to_csv\x86R"),
}


# Where a library's own unpickler reads (numpy's object arrays), only the list holds, which is enough for whatever could reach further.
ENOUGH_FOR_THE_LIST = [word for word in ASSEMBLED if word.startswith(("calling a scorer", "passing", "a default", "getattr", "old"))]


@pytest.mark.parametrize(
    ("name", "word"),
    [(name, word) for name in ("plain.pkl", "plain.joblib", "packed.joblib", "zipped.pt", "legacy.pt") for word in ASSEMBLED]
    + [("objects.npy", word) for word in ENOUGH_FOR_THE_LIST],
)
def test_what_is_put_together_from_listed_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    data = CONTAINERS[name](as_pickle(ASSEMBLED[word]))
    found = identify(name, io.BytesIO(data)).format
    assert found is not None
    with pytest.raises(DeniedGlobalError) as refused:
        found.load(Source(name, data=data), lifted=False, allow=frozenset())
    by_name = "which no list allows" in str(refused.value)
    assert by_name is (name == "objects.npy" or word == "calling what was called" or "getattr" in word), "each is refused for what it does, not for a name"
    assert not list(tmp_path.iterdir())


def test_arguments_that_are_no_tuple_are_refused() -> None:
    found = identify("a.pkl", io.BytesIO(b"N.")).format
    assert found is not None
    with pytest.raises(FormatError):
        found.load(Source("a.pkl", data=as_pickle(Raw(Named("builtins", "list"), b"]R"))), lifted=False, allow=frozenset())
