"""Messages between the processes of a notebook go on working under the guard, and what their workers load is still judged."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

WORK = """
from pathlib import PurePosixPath
import fractions

class Result:
    def __init__(self, value, call): self.value, self.call = value, call

def work(n):
    return Result(n * n, len)

def load(data):
    import pickle
    return pickle.loads(data)

def both(array, frame):
    return array.sum(), frame

def read(path):
    return open(path).read()
"""
HOSTILE = "b'cos\\nmkdir\\n(Vscratch/ran\\ntR.'"


@pytest.fixture(scope="module")
def kernel(ada_with_data: Person, start: Callable[..., LiveKernel]) -> LiveKernel:
    ada_with_data.write("scratch/.keep", "")
    ada_with_data.write("worker.py", WORK)
    made = start(ada_with_data)
    assert made.run("%load_ext jupyter_mlsc").error is None
    done = made.run(f"from worker import *\n{WORK}\nimport multiprocessing, joblib, numpy as np, pandas as pd, pickle, os, warnings\nhostile = {HOSTILE}")
    assert done.error is None, done.traceback
    return made


def shown(kernel: LiveKernel, code: str) -> str:
    done = kernel.run(code)
    assert done.error is None, (code, done.traceback)
    assert "mlsc" not in done.stderr
    return done.text or done.stdout.strip()


VALUES = "[each.value for each in got], got[0].call is len"
EXPECTED = "([0, 1, 4], True)"


@pytest.mark.parametrize(
    "code",
    [
        "got = joblib.Parallel(n_jobs=2)(joblib.delayed(work)(n) for n in range(3))",
        "got = joblib.Parallel(n_jobs=2, backend='multiprocessing')(joblib.delayed(work)(n) for n in range(3))",
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n    got = pool.map(work, range(3))",
        "import worker\nwith multiprocessing.get_context('spawn').Pool(1) as pool:\n    got = pool.map(worker.work, range(3))",
        "from concurrent.futures import ProcessPoolExecutor\nfork = multiprocessing.get_context('fork')\n"
        "with ProcessPoolExecutor(2, mp_context=fork) as pool:\n    got = list(pool.map(work, range(3)))",
        "context = multiprocessing.get_context('fork')\nq = context.Queue()\ndef put(): [q.put(work(n)) for n in range(3)]\n"
        "p = context.Process(target=put)\np.start()\ngot = [q.get() for _ in range(3)]\np.join()",
        "context = multiprocessing.get_context('fork')\nours, theirs = context.Pipe()\n"
        "p = context.Process(target=lambda: [theirs.send(work(n)) for n in range(3)])\n"
        "p.start()\ngot = [ours.recv() for _ in range(3)]\np.join()",
        "with multiprocessing.get_context('fork').Manager() as manager:\n    shared = manager.list()\n"
        "    shared.extend(map(work, range(3)))\n    got = list(shared)",
    ],
    ids=["loky", "joblib over multiprocessing", "fork", "spawn", "futures", "queue", "pipe", "manager"],
)
def test_results_of_ones_own_making_come_back(kernel: LiveKernel, code: str) -> None:
    assert shown(kernel, f"{code}\n{VALUES}") == EXPECTED


@pytest.mark.parametrize("backend", ["loky", "multiprocessing", "threading"])
def test_arrays_and_frames_go_to_workers_and_back(kernel: LiveKernel, backend: str) -> None:
    """Small arrays travel as a call of `pickle.loads`, large ones as files that are mapped."""
    code = (
        f"pair = [(np.arange(5), pd.DataFrame({{'a': range(3)}})), (np.zeros(300_000), None)]\n"
        f"got = joblib.Parallel(n_jobs=2, backend={backend!r}, max_nbytes='1M')(joblib.delayed(both)(*each) for each in pair)\n"
        "[int(a) for a, _ in got], got[0][1].shape"
    )
    assert shown(kernel, code) == "([10, 0], (3, 1))"


def test_functions_of_libraries_go_to_workers(kernel: LiveKernel) -> None:
    code = "with multiprocessing.get_context('fork').Pool(2) as pool:\n    got = pool.map(pd.read_csv, ['data/train.csv'] * 2)\n[len(f) for f in got]"
    assert shown(kernel, code) == "[2, 2]"
    assert shown(kernel, "len(joblib.Parallel(n_jobs=2)(joblib.delayed(pickle.loads)(pickle.dumps(n)) for n in range(3)))") == "3"


def test_searches_and_data_loaders_with_workers(kernel: LiveKernel) -> None:
    search = (
        "from sklearn.model_selection import GridSearchCV\nfrom sklearn.linear_model import Ridge\nX = np.arange(20.0).reshape(10, 2)\n"
        "s = GridSearchCV(Ridge(), {'alpha': [1, 2]}, cv=2, n_jobs=2, scoring='r2').fit(X, X[:, 0])\nsorted(s.best_params_)"
    )
    assert shown(kernel, search) == "['alpha']"
    loader = (
        "import torch\nclass Squares(torch.utils.data.Dataset):\n    def __len__(self): return 6\n"
        "    def __getitem__(self, n): return torch.tensor(n * n), {'name': str(n)}\n"
        "[batch[0].tolist() for batch in torch.utils.data.DataLoader(Squares(), batch_size=3, num_workers=2)]"
    )
    assert shown(kernel, loader) == "[[0, 1, 4], [9, 16, 25]]"


def test_an_error_of_a_worker_comes_back_as_it_is(kernel: LiveKernel) -> None:
    code = (
        "class Mine(Exception): pass\ndef fail(n): raise Mine(n)\n"
        "try:\n    with multiprocessing.get_context('fork').Pool(1) as pool:\n        pool.map(fail, [7])\n"
        "except Mine as err:\n    print(type(err).__name__, err)"
    )
    assert shown(kernel, code) == "Mine 7"


def test_log_records_copies_and_caches(kernel: LiveKernel) -> None:
    log = (
        "import logging, logging.handlers\ncontext = multiprocessing.get_context('fork')\nq = context.Queue()\n"
        "def tell():\n    logging.handlers.QueueHandler(q).emit(logging.LogRecord('a', 20, 'f', 1, 'from the worker', (), None))\n"
        "p = context.Process(target=tell)\np.start()\nrecord = q.get()\np.join()\nrecord.getMessage()"
    )
    assert shown(kernel, log) == "'from the worker'"
    assert (
        shown(kernel, "import copy, functools\nf = functools.lru_cache(len)\n(copy.deepcopy([Result(1, work), f, pd.read_csv])[0].value, f('ab'))") == "(1, 2)"
    )
    memory = "memory = joblib.Memory('scratch/cache', verbose=0)\ncached = memory.cache(lambda n: pd.DataFrame({'a': [n]}))\n[len(cached(1)), len(cached(1))]"
    assert shown(kernel, memory) == "[1, 1]"


@pytest.mark.parametrize(
    "code",
    [
        "with multiprocessing.get_context('fork').Pool(1) as pool:\n    pool.map(load, [hostile])",
        "with multiprocessing.get_context('fork').Pool(1) as pool:\n    pool.map(pickle.loads, [hostile])",
        "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('fork')) as pool:\n"
        "    list(pool.map(pickle.loads, [hostile]))",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(1) as pool:\n    list(pool.map(pickle.loads, [hostile]))",
        "joblib.Parallel(n_jobs=2, backend='multiprocessing')(joblib.delayed(load)(hostile) for _ in range(2))",
        "joblib.Parallel(n_jobs=2, backend='threading')(joblib.delayed(pickle.loads)(hostile) for _ in range(2))",
    ],
    ids=["own function", "loads itself", "futures", "threads", "joblib", "joblib's threads"],
)
def test_what_a_worker_unpickles_for_itself_is_judged(kernel: LiveKernel, ada_with_data: Person, code: str) -> None:
    done = kernel.run(code)
    assert done.error is not None
    assert "os.mkdir" in done.traceback
    assert not (ada_with_data.root / "scratch" / "ran").exists()


def test_what_a_forked_worker_reads_is_judged_and_recorded(kernel: LiveKernel, ada_with_data: Person) -> None:
    ada_with_data.write("data/for-workers.csv", "x\n1\n")
    ada_with_data.sign("data/for-workers.csv")
    pool = "with multiprocessing.get_context('fork').Pool(2) as pool:\n    got = pool.map(read, [{}] * 4)\ngot[0]"
    assert shown(kernel, pool.format("'data/for-workers.csv'")) == repr("x\n1\n")
    assert "data/stranger.csv: blocked" in kernel.run(pool.format("'data/stranger.csv'")).traceback
    assert ada_with_data.mlsc("log", "verify").returncode == 0
    assert '"data/for-workers.csv"' in ada_with_data.mlsc("log", "show", "--json").stdout
