"""The hook itself: what it refuses, what it leaves alone, and ways around it that are closed."""

from __future__ import annotations

import contextlib
import copyreg
import io
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hostile_pickles import Named, as_pickle, hostile_pickles

from jupyter_mlsc.errors import DeniedGlobalError, MissingLibraryError, MlscError
from jupyter_mlsc.formats import Source, named_format
from jupyter_mlsc.formats.unpickling import DeniedUnpicklingError, current_mark, unpickling

NOTHING: frozenset[str] = frozenset()


@pytest.fixture
def hostile(tmp_path: Path) -> bytes:
    return hostile_pickles(str(tmp_path / "ran"))["open"].data


def _load(data: bytes, name: str = "a.pkl", allow: frozenset[str] = NOTHING) -> object:
    found = named_format(name)
    assert found is not None
    return found.load(Source(name, data=data), lifted=False, allow=allow)


def test_unpickling_outside_a_load_is_none_of_its_business(hostile: bytes) -> None:
    with pytest.raises(DeniedGlobalError), unpickling("a.pkl", lifted=False, allow=NOTHING):
        pickle.loads(hostile)
    assert current_mark() is None
    pickle.loads(hostile).close()


def test_another_thread_is_left_alone_while_one_loads(hostile: bytes) -> None:
    opened = []
    loading, done = threading.Event(), threading.Event()

    def elsewhere() -> None:
        loading.wait()
        opened.append(pickle.loads(hostile))
        done.set()

    other = threading.Thread(target=elsewhere)
    other.start()
    with unpickling("a.pkl", lifted=False, allow=NOTHING):
        loading.set()
        assert done.wait(30)
    other.join()
    opened[0].close()


def _swallow(data: bytes) -> None:
    with contextlib.suppress(pickle.UnpicklingError):
        pickle.loads(data)


def _wrap(data: bytes) -> None:
    try:
        pickle.loads(data)
    except pickle.UnpicklingError as err:
        raise ValueError("could not read") from err


def test_a_library_that_swallows_the_refusal_hides_nothing(hostile: bytes) -> None:
    with pytest.raises(DeniedUnpicklingError, match=r"builtins\.open"), unpickling("a.pkl", lifted=False, allow=NOTHING):
        _swallow(hostile)


def test_a_library_that_wraps_the_refusal_hides_nothing(hostile: bytes) -> None:
    with pytest.raises(DeniedUnpicklingError) as refused, unpickling("a.pkl", lifted=False, allow=NOTHING):
        _wrap(hostile)
    assert isinstance(refused.value.__cause__, ValueError)


def test_marks_nest_and_the_innermost_counts(hostile: bytes) -> None:
    with unpickling("outer.pkl", lifted=False, allow=NOTHING) as outer:
        with unpickling("inner.pkl", lifted=True, allow=NOTHING):
            pickle.loads(hostile).close()
        assert current_mark() is outer
        with pytest.raises(DeniedGlobalError) as refused, unpickling("third.pkl", lifted=False, allow=NOTHING):
            pickle.loads(hostile)
        assert refused.value.artifact == "third.pkl"


def test_policy_can_allow_an_exact_name() -> None:
    data = pickle.dumps(Path.cwd)
    with pytest.raises(DeniedGlobalError):
        _load(data)
    data = as_pickle(Named("os", "getcwd"))
    assert _load(data, allow=frozenset({"os.getcwd"})) is not None
    for other in ("os", "os.*", "os.getcwdb", "OS.getcwd", "o", "getcwd"):
        with pytest.raises(DeniedGlobalError):
            _load(data, allow=frozenset({other}))


def test_a_dotted_name_does_not_reach_into_what_policy_allows() -> None:
    data = as_pickle(Named("pathlib", "PosixPath.cwd"))
    with pytest.raises(DeniedGlobalError):
        _load(data, allow=frozenset({"pathlib.PosixPath.cwd", "pathlib.PosixPath"}))
    assert _load(data, allow=frozenset({"pathlib:PosixPath.cwd"})) is not None


