"""Wrapping the real libraries changes nothing that a program can notice, works before and after their import, and can be taken back."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import inspect
import pickle
import pydoc
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import wrapt

from jupyter_mlsc.kernel.adapters import unpicklers
from jupyter_mlsc.kernel.adapters.row import Row
from jupyter_mlsc.kernel.adapters.tables import WATCHED
from jupyter_mlsc.kernel.adapters.watched import is_watched
from jupyter_mlsc.kernel.adapters.wrapping import Wrapping
from jupyter_mlsc.verdict import Verdict

OF_OTHER_VERSIONS = {
    "duckdb.DuckDBPyRelation.execute": "DuckDB before 2",
    "duckdb.DuckDBPyRelation.fetchmany": "DuckDB before 2",
    "duckdb.DuckDBPyRelation.fetchone": "DuckDB before 2",
}


NATIVE_CLASSES = {"pyarrow.OSFile", "pyarrow.csv.CSVWriter", "safetensors.safe_open"}
"""Classes that let no method be set: what stands in for them has another identity, and tells of a signature where Arrow's tell of none."""


class Recorder:
    """Writes down what the wrappers report."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.on = True

    def watches(self) -> bool:
        return self.on

    def reading(self, path: str) -> list[Verdict]:
        self.heard.append(("read", path))
        return []

    def writing(self, path: str) -> None:
        self.heard.append(("write", path))

    def started(self, event: str) -> None:
        self.heard.append(("start", event))

    def unpickling(self, path: str | None, verdicts: list[Verdict]) -> AbstractContextManager[Any]:
        return nullcontext()


def installed() -> list[Row]:
    """The rows whose library is here, imported."""
    found = []
    for row in WATCHED:
        if importlib.util.find_spec(row.library) is not None:
            importlib.import_module(row.module)
            found.append(row)
    return found


def resolved(row: Row) -> Any:
    """What a program gets when it names the function."""
    value: Any = sys.modules[row.module]
    for name in filter(None, row.name.split(".")):
        value = getattr(value, name)
    return value


def outcome(ask: Any, *arguments: Any) -> Any:
    """A value, or the kind of error: what must be the same with and without wrapping."""
    try:
        return ask(*arguments)
    except Exception as error:  # noqa: BLE001  # any error is an outcome to compare
        return type(error).__name__


def looks(row: Row) -> dict[str, Any]:
    """What a program can ask about a function, and about the class that it belongs to."""
    function = resolved(row)
    owner = resolved(Row(row.module, row.name.rpartition(".")[0])) if "." in row.name else function
    return {
        "name": outcome(lambda: (function.__name__, function.__qualname__, function.__module__, function.__doc__)),
        "signature": str(outcome(inspect.signature, function)),
        "class": str(outcome(inspect.signature, owner)) if inspect.isclass(owner) else "",
        "help": _help(outcome(pydoc.render_doc, owner if inspect.isclass(owner) else function)),
        "kind": (callable(function), inspect.isclass(function), inspect.isfunction(function)),
        # DuckDB's connections hold functions of another name.
        "pickle": outcome(pickle.dumps, function) if not row.name.startswith("DuckDBPyConnection.") else "",
        "source": outcome(inspect.getsource, function) if isinstance(function, FunctionType) else "",
    }


def _help(text: Any) -> str:
    """Without the first line, where native functions are told by their type, and without what differs from call to call."""
    return "\n".join(line.partition(" at 0x")[0].partition(" = <nanobind")[0].removesuffix("(...)") for line in str(text).splitlines()[1:])


@pytest.fixture
def wrapping() -> Iterator[tuple[Wrapping, Recorder]]:
    made, recorder = Wrapping(WATCHED), Recorder()
    yield made, recorder
    made.end()


def test_nothing_that_a_program_can_ask_is_changed(wrapping: tuple[Wrapping, Recorder]) -> None:
    rows = [row for row in installed() if f"{row.module}.{row.name}" not in OF_OTHER_VERSIONS]
    before = {f"{row.module}.{row.name}": looks(row) for row in rows}
    made, recorder = wrapping
    made.begin(recorder)
    assert set(made.missing) <= set(OF_OTHER_VERSIONS), "the table names what the installed libraries do not have"
    changed = {}
    for row in rows:
        name = f"{row.module}.{row.name}"
        after = looks(row)
        if name in NATIVE_CLASSES:
            assert after["help"] != "TypeError"
            after.update(help=before[name]["help"])
            after.update({key: before[name][key] for key in ("signature", "class") if before[name][key] == "ValueError"})
        changed.update({(name, key): (value, after[key]) for key, value in before[name].items() if after[key] != value})
    assert changed == {}


def test_everything_is_put_back(wrapping: tuple[Wrapping, Recorder]) -> None:
    rows = [row for row in installed() if f"{row.module}.{row.name}" not in OF_OTHER_VERSIONS]

    def held() -> dict[str, int]:
        """Every function and class that any module holds; numbers and the like change by themselves, for instance when rubbish is collected."""
        named = [(f"{name}.{key}", value) for name, module in list(sys.modules.items()) for key, value in list(getattr(module, "__dict__", {}).items())]
        return {name: id(value) for name, value in named if callable(value)}

    static = [inspect.getattr_static(resolved(Row(row.module, row.name.rpartition(".")[0])), row.name.rpartition(".")[2]) for row in rows]
    before = held()
    made, recorder = wrapping
    made.begin(recorder)
    made.end()
    after = held()
    assert {name for name, value in before.items() if name in after and after[name] != value and "test_wrapping" not in name} == set()
    assert static == [inspect.getattr_static(resolved(Row(row.module, row.name.rpartition(".")[0])), row.name.rpartition(".")[2]) for row in rows]
    assert not any(isinstance(each, wrapt.ObjectProxy) for each in static)


def test_instances_and_subclasses_of_wrapped_classes_are_what_they_were(wrapping: tuple[Wrapping, Recorder], tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    (tmp_path / "a").write_bytes(b"one")
    real = pyarrow.OSFile
    made, recorder = wrapping
    made.begin(recorder)
    assert is_watched(pyarrow.OSFile)
    with pyarrow.OSFile(str(tmp_path / "a")) as file:
        assert type(file) is real
        assert isinstance(file, pyarrow.OSFile)
        assert isinstance(file, pyarrow.NativeFile)
    assert issubclass(pyarrow.OSFile, pyarrow.NativeFile)

    class Mine(pyarrow.OSFile):  # type: ignore[misc]  # pyarrow has no types
        pass

    assert issubclass(Mine, real)
    assert Mine(str(tmp_path / "a")).read() == b"one"
    assert (pyarrow.OSFile.__name__, pyarrow.OSFile.__doc__, repr(pyarrow.OSFile)) == (real.__name__, real.__doc__, repr(real))
    assert "NativeFile" in pydoc.render_doc(pyarrow.OSFile)
    assert pickle.loads(pickle.dumps(pyarrow.OSFile)) is pyarrow.OSFile
    assert recorder.heard == [("read", str(tmp_path / "a"))]


def test_wrapped_functions_travel_to_other_processes(wrapping: tuple[Wrapping, Recorder]) -> None:
    pandas, cloudpickle = pytest.importorskip("pandas"), pytest.importorskip("cloudpickle")
    made, recorder = wrapping
    frame = pandas.DataFrame({"a": [1]})
    made.begin(recorder)
    for function in (pandas.read_pickle, pickle.load, pandas.DataFrame.to_parquet):
        assert pickle.loads(pickle.dumps(function)) == function
        assert copy.deepcopy(function) == function
        assert cloudpickle.loads(cloudpickle.dumps(function)) == function
    assert pickle.loads(pickle.dumps(frame.to_parquet)).__self__.equals(frame)


def test_a_function_that_was_imported_by_name_before_is_watched_too(wrapping: tuple[Wrapping, Recorder], tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    globals()["read_by_name"] = pandas.read_pickle
    made, recorder = wrapping
    pandas.Series([1]).to_pickle(tmp_path / "a.pkl")
    made.begin(recorder)
    globals()["read_by_name"](tmp_path / "a.pkl")
    assert ("read", str(tmp_path / "a.pkl")) in recorder.heard
    made.end()
    assert globals().pop("read_by_name") is pandas.read_pickle


def test_a_thread_that_is_not_watched_reports_nothing(wrapping: tuple[Wrapping, Recorder], tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    made, recorder = wrapping
    numpy.save(tmp_path / "a.npy", [1])
    made.begin(recorder)
    recorder.on = False
    numpy.load(tmp_path / "a.npy")
    assert recorder.heard == []


def test_an_error_of_the_library_is_its_own(wrapping: tuple[Wrapping, Recorder]) -> None:
    pandas = pytest.importorskip("pandas")
    made, recorder = wrapping
    with pytest.raises(FileNotFoundError) as plain:
        pandas.read_pickle("nowhere.pkl")
    made.begin(recorder)
    with pytest.raises(FileNotFoundError) as watched:
        pandas.read_pickle("nowhere.pkl")
    assert str(watched.value) == str(plain.value)
    assert watched.value.__cause__ is None


def test_libraries_that_are_imported_later_are_wrapped_then(tmp_path: Path) -> None:
    code = """
        import sys, pickle
        from contextlib import nullcontext
        from jupyter_mlsc.kernel.adapters.tables import WATCHED
        from jupyter_mlsc.kernel.adapters.wrapping import Wrapping

        class Recorder:
            heard = []
            def watches(self): return True
            def reading(self, path): self.heard.append(("read", path)); return []
            def writing(self, path): self.heard.append(("write", path))
            def unpickling(self, path, verdicts): return nullcontext()

        made = Wrapping(WATCHED)
        made.begin(Recorder())
        assert not {"pandas", "pyarrow", "polars", "safetensors"} & set(sys.modules), "nothing is imported to be wrapped"
        import pandas as pd
        from pandas import read_parquet
        pd.DataFrame({"a": [1]}).to_parquet("a.parquet")
        read_parquet("a.parquet")
        import numpy as np
        from safetensors.numpy import load_file, save_file
        save_file({"a": np.ones(1)}, "a.safetensors")
        load_file("a.safetensors")
        print(sorted(set(Recorder.heard)))
        made.end()
        print(pickle.load)
    """
    for library in ("pandas", "pyarrow", "polars", "safetensors"):
        pytest.importorskip(library)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    heard, restored = done.stdout.splitlines()
    assert heard == str(sorted([("read", "a.parquet"), ("read", "a.safetensors"), ("write", "a.parquet"), ("write", "a.safetensors")]))
    assert restored == "<built-in function load>"


def test_all_loaders_that_unpickle_stand_in_the_file_that_a_supervised_kernel_reads() -> None:
    assert [row for row in WATCHED if row.unpickles] == [row for row in unpicklers.ROWS if row.unpickles]
