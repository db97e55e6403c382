"""What may be unpickled that names no governed file: the list, classes of the notebook's and the project's own, and messages between processes."""

from __future__ import annotations

import importlib
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Listener, Pipe
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import ModuleType

import joblib
import pytest

from jupyter_mlsc.errors import DeniedGlobalError
from jupyter_mlsc.formats.unpickling import judge_elsewhere
from jupyter_mlsc.kernel.unmarked import UnmarkedUnpickling
from jupyter_mlsc.scan import allowlist

HOSTILE = b"cos\ngetcwd\n(tR."


@pytest.fixture
def refused() -> list[DeniedGlobalError]:
    return []


@pytest.fixture
def judge(tmp_path: Path, refused: list[DeniedGlobalError], monkeypatch: pytest.MonkeyPatch) -> Iterator[UnmarkedUnpickling]:
    """The judge of a project in which nothing is there yet, in charge of this process."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = UnmarkedUnpickling(str(tmp_path), frozenset({"mypackage.models.Net"}), refused.append)
    judge_elsewhere(made)
    yield made
    judge_elsewhere(None)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ModuleType]:
    """Write a module into the project and import it."""

    def make(path: str, source: str) -> ModuleType:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        name = path.removesuffix(".py").replace("/", ".")
        importlib.invalidate_caches()
        made = importlib.import_module(name)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return make


def refuses(judge: UnmarkedUnpickling, module: object, name: object) -> DeniedGlobalError:
    with pytest.raises(DeniedGlobalError) as denied:
        judge(module, name)
    return denied.value


SOURCE = """
import subprocess, os, functools
from os import system
from subprocess import Popen
from pathlib import Path

class Own:
    class Inner: pass
    def __call__(self, *a): pass

instance = Own()
renamed = Own
partial = functools.partial(system, "x")

@functools.wraps(Own)
def wrapped(): pass

def function(): pass

class Claims(Popen):
    __module__ = "elsewhere"
"""


def test_only_classes_that_a_module_of_the_project_defines_itself_are_its_own(judge: UnmarkedUnpickling, module: Callable[[str, str], ModuleType]) -> None:
    module("ownmodule.py", SOURCE)
    judge("ownmodule", "Own")
    for name in ("os", "system", "Popen", "subprocess", "Path", "Own.Inner", "instance", "renamed", "partial", "wrapped", "function", "Claims", "missing"):
        assert refuses(judge, "ownmodule", name).global_name == f"ownmodule.{name}"


def test_a_module_cannot_claim_what_is_elsewhere(judge: UnmarkedUnpickling, module: Callable[[str, str], ModuleType]) -> None:
    made = module("claiming.py", "class Meta(type):\n    @property\n    def __module__(cls): return 'claiming'\n")
    made.Foreign = made.Meta("Foreign", (subprocess.Popen,), {"__module__": "subprocess"})  # type: ignore[attr-defined]  # that is the trick
    refuses(judge, "claiming", "Foreign")


def test_a_module_is_not_imported_because_a_pickle_names_it(judge: UnmarkedUnpickling, tmp_path: Path) -> None:
    (tmp_path / "deploy.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nfrom os import system\nclass Own: pass\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dropped.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Own: pass\n")
    for module_name, name in (("deploy", "Own"), ("deploy", "system"), ("data.dropped", "Own")):
        denied = refuses(judge, module_name, name)
        assert denied.next_step is not None
        assert f"import {module_name} in the notebook first" in denied.next_step
    with pytest.raises(DeniedGlobalError):
        pickle.loads(b"cdeploy\nOwn\n.")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("folder", [".venv/lib/python3.11/site-packages", "usr/lib/python3/dist-packages"])
def test_what_is_installed_below_the_project_is_not_its_own(
    judge: UnmarkedUnpickling, module: Callable[[str, str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / folder))
    (tmp_path / folder).mkdir(parents=True)
    name = "installed_" + folder.rpartition("/")[2].replace("-", "_")
    (tmp_path / folder / f"{name}.py").write_text("class Own: pass\n")
    importlib.invalidate_caches()
    importlib.import_module(name)
    refuses(judge, name, "Own")


def test_the_standard_library_of_an_environment_below_the_project_is_not_its_own(
    tmp_path: Path, refused: list[DeniedGlobalError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conda environment in the project's folder holds subprocess.py itself."""
    standard = Path(subprocess.__file__).resolve().parent
    judge = UnmarkedUnpickling(str(standard.parent.parent.parent), frozenset(), refused.append)
    refuses(judge, "subprocess", "Popen")


