"""Files compared by meaning in a process of their own: what they hold, and what a hostile one must not do."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from jupyter_mlsc.comparing import compared
from jupyter_mlsc.likeness import Likeness


def compare(first: Path, second: Path, tolerance: float = 0.0, name: str | None = None, allow: frozenset[str] = frozenset()) -> Likeness | str:
    return compared(first, second, name=name or first.name, tolerance=tolerance, allow=allow, folder=first.parent)


def written(folder: Path, name: str, value: Any) -> Path:
    place = folder / name
    place.parent.mkdir(exist_ok=True)
    writers = {
        ".csv": lambda: value.to_csv(place, index=False),
        ".parquet": lambda: value.to_parquet(place),
        ".json": lambda: place.write_text(json.dumps(value)),
        ".npy": lambda: np.save(place, value),
        ".joblib": lambda: joblib.dump(value, place),
        ".pkl": lambda: place.write_bytes(pickle.dumps(value)),
    }
    writers[place.suffix]()
    return place


FRAME = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
KINDS = [
    ("t.csv", FRAME, FRAME.assign(x=[1.0, 2.0 + 1e-9]), "['x']"),
    ("t.parquet", FRAME, FRAME.assign(x=[1.0, 2.0 + 1e-9]), "['x']"),
    ("metrics.json", {"auc": 0.5}, {"auc": 0.5 + 1e-9}, "['auc']"),
    ("a.npy", np.zeros(3), np.full(3, 1e-9), ""),
    ("m.joblib", {"w": np.zeros(3)}, {"w": np.full(3, 1e-9)}, "['w']"),
]


@pytest.mark.parametrize(("name", "first", "second", "where"), KINDS, ids=[row[0] for row in KINDS])
def test_values_are_compared_whatever_they_lie_in(tmp_path: Path, name: str, first: Any, second: Any, where: str) -> None:
    one, other = written(tmp_path / "1", name, first), written(tmp_path / "2", name, second)
    exact, near = compare(one, other), compare(one, other, 1e-6)
    assert isinstance(exact, Likeness)
    assert isinstance(near, Likeness)
    assert (exact.is_alike, near.is_alike, exact.where) == (False, True, where)


class Payload:
    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self._place),)


def test_a_hostile_output_runs_nothing_and_is_not_comparable(tmp_path: Path) -> None:
    made = tmp_path / "made"
    honest, hostile = written(tmp_path / "1", "m.pkl", {"a": 1}), written(tmp_path / "2", "m.pkl", Payload(made))
    told = compare(honest, hostile)
    assert isinstance(told, str)
    assert "posix.mkdir" in told
    assert not made.exists()


def test_a_module_in_the_folder_of_the_output_is_not_imported(tmp_path: Path) -> None:
    one, other = written(tmp_path / "1", "t.csv", FRAME), written(tmp_path / "2", "t.csv", FRAME)
    (tmp_path / "1" / "pandas.py").write_text("import os; os.mkdir('ran'); raise SystemExit")
    found = compare(one, other)
    assert isinstance(found, Likeness)
    assert found.is_alike
    assert not (tmp_path / "1" / "ran").exists()


def test_no_secret_is_in_the_childs_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLSC_KEY_PASSPHRASE", "MLSC_HOME", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    names = ("MLSC_KEY_PASSPHRASE", "MLSC_HOME", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH")
    from jupyter_mlsc import comparing

    assert not set(names) & set(comparing.kept_environment())


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"{not json"])
def test_what_cannot_be_read_is_not_comparable(tmp_path: Path, content: bytes) -> None:
    one = written(tmp_path / "1", "m.json", {"a": 1})
    other = tmp_path / "m.json"
    other.write_bytes(content)
    assert isinstance(compare(one, other), str)


def test_what_no_format_is_known_of_is_not_comparable(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x01")
    (tmp_path / "b.bin").write_bytes(b"\x02")
    assert "no format" in str(compare(tmp_path / "a.bin", tmp_path / "b.bin"))


def test_a_child_that_says_nothing_is_not_comparable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = written(tmp_path / "1", "m.json", {"a": 1})
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert "said nothing" in str(compare(one, one))