def test_an_extension_code_does_not_get_around_the_list(hostile: bytes) -> None:
    import os

    module = os.getcwd.__module__
    copyreg.add_extension(module, "getcwd", 77)
    try:
        data = pickle.dumps(os.getcwd, 2)
        assert pickle.EXT1 in data
        pickle.loads(data)  # fills the cache that answers without asking find_class
        with pytest.raises(DeniedGlobalError, match="extension code"):
            _load(data)
        pickle.loads(data)
        with pytest.raises(DeniedGlobalError, match=r"\.getcwd"), unpickling("a.pkl", lifted=False, allow=NOTHING):
            pickle.loads(data)
    finally:
        copyreg.remove_extension(module, "getcwd", 77)


def test_a_library_from_the_working_directory_does_not_pass_for_a_listed_one(tmp_path: Path) -> None:
    """Whoever wrote the artifact may have put a module beside it, named like a listed library that is not installed."""
    (tmp_path / "pytz.py").write_text("open('ran', 'w').close()\ndef _p(*arguments): return 1\n")
    (tmp_path / "copy_reg.py").write_text("open('ran', 'w').close()\ndef _reconstructor(*arguments): return 1\n")
    script = (
        "import sys; sys.path.insert(0, '')\n"
        "from jupyter_mlsc.formats import Source, named_format\n"
        "from jupyter_mlsc.errors import DeniedGlobalError\n"
        "for data in (b'cpytz\\n_p\\n.', b'\\x80\\x04\\x8c\\x08copy_reg\\x8c\\x0e_reconstructor\\x93.'):\n"
        "    try: named_format('a.pkl').load(Source('a.pkl', data=data), lifted=False, allow=frozenset())\n"
        "    except DeniedGlobalError as err: assert 'working directory' in str(err), err\n"
        "    else: sys.exit('loaded')\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=60)
    assert not (tmp_path / "ran").exists()


def test_a_listed_library_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingLibraryError, match="pytz"):
        _load(b"cpytz\n_p\n.")


def test_what_a_library_unpickles_while_it_is_imported_is_not_the_artifacts_doing(tmp_path: Path) -> None:
    (tmp_path / "importing.py").write_text("import pickle\nopened = pickle.loads(b'cos\\ngetcwd\\n.')\nclass Thing: pass\n")
    script = (
        "import sys; sys.path.insert(0, '')\n"
        "from jupyter_mlsc.formats import Source, named_format\n"
        "data = b'cimporting\\nThing\\n.'\n"
        "thing = named_format('a.pkl').load(Source('a.pkl', data=data), lifted=False, allow=frozenset({'importing.Thing'}))\n"
        "assert thing.__name__ == 'Thing'\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=60)


def test_the_hook_is_installed_by_the_first_load_only() -> None:
    script = (
        "import sys; added = []\n"
        "sys.addaudithook(lambda event, arguments: added.append(event) if event == 'sys.addaudithook' else None)\n"
        "import jupyter_mlsc.formats as formats\n"
        "assert not added and 'jupyter_mlsc.formats.unpickling' not in sys.modules\n"
        "for _ in range(2): formats.named_format('a.pkl').load(formats.Source('a.pkl', data=b'N.'), lifted=False, allow=frozenset())\n"
        "assert len(added) == 1, added\n"
        "for heavy in ('numpy', 'pandas', 'torch', 'sklearn', 'joblib'): assert heavy not in sys.modules, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize("name", ["a.pkl", "a.joblib"])
def test_a_pickle_that_is_broken_is_a_format_error(name: str) -> None:
    honest = pickle.dumps({"a": list(range(100))})
    for data in (b"", b"\x80", honest[:-20], honest[:40], b"\x80\x04K", b"not a pickle at all", b"\x80\x04\x93.", b"\x80\x04)R.", b"\x80\x7fN."):
        with pytest.raises(MlscError) as broken:
            _load(data, name)
        assert name in str(broken.value)
        assert not isinstance(broken.value, DeniedGlobalError)


def test_an_open_stream_is_judged_as_bytes_are(hostile: bytes) -> None:
    found = named_format("a.pkl")
    assert found is not None
    with pytest.raises(DeniedGlobalError):
        found.load(Source("a.pkl", file=io.BytesIO(hostile)), lifted=False, allow=NOTHING)
    with pytest.raises(DeniedGlobalError):
        found.load(Source("a.pkl", data=memoryview(bytearray(hostile))), lifted=False, allow=NOTHING)
