"""The guard beside what people use in notebooks: it changes nothing that they can notice, and it can be taken away."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

LOAD = "%load_ext jupyter_mlsc"


@pytest.fixture(scope="module")
def ada(ada_with_data: Person) -> Person:
    ada_with_data.write("mine.py", "def answer(): return 1\n")
    ada_with_data.write("data/latin.csv", "x\né\n".encode("latin-1"))
    ada_with_data.write("data/empty.csv", "")
    ada_with_data.sign("data/latin.csv", "data/empty.csv")
    with open(ada_with_data.root / "data" / "huge.bin", "wb") as file:
        file.truncate(64 << 30)  # a hole: it takes no place, and a minute to hash
    return ada_with_data


@pytest.fixture(scope="module")
def kernel(ada: Person, start: Callable[..., LiveKernel]) -> LiveKernel:
    made = start(ada)
    assert made.run(LOAD).error is None
    assert made.run("import os, sys, io, asyncio, threading, pandas as pd").error is None
    return made


def shown(kernel: LiveKernel, code: str, cell: str | None = None) -> str:
    done = kernel.run(code, cell=cell)
    assert done.error is None, (code, done.traceback)
    assert done.stderr == ""
    return done.text or done.stdout.strip()


def recorded(person: Person) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(person.mlsc("log", "show", "--json").stdout)
    return found


def wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_values_and_types_are_the_librarys_own(kernel: LiveKernel) -> None:
    for code, expected in (
        ("type(open('data/train.csv')).__name__, open('data/train.csv').name", "('TextIOWrapper', 'data/train.csv')"),
        ("type(open('data/train.csv', 'rb')).__name__, type(open('data/train.csv', 'rb', buffering=0)).__name__", "('BufferedReader', 'FileIO')"),
        ("type(os.open('data/train.csv', os.O_RDONLY)).__name__", "'int'"),
        ("type(pd.read_csv('data/train.csv')) is pd.DataFrame", "True"),
        ("next(open('data/train.csv')), open('data/train.csv').tell()", "('x,y\\n', 0)"),
    ):
        assert shown(kernel, code) == expected


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('data/missing.csv')", "FileNotFoundError"),
        ("open('data')", "IsADirectoryError"),
        ("open('data/train.csv', 'x')", "FileExistsError"),
        ("open('data/train.csv', 'q')", "ValueError"),
        ("open('data/train.csv/deeper')", "NotADirectoryError"),
        ("open('data/nul\\0l')", "ValueError"),
        ("open(1.5)", "TypeError"),
        ("open('data/latin.csv', encoding='utf-8').read()", "UnicodeDecodeError"),
        ("pd.read_csv('data/empty.csv')", "EmptyDataError"),
        ("pd.read_csv('data/missing.csv')", "FileNotFoundError"),
        ("import pickle\npickle.loads(b'nonsense')", "UnpicklingError"),
        ("pickle.loads(b'')", "EOFError"),
        ("pd.read_parquet('data/train.csv')", "ArrowInvalid"),
    ],
)
def test_errors_are_the_librarys_own(kernel: LiveKernel, code: str, error: str) -> None:
    assert kernel.run(code).error == error


def test_a_cell_that_swallows_a_block_still_tells_the_person_each_time(kernel: LiveKernel) -> None:
    for _ in range(2):
        done = kernel.run("try:\n    open('data/stranger.csv')\nexcept OSError:\n    pass\n'went on'")
        assert done.text == "'went on'"
        assert done.stderr.count("data/stranger.csv: blocked") == 1
        assert "next: ask a data-steward" in done.stderr
    shown_once = kernel.run("open('data/stranger.csv')")
    assert (shown_once.error, shown_once.stderr) == ("BlockedArtifactError", "")
    wrapped = kernel.run("try:\n    open('data/stranger.csv')\nexcept OSError as err:\n    raise RuntimeError('mine') from err")
    assert (wrapped.error, wrapped.stderr) == ("RuntimeError", "")


def test_autoreload(kernel: LiveKernel, ada: Person) -> None:
    shown(kernel, "%load_ext autoreload\n%autoreload 2\nimport mine")
    assert shown(kernel, "mine.answer(), len(pd.read_csv('data/train.csv'))") == "(1, 2)"
    ada.write("mine.py", "def answer(): return 'another'\n")
    assert shown(kernel, "mine.answer(), len(pd.read_csv('data/train.csv'))") == "('another', 2)"
    assert shown(kernel, "import importlib\nimportlib.reload(mine) is mine") == "True"
    shown(kernel, "%autoreload 0")
    assert kernel.run("pd.read_csv('data/stranger.csv')").error == "BlockedArtifactError"


def test_a_trace_function(kernel: LiveKernel) -> None:
    code = "seen = []\ndef tracer(frame, event, arg):\n    seen.append(event)\n    return tracer\nsys.settrace(tracer)\ntext = open('data/train.csv').read()\n"
    assert shown(kernel, code + "sys.settrace(None)\ntext[:4], len(seen) < 5000") == "('x,y\\n', True)"
    blocked = "sys.settrace(tracer)\ntry:\n    open('data/stranger.csv')\nexcept PermissionError as err:\n"
    blocked += "    print(type(err).__name__)\nfinally:\n    sys.settrace(None)"
    done = kernel.run(blocked)
    assert (done.error, done.stdout.strip()) == (None, "BlockedArtifactError")


def test_a_debugger(ada: Person, start: Callable[..., LiveKernel]) -> None:
    """JupyterLab's, which is debugpy in the kernel: it stops where it is told to, sees the values, and reads are judged as ever."""
    kernel = start(ada)
    assert kernel.run(LOAD).error is None
    kernel.debug("initialize", clientID="test", adapterID="", pathFormat="path", linesStartAt1=True, columnsStartAt1=True)
    kernel.debug("attach")
    code = "text = open('data/train.csv').readline()\nlength = len(text)\n"
    code += "try:\n    open('data/stranger.csv')\nexcept OSError as err:\n    name = type(err).__name__"
    source = kernel.debug("dumpCell", code=code)["sourcePath"]
    (set_at,) = kernel.debug("setBreakpoints", source={"path": source}, breakpoints=[{"line": 2}], sourceModified=False)["breakpoints"]
    assert set_at["verified"]
    kernel.debug("configurationDone")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(kernel.run, code, cell="debugged")
        wait_until(lambda: bool(kernel.debug("debugInfo")["stoppedThreads"]))
        stopped = [(thread, kernel.debug("stackTrace", threadId=thread)["stackFrames"]) for thread in kernel.debug("debugInfo")["stoppedThreads"]]
        ((thread, top),) = [(thread, frames[0]) for thread, frames in stopped if frames and frames[0]["source"]["path"] == source]
        asked = kernel.debug("evaluate", expression="text", frameId=top["id"])
        kernel.debug("continue", threadId=thread)
        done = running.result(timeout=60)
    assert (top["line"], asked["result"]) == (2, repr("x,y\n"))
    assert done.error is None, done.traceback
    kernel.debug("disconnect", restart=False, terminateDebuggee=False)
    assert kernel.run("length, name").text == "(4, 'BlockedArtifactError')"
    assert ("data/train.csv", "debugged") in [(e.get("path"), e.get("cell_id")) for e in recorded(ada) if e["kind"] == "read"]


