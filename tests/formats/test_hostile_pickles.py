"""Hostile pickles in every container that can carry one: nothing of them runs, and the refusal names the global."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hostile_pickles import CONTAINERS, hostile_pickles

from jupyter_mlsc.errors import DeniedGlobalError
from jupyter_mlsc.formats import Source, identify
from jupyter_mlsc.formats.unpickling import unpickling

WORDS = sorted(hostile_pickles("unused"))
NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize("word", WORDS)
def test_nothing_of_a_hostile_pickle_runs_in_any_container(tmp_path: Path, word: str) -> None:
    marker = tmp_path / "ran"
    hostile = hostile_pickles(str(marker))[word]
    for name, contain in CONTAINERS.items():
        data = contain(hostile.data)
        found = identify(name, io.BytesIO(data)).format
        assert found is not None
        assert found.runs_code, "the bytes must tell that code can run"
        with pytest.raises(DeniedGlobalError) as refused:
            found.load(Source(name, data=data), lifted=False, allow=NOTHING)
        assert not list(tmp_path.iterdir()), name
        assert (refused.value.artifact, refused.value.global_name) == (name, hostile.names)
        assert hostile.names in str(refused.value)
        assert isinstance(refused.value, pickle.UnpicklingError)
        assert refused.value.exit_code == 1


@pytest.mark.parametrize("word", WORDS)
def test_the_list_holds_for_the_libraries_own_loaders(tmp_path: Path, word: str) -> None:
    """The hook alone, without this package's unpickler: what a gate that marks the thread can count on."""
    marker = tmp_path / "ran"
    hostile = hostile_pickles(str(marker))[word]
    (tmp_path / "file.pkl").write_bytes(hostile.data)
    loaders: dict[str, Callable[[], object]] = {
        "pickle in C": lambda: pickle.loads(hostile.data),
        "pickle in Python": lambda: pickle._loads(hostile.data),  # type: ignore[attr-defined]  # the Python twin, which pandas and joblib build on
        "pandas": lambda: pd.read_pickle(tmp_path / "file.pkl"),
        "joblib": lambda: joblib.load(io.BytesIO(hostile.data)),
        "numpy": lambda: np.load(io.BytesIO(CONTAINERS["objects.npy"](hostile.data)), allow_pickle=True),
        "torch": lambda: torch.load(io.BytesIO(CONTAINERS["zipped.pt"](hostile.data)), weights_only=False),
        "torch before 1.6": lambda: torch.load(io.BytesIO(CONTAINERS["legacy.pt"](hostile.data)), weights_only=False),
    }
    for name, load in loaders.items():
        with pytest.raises(DeniedGlobalError) as refused, unpickling("file.pkl", lifted=False, allow=NOTHING):
            load()
        assert refused.value.global_name == hostile.names, name
        assert not marker.exists()


def test_the_payloads_are_alive(tmp_path: Path) -> None:
    """Without the allowlist each of them does what it is for, so that the test above tests something."""
    words = [word for word in WORDS if hostile_pickles("x")[word].lives]
    script = (
        "import pathlib, pickle, sys, warnings; warnings.simplefilter('ignore')\n"
        "from hostile_pickles import hostile_pickles\n"
        "for word in sys.argv[2:]:\n"
        "    try: pickle.loads(hostile_pickles(sys.argv[1] + '/' + word)[word].data)\n"
        "    except Exception as err: print(word, repr(err), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), *words],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    made = {path.name.removesuffix(".prof") for path in tmp_path.iterdir()}
    assert len(words) >= 30
    assert set(words) - made == set(), done.stderr


@pytest.mark.parametrize("word", ["os_open", "sqlite", "gzip_open", "protocol_0"])
def test_a_signature_lifts_the_list_for_the_same_bytes(tmp_path: Path, word: str) -> None:
    """What is refused is refused because of the list alone: what a person vouched for runs."""
    marker = tmp_path / "ran"
    data = hostile_pickles(str(marker))[word].data
    for name in ("a.pkl", "a.joblib"):
        found = identify(name, io.BytesIO(data)).format
        assert found is not None
        found.load(Source(name, data=data), lifted=True, allow=NOTHING)
        assert marker.exists()
        marker.unlink()