@pytest.mark.parametrize("package", [False, True], ids=["file", "folder"])
def test_a_listed_library_is_not_taken_from_the_project(judge: UnmarkedUnpickling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: bool) -> None:
    """pytz is on the list; whoever wrote the pickle may have put a pytz of their own beside it. A folder without __init__.py is a package too."""
    for name in [each for each in sys.modules if each.partition(".")[0] == "pytz"]:
        monkeypatch.delitem(sys.modules, name)
    code = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n_UTC = list\n"
    if package:
        (tmp_path / "sklearn_of_mine").mkdir()
        monkeypatch.setattr(allowlist, "_ALLOWED", {"sklearn_of_mine.deep": frozenset({"_UTC"})})
        (tmp_path / "sklearn_of_mine" / "deep.py").write_text(code)
    else:
        (tmp_path / "pytz.py").write_text(code)
    importlib.invalidate_caches()
    named = "sklearn_of_mine.deep" if package else "pytz"
    elsewhere = tmp_path.with_name(f"{tmp_path.name}-elsewhere")
    elsewhere.mkdir()
    for folder in (tmp_path, elsewhere):
        monkeypatch.chdir(folder)
        with pytest.raises(DeniedGlobalError, match="instead of an installed library"):
            pickle.loads(f"c{named}\n_UTC\n)R.".encode())
    assert not (tmp_path / "ran").exists()


def test_names_that_are_no_plain_text_are_refused(judge: UnmarkedUnpickling) -> None:
    class Text(str):
        pass

    refuses(judge, Text("collections"), "OrderedDict")
    refuses(judge, "collections", Text("OrderedDict"))
    refuses(judge, None, 1)


def test_exact_names_of_the_policy_are_allowed(judge: UnmarkedUnpickling) -> None:
    judge("mypackage.models", "Net")
    refuses(judge, "mypackage.models", "Net.forward")
    refuses(judge, "mypackage.models", "Network")
    refuses(judge, "mypackage", "models.Net")


def test_a_refusal_that_is_swallowed_is_known(judge: UnmarkedUnpickling, refused: list[DeniedGlobalError]) -> None:
    with pytest.raises(DeniedGlobalError):
        pickle.loads(HOSTILE)
    assert [each.global_name for each in refused] == ["os.getcwd"]
    assert "next: " in str(refused[0])


def run_in_thread(call: Callable[[], object]) -> object:
    found: list[object] = []

    def body() -> None:
        try:
            found.append(call())
        except DeniedGlobalError as err:
            found.append(err)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return found[0]


def test_pools_that_run_a_loader_are_no_messaging(judge: UnmarkedUnpickling) -> None:
    """The frames of a pool are around everything that it runs."""
    assert isinstance(run_in_thread(lambda: pickle.loads(HOSTILE)), DeniedGlobalError)
    with ThreadPoolExecutor(1) as pool, pytest.raises(DeniedGlobalError):
        pool.submit(pickle.loads, HOSTILE).result()
    with ThreadPool(1) as threads, pytest.raises(DeniedGlobalError):
        threads.map(pickle.loads, [HOSTILE])
    with pytest.raises(DeniedGlobalError):
        joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(pickle.loads)(HOSTILE) for _ in range(2))


@pytest.mark.parametrize("name", ["multiprocessing_evil", "pickletools_of_mine", "pickle_cache", "multiprocessing.of_mine", "wrapt_of_mine", "joblib.of_mine"])
def test_modules_that_are_called_like_a_messenger_are_none(judge: UnmarkedUnpickling, name: str) -> None:
    made = ModuleType(name)
    exec("import pickle\ndef recv(data): return pickle.loads(data)\nget = _main = recv\n", vars(made))
    for function in ("recv", "get", "_main"):
        with pytest.raises(DeniedGlobalError):
            getattr(made, function)(HOSTILE)
        with ThreadPool(1) as threads, pytest.raises(DeniedGlobalError):
            threads.map(getattr(made, function), [HOSTILE])


def test_a_message_from_this_machine_is_exempt(judge: UnmarkedUnpickling) -> None:
    with Listener(("127.0.0.1", 0), authkey=b"k") as listener:
        sender = ThreadPoolExecutor(1)
        sent = sender.submit(lambda: Client(listener.address, authkey=b"k"))
        with listener.accept() as ours:
            theirs = sent.result()
            theirs.send_bytes(HOSTILE)
            assert ours.recv() == str(Path.cwd())
            theirs.close()
        sender.shutdown()


def test_what_a_message_makes_unpickles_for_itself_is_no_message(judge: UnmarkedUnpickling, module: Callable[[str, str], ModuleType]) -> None:
    made = module("pickle_of_mine.py", "import pickle\nclass Own:\n    def __setstate__(self, state): self.made = pickle.loads(state)\n")
    ours, theirs = Pipe()
    theirs.send_bytes(b"cpickle_of_mine\nOwn\n)\x81" + pickle.dumps(HOSTILE, 3)[2:-1] + b"b.")
    assert made.Own
    with pytest.raises(DeniedGlobalError):
        ours.recv()


def test_a_message_from_another_machine_is_not(judge: UnmarkedUnpickling, monkeypatch: pytest.MonkeyPatch) -> None:
    class Far(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return ("203.0.113.7", 6000)

    monkeypatch.setattr("jupyter_mlsc.kernel.unmarked.socket.socket", Far)
    with Listener(("127.0.0.1", 0)) as listener:
        sender = ThreadPoolExecutor(1)
        sent = sender.submit(lambda: Client(listener.address))
        with listener.accept() as ours:
            theirs = sent.result()
            theirs.send_bytes(HOSTILE)
            with pytest.raises(DeniedGlobalError):
                ours.recv()
            theirs.close()
        sender.shutdown()