def test_pytest_inside_a_cell(kernel: LiveKernel, ada: Person) -> None:
    ada.write("checks/test_train.py", "import pandas as pd\ndef test_rows():\n    assert len(pd.read_csv('data/train.csv')) == 2\n")
    ada.write("checks/test_stranger.py", "import pandas as pd\ndef test_rows():\n    pd.read_csv('data/stranger.csv')\n")
    run = "import pytest\nint(pytest.main(['-q', '-p', 'no:cacheprovider', 'checks/{}']))"
    assert kernel.run(run.format("test_train.py")).text == "0"
    failed = kernel.run(run.format("test_stranger.py"))
    assert failed.text == "1"
    assert "data/stranger.csv: blocked" in failed.stdout


def test_progress_bars(kernel: LiveKernel) -> None:
    done = kernel.run("from tqdm.auto import tqdm\nsum(len(pd.read_csv('data/train.csv')) for _ in tqdm(range(3)))")
    assert (done.error, done.text) == (None, "6")


def test_cells_that_await(kernel: LiveKernel, ada: Person) -> None:
    read = "async def read(path):\n    await asyncio.sleep(0)\n    return len(await asyncio.to_thread(pd.read_csv, path))\n"
    assert shown(kernel, read + "await asyncio.gather(*(read('data/two words.csv') for _ in range(3)))", cell="awaiting") == "[2, 2, 2]"
    assert ("data/two words.csv", "awaiting") in [(e.get("path"), e.get("cell_id")) for e in recorded(ada) if e["kind"] == "read"]
    grouped = "async with asyncio.TaskGroup() as group:\n    group.create_task(read('data/stranger.csv'))"
    done = kernel.run(grouped)
    told = done.traceback + done.stderr + done.stdout  # IPython shows a group by itself
    assert "ExceptionGroup" in told
    assert told.count("data/stranger.csv: blocked") == 1


