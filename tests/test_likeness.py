"""Two values beside each other: what is alike, what is not, by how much and where; of real models and tables."""

from __future__ import annotations

import copy
import datetime
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from jupyter_mlsc import likeness as module
from jupyter_mlsc.likeness import likeness

POINTS = np.random.RandomState(0).rand(120, 3)
CLASSES = (POINTS[:, 0] > 0.5).astype(int)
FRAME = pd.DataFrame(
    {
        "a": [1.0, 2.0, np.nan],
        "b": ["x", None, "z"],
        "t": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
        "c": pd.Categorical(["u", "v", "u"]),
    }
)
MODELS = [
    LogisticRegression(),
    make_pipeline(StandardScaler(), LogisticRegression()),
    SVC(),
    KNeighborsClassifier(),
    RandomForestClassifier(5, random_state=0),
    GradientBoostingClassifier(n_estimators=5, random_state=0),
]


def again(value: Any) -> Any:
    """The same in other objects, as a second load gives it."""
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_model_is_like_itself_near_to_one_of_near_data_and_not_like_one_of_other_data(model: Any) -> None:
    data = ((POINTS, CLASSES), (POINTS + 1e-6, CLASSES), (POINTS[::2], CLASSES[::2]))
    fitted, near, other = (copy.deepcopy(model).fit(points, classes) for points, classes in data)
    assert likeness(fitted, again(fitted), 0).is_alike
    assert not likeness(fitted, again(near), 0).is_alike
    assert likeness(fitted, again(near), 1e-4).is_alike
    assert not likeness(fitted, again(other), 1e-4).is_alike


ALIKE = [
    ("a table", FRAME, FRAME.copy()),
    ("a table of other types with the same values", pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1.0, 2.0]})),
    ("a column of objects", FRAME.astype({"a": object}), FRAME),
    ("nothing like nothing", float("nan"), float("nan")),
    ("nothing in arrays", np.array([1, np.nan]), np.array([1, np.nan])),
    ("no time like no time", np.array(["NaT"], "M8[s]"), np.array(["NaT"], "M8[s]")),
    ("nested containers", {"a": [1, (2, {"b": None})]}, {"a": [1, (2, {"b": None})]}),
    ("keys in another order", {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ("half precision", torch.zeros(2, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.bfloat16)),
    ("sparse matrices", scipy.sparse.csr_matrix(POINTS), scipy.sparse.csr_matrix(POINTS)),
    ("dates", datetime.date(2020, 1, 1), datetime.date(2020, 1, 1)),
    ("functions by name", np.mean, np.mean),
    ("numbers of numpy and of Python", np.float64(0.5), 0.5),
]
UNLIKE = [
    ("one value of a table", FRAME, FRAME.assign(a=[1.0, 2.5, np.nan]), "['a']", 0.2),
    ("a value where there was none", FRAME, FRAME.assign(a=[1.0, 2.0, 3.0]), "['a']", None),
    ("a text", FRAME, FRAME.assign(b=["x", None, "y"]), "['b'][2]", None),
    ("a time", FRAME, FRAME.assign(t=pd.to_datetime(["2020-01-01", None, "2022-01-01"])), "['t'][2]", None),
    ("a column's name", FRAME, FRAME.rename(columns={"a": "z"}), " (its columns)", None),
    ("the order of columns", FRAME, FRAME[["b", "a", "t", "c"]], " (its columns)", None),
    ("a row less", FRAME, FRAME.iloc[:2], "['(its index)'] (its shape)", None),
    ("the index", FRAME, FRAME.set_index([[0, 1, 5]]), "['(its index)']", 0.6),
    ("a metric", {"auc": 0.91}, {"auc": 0.93}, "['auc']", 0.02),
    ("a key more", {"a": 1}, {"a": 1, "b": 1}, "['b']", None),
    ("a list's length", [1, 2], [1, 2, 3], " (its length)", None),
    ("an array's shape", np.zeros(3), np.zeros(4), " (its shape)", None),
    ("an array's fields", np.zeros(1, [("a", int)]), np.zeros(1, [("b", int)]), " (its fields)", None),
    ("infinity", float("inf"), 1.0, "", None),
    ("a large whole number", 2**60, 2**60 + 1, "", None),
    ("large whole numbers in an array", np.array([1, 2**60]), np.array([1, 2**60 + 1]), "", None),
    ("text and number", "1", 1, "", None),
    ("a class and another", LogisticRegression(), SVC(), "", None),
    ("true and text", True, "True", "", None),
    ("functions", np.mean, np.sum, None, None),
    ("dates", datetime.date(2020, 1, 1), datetime.date(2020, 1, 2), None, None),
    ("sets", {1, 2}, {1, 3}, "", None),
    ("weights", torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), None, None),
]


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in ALIKE], ids=[row[0] for row in ALIKE])
def test_it_is_alike(first: Any, second: Any) -> None:
    found = likeness(first, second, 0)
    assert (found.is_alike, found.largest) == (True, None)
    assert likeness(second, first, 0).is_alike


@pytest.mark.parametrize(("first", "second", "where", "largest"), [row[1:] for row in UNLIKE], ids=[row[0] for row in UNLIKE])
def test_it_is_not_alike(first: Any, second: Any, where: str | None, largest: float | None) -> None:
    found = likeness(first, second, 0)
    assert not found.is_alike
    assert where is None or found.where == where
    assert largest is None or found.largest == pytest.approx(largest)
    assert not likeness(second, first, 0).is_alike


def test_a_difference_is_relative_to_large_numbers_and_absolute_for_small_ones() -> None:
    assert likeness(1e9, 1e9 + 1, 1e-8).is_alike
    assert not likeness(1e-9, 2e-9, 1e-10).is_alike
    assert likeness(1e-9, 2e-9, 1e-8).is_alike
    assert likeness(np.array([1e9]), np.array([1e9 + 1]), 1e-8).is_alike


def test_the_largest_of_several_differences_is_told_with_its_place_and_all_are_counted() -> None:
    found = likeness({"a": [1.0, 2.0], "b": np.array([0.0, 0.5])}, {"a": [1.5, 2.0], "b": np.array([0.9, 0.6])}, 0.01)
    assert (found.differing, found.where) == (3, "['b']")
    assert found.largest == pytest.approx(0.9)
    within = likeness({"a": 1.0}, {"a": 1.001}, 0.01)
    assert (within.is_alike, within.where) == (True, "['a']")


def test_what_refers_to_itself_comes_to_an_end() -> None:
    first: list[Any] = [1]
    second: list[Any] = [1]
    first.append(first)
    second.append(second)
    assert likeness(first, second, 0).is_alike
    second[0] = 2
    assert not likeness(first, second, 0).is_alike


def test_what_is_not_understood_is_not_alike() -> None:
    class Closed:
        def __getstate__(self) -> object:
            raise TypeError("no")

    assert not likeness(Closed(), Closed(), 1).is_alike
    assert not likeness(open(__file__, "rb"), open(__file__, "rb"), 1).is_alike  # noqa: SIM115  # closed with the test


def test_what_is_larger_than_can_be_looked_at_is_not_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", 100)
    assert not likeness([[each] for each in range(200)], [[each] for each in range(200)], 0).is_alike
