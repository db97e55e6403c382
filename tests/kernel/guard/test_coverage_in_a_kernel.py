"""What no sensor sees is counted: `%mlsc_status` tells it while the notebook runs, and the run's last statement keeps it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from live_kernel import LiveKernel

from jupyter_mlsc.coverage import MEANINGS
from tests.conftest import Person


@pytest.fixture(scope="module")
def kernel(ada_with_data: Person, start: Callable[..., LiveKernel]) -> LiveKernel:
    made = start(ada_with_data)
    assert made.run("%load_ext jupyter_mlsc").error is None
    begin = "import os, sys, subprocess, multiprocessing, joblib, socket, asyncio, gc\nos.makedirs('data/derived', exist_ok=True)"
    assert made.run(begin).error is None
    return made


def counted(kernel: LiveKernel) -> dict[str, int]:
    """The lines of `%mlsc_status` that say what was not seen, by their codes."""
    told = [line.split("not seen:")[1].strip().partition(" ") for line in kernel.run("%mlsc_status").text.splitlines() if line.startswith("not seen:")]
    by_meaning = {meaning: code for code, meaning in MEANINGS.items()}
    return {by_meaning[meaning]: int(count) for count, _, meaning in told}


@pytest.mark.parametrize(
    ("code", "gap"),
    [
        ("!cat data/train.csv", {"subprocesses": 1}),
        ("lines = !head -1 data/train.csv", {"subprocesses": 1}),
        ("%%bash\nawk 1 data/train.csv", {"subprocesses": 1}),
        ("%%script cat\nhello", {"subprocesses": 1}),
        ("os.system('cat data/train.csv')", {"subprocesses": 1}),
        ("os.popen('cat data/train.csv').read()", {"subprocesses": 1}),
        ("subprocess.run(['cat', 'data/train.csv'], check=True)", {"subprocesses": 1}),
        ("await (await asyncio.create_subprocess_exec('cat', 'data/train.csv')).wait()", {"subprocesses": 1}),
        ("p = multiprocessing.get_context('spawn').Process(target=print)\np.start()\np.join()", {"subprocesses": 1}),
        ("p = multiprocessing.get_context('forkserver').Process(target=print)\np.start()\np.join()", {"subprocesses": 1, "connections": 1}),
        ("joblib.Parallel(n_jobs=2)(joblib.delayed(len)('ab') for _ in range(2))", {"subprocesses": 2}),
        ("p = multiprocessing.get_context('fork').Process(target=print)\np.start()\np.join()", {}),
        ("s = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname()).close()", {"connections": 1}),
        ("!echo 1 > data/derived/by-a-program.csv", {"subprocesses": 1, "unobserved-writes": 1}),
        ("gc.get_objects()[0] is None", {"ctypes": 1}),
        ("sys.settrace(None)", {"tracing": 1}),
        ("len(open('data/train.csv').read())", {}),
    ],
)
def test_what_is_not_seen_is_counted(kernel: LiveKernel, code: str, gap: dict[str, int]) -> None:
    before = counted(kernel)
    done = kernel.run(code)
    assert done.error is None, done.traceback
    after = counted(kernel)
    assert {code: count - before.get(code, 0) for code, count in after.items() if count != before.get(code, 0)} == gap


def test_a_profile_that_is_made_while_the_notebook_goes_on_is_no_gap_and_is_told_by_a_difference(kernel: LiveKernel) -> None:
    """It is made by a process of ours, asked from a thread that opens nothing: the guard, which watches by thread, has nothing to say of it."""
    assert kernel.run("import pandas\nframe = pandas.DataFrame({'x': [1, 2], 'y': [0, 1]})").error is None
    before = counted(kernel)
    saved = kernel.run("%mlsc_save frame data/derived/profiled.csv")
    assert (saved.error, saved.stderr) == (None, "")
    shown = kernel.run("%mlsc_diff data/derived/profiled.csv")
    assert shown.error is None, shown.traceback
    assert "the bytes that ada-runs saved, which nobody has signed, on" in shown.text
    assert counted(kernel) == before


def test_the_runs_last_statement_keeps_the_counts(kernel: LiveKernel, ada_with_data: Person) -> None:
    assert kernel.run("!cat data/train.csv\nopen('data/train.csv').close()").error is None
    told = counted(kernel)
    run = kernel.run("%mlsc_status").text.split("run:")[1].split()[0]
    assert kernel.run("%unload_ext jupyter_mlsc").error is None
    (end,) = [e for e in json.loads(ada_with_data.mlsc("log", "show", "--json").stdout) if e.get("run") == run and e.get("phase") == "end"]
    assert end["coverage"] == told
    assert told["subprocesses"] > 0