def test_threads_that_read_while_other_cells_run(kernel: LiveKernel) -> None:
    begin = (
        "found, gate = [], threading.Event()\ndef read():\n    gate.wait()\n    found.append(pd.read_csv('data/train.csv').shape)\n"
        "    try:\n        open('data/stranger.csv')\n    except OSError as err:\n        found.append(type(err).__name__)\n"
        "threads = [threading.Thread(target=read) for _ in range(4)]\nfor t in threads: t.start()"
    )
    shown(kernel, begin)
    done = kernel.run("gate.set()\nfor t in threads: t.join()\nprint(sorted(map(str, found)))")
    assert done.error is None
    assert done.stdout.count("(2, 2)") == 4
    assert done.stdout.count("BlockedArtifactError") == 4
    assert done.stderr.count("data/stranger.csv: blocked") == 1


BETWEEN_CELLS = {
    "thread": "def later():\n    time.sleep(0.5)\n    save()\nthreading.Thread(target=later).start()",
    "task": "async def later():\n    await asyncio.sleep(0.5)\n    save()\ntask = asyncio.create_task(later())",
    "button": "import ipywidgets\nbutton = ipywidgets.Button(description='save')\nbutton.on_click(lambda _: save())\nprint(button.model_id)",
}


@pytest.mark.parametrize("way", BETWEEN_CELLS)
def test_what_is_written_while_no_cell_runs_is_the_runs_own(kernel: LiveKernel, ada: Person, way: str) -> None:
    """By threads, tasks and the buttons of widgets: it belongs to the cell before, and the notebook reads it back."""
    path = f"data/derived/between-{way}.csv"
    shown(kernel, f"import time\nos.makedirs('data/derived', exist_ok=True)\ndef save():\n    pd.DataFrame({{'a': [1]}}).to_csv({path!r}, index=False)")
    told = shown(kernel, BETWEEN_CELLS[way], cell=f"starts-{way}")
    if way == "button":
        kernel.tell_widget(told, {"event": "click"})
    wait_until(lambda: (ada.root / path).exists() and (ada.root / path).read_text() == "a\n1\n")
    assert shown(kernel, f"pd.read_csv({path!r})['a'].tolist()", cell=f"reads-{way}") == "[1]"
    found = [(e["op"], e["cell_id"], e["verdict"]) for e in recorded(ada) if e.get("path") == path]
    assert found == [("write", f"starts-{way}", "allow"), ("read", f"reads-{way}", "allow")]


def test_widgets(kernel: LiveKernel) -> None:
    """What a widget reads is judged as a cell's reads are; a block is told with the next cell, where no front end shows the error."""
    begin = (
        "import ipywidgets\nseen = []\npick = ipywidgets.Dropdown(options=['data/train.csv', 'data/stranger.csv'])\n"
        "out = ipywidgets.interactive_output(lambda path: seen.append(len(pd.read_csv(path))), {'path': pick})\nseen"
    )
    assert shown(kernel, begin) == "[2]"
    assert shown(kernel, "pick.value = 'data/train.csv'\npick.value, type(pick).__name__") == "('data/train.csv', 'Dropdown')"
    shown(kernel, "button = ipywidgets.Button()\nbutton.on_click(lambda _: pd.read_csv('data/stranger.csv'))")
    kernel.tell_widget(shown(kernel, "print(button.model_id)"), {"event": "click"})
    later = kernel.run("seen")
    assert (later.error, later.text) == (None, "[2]")
    assert later.stderr.count("data/stranger.csv: blocked") == 1


def test_a_fork(kernel: LiveKernel, ada: Person) -> None:
    child = (
        "import warnings\nwarnings.simplefilter('ignore')\nours, theirs = os.pipe()\nif os.fork() == 0:\n    try:\n"
        "        said = open('data/it\\'s.csv').readline()\n"
        "        try:\n            open('data/stranger.csv')\n        except OSError as err:\n            said += type(err).__name__\n"
        "        os.write(theirs, said.encode())\n    finally:\n        os._exit(0)\nos.wait()\nos.read(ours, 99)"
    )
    assert shown(kernel, child) == repr(b"x,y\nBlockedArtifactError")
    assert shown(kernel, "open('data/train.csv').readline()") == repr("x,y\n")
    assert ada.mlsc("log", "verify").returncode == 0


def test_an_interrupt_in_the_middle_of_a_hash(kernel: LiveKernel, ada: Person) -> None:
    code = (
        "import signal\ndef interrupt():\n    main = threading.main_thread().ident\n    while True:\n"
        "        frame, names = sys._current_frames().get(main), set()\n"
        "        while frame is not None:\n            names.add(frame.f_globals.get('__name__'))\n            frame = frame.f_back\n"
        "        if 'jupyter_mlsc.block_hashing' in names or 'jupyter_mlsc.digests' in names:\n            return signal.pthread_kill(main, signal.SIGINT)\n"
        "thread = threading.Thread(target=interrupt)\nthread.start()\nopen('data/huge.bin', 'rb')"
    )
    assert kernel.run(code).error == "KeyboardInterrupt"
    (ada.root / "data" / "huge.bin").unlink()
    assert kernel.run("open('data/stranger.csv')").error == "BlockedArtifactError"
    assert shown(kernel, "thread.join()\nlen(pd.read_csv('data/train.csv'))") == "2"
    ada.write("data/after.csv", "x\n1\n")
    ada.sign("data/after.csv")
    assert shown(kernel, "open('data/after.csv').readline()", cell="after-the-interrupt") == repr("x\n")
    assert "after-the-interrupt" in [e.get("cell_id") for e in recorded(ada)]


@pytest.fixture
def bob(tmp_path: Path) -> Callable[[str], Person]:
    def make(mode: str) -> Person:
        (tmp_path / "project").mkdir()
        made = Person("bob", tmp_path / "home", tmp_path / "project")
        made.init(mode)
        made.write("data/a.csv", "x\n1\n")
        made.write("data/b.csv", "x\n2\n")
        made.sign("data/a.csv")
        return made

    return make


@pytest.mark.parametrize("mode", ["warn", "enforce"])
def test_a_ledger_that_cannot_be_used(bob: Callable[[str], Person], start: Callable[..., LiveKernel], mode: str) -> None:
    """In `enforce` the read does not go on; in `warn` it does, and the person is told once."""
    person = bob(mode)
    kernel = start(person)
    assert kernel.run(LOAD).error is None
    for file in (person.root / ".mlsc").glob("ledger.db*"):
        file.write_bytes(b"no database\n" * 1000)
    done = kernel.run("open('data/a.csv').readline()")
    again = kernel.run("open('data/b.csv').readline()")
    if mode == "enforce":
        assert done.error in ("GuardError", "BlockedArtifactError"), done.traceback
        assert again.error in ("GuardError", "BlockedArtifactError"), again.traceback
        assert "ledger" in done.traceback
        assert "next: " in done.traceback
    else:
        assert (done.text, again.text) == (repr("x\n"), repr("x\n")), (done.traceback, again.traceback)
        assert "ledger" in done.stderr + again.stderr
        assert (done.stderr + again.stderr).count("could not check a file") <= 1


@pytest.mark.parametrize("filters", ["ignore", "error"])
def test_a_read_that_cannot_be_recorded_is_told_once_whatever_the_notebook_does_with_warnings(
    bob: Callable[[str], Person], start: Callable[..., LiveKernel], filters: str
) -> None:
    person = bob("warn")
    kernel = start(person)
    assert kernel.run(f"{LOAD}\nimport warnings\nwarnings.simplefilter({filters!r})").error is None
    (person.root / ".mlsc").rename(person.root / "gone")
    done = kernel.run("open('data/a.csv').readline()")
    again = kernel.run("open('data/b.csv').readline()")
    assert (done.text, again.text) == (repr("x\n"), repr("x\n")), done.traceback + again.traceback
    assert (done.stderr + again.stderr).count("mlsc could not record a read, and let it through because the mode is warn: ") == 1
    assert "2 errors inside the guard" in kernel.run("%mlsc_status").text


def test_a_working_directory_that_is_gone(kernel: LiveKernel, ada: Person) -> None:
    code = f"import tempfile, shutil, duckdb\ngone = tempfile.mkdtemp()\nos.chdir(gone)\nshutil.rmtree(gone)\nback = {str(ada.root)!r}\n"
    code += "try:\n    found = duckdb.connect(':memory:').sql('select 7').fetchall()\nfinally:\n    os.chdir(back)\nfound"
    assert shown(kernel, code) == "[(7,)]"


@pytest.mark.slow
def test_a_ledger_that_somebody_else_has_locked(bob: Callable[[str], Person], start: Callable[..., LiveKernel]) -> None:
    person = bob("warn")
    kernel = start(person)
    assert kernel.run(LOAD).error is None
    holder = sqlite3.connect(person.root / ".mlsc" / "ledger.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    done = kernel.run("open('data/a.csv').readline()")
    holder.execute("ROLLBACK")
    holder.close()
    assert done.text == repr("x\n"), done.traceback
    assert "ledger" in done.stderr
    assert kernel.run("open('data/b.csv').readline()").text == repr("x\n")


def test_unloading_takes_the_guard_away_and_says_what_stays(ada: Person, start: Callable[..., LiveKernel]) -> None:
    kernel = start(ada)
    before = kernel.run("import pickle, pandas as pd, joblib, sys\n[f.__module__ + '.' + type(f).__name__ for f in (pd.read_pickle, joblib.load)]").text
    assert kernel.run(LOAD).error is None
    assert kernel.run("open('data/stranger.csv')").error == "BlockedArtifactError"
    assert kernel.run("pickle.loads(b'cos\\ngetcwd\\n.')").error == "DeniedUnpicklingError"
    done = kernel.run("%unload_ext jupyter_mlsc")
    assert done.error is None
    assert "no longer checked or recorded" in done.stderr
    assert "until the kernel is restarted" in done.stderr
    assert kernel.run("open('data/stranger.csv').readline()").text == repr("x,y\n")
    assert kernel.run("pickle.loads(b'cos\\ngetcwd\\n.').__name__").text == "'getcwd'"
    assert kernel.run("[f.__module__ + '.' + type(f).__name__ for f in (pd.read_pickle, joblib.load)]").text == before
    left = "[n for m in list(sys.modules.values()) for n, v in list(getattr(m, '__dict__', {}).items())"
    left += " if type(v).__name__.startswith('Watched')]"
    found = kernel.run(f"print({left})")
    assert (found.error, found.stdout) == (None, "[]\n"), found.traceback
    assert kernel.run("%reload_ext jupyter_mlsc").error is None
    assert kernel.run("open('data/stranger.csv')").error == "BlockedArtifactError"
