"""Honest work gives the same result supervised and not: environments, repositories, databases, pools, archives, compilers, locks, crowds.

Rules kept: real programs, offline; one project for all, whose rules govern data/ and models/; equal folders before, equal folders after.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.accounts import Account
from tests.sandbox.workloads import is_alike, python, repository_of, twice


def _git(project: Account, place: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=place, env=project.environ, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(project: Account) -> Path:
    """Somebody's repository of 1,000 files."""
    place = project.folder / "upstream"
    repository_of(place, 1000)
    _git(project, place, "init", "-q")
    _git(project, place, "add", "-A")
    _git(project, place, "commit", "-qm", "all")
    return place


# Environments and packages


def _wheel(place: Path) -> Path:
    """A small package with modules, data and a command, as a wheel."""
    source = place / "source"
    (source / "tiny").mkdir(parents=True)
    (source / "tiny" / "__init__.py").write_text("def main():\n    print('tiny', __file__.endswith('__init__.py'))\n")
    for number in range(60):
        (source / "tiny" / f"module{number}.py").write_text(f"value = {number}\n")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "tiny"\nversion = "1.0"\n[project.scripts]\ntiny = "tiny:main"\n'
    )
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(place), str(source)], check=True, capture_output=True)
    (found,) = place.glob("*.whl")
    return found


def test_pip_installs_a_wheel_into_the_projects_own_environment(project: Account, work: Path, tmp_path: Path) -> None:
    wheel = _wheel(tmp_path / "wheel")
    subprocess.run([sys.executable, "-m", "venv", str(work / "env")], check=True)
    script = (
        f"env/bin/python -m pip install --no-index --quiet --disable-pip-version-check {wheel} && env/bin/tiny && env/bin/python -m pip list --format freeze"
    )
    activated = {"VIRTUAL_ENV": str(work / "env"), "PATH": f"{work / 'env' / 'bin'}:{os.environ['PATH']}"}
    assert is_alike(*twice(project, "sh", "-c", script, ignore=("__pycache__",), more=activated))


@pytest.mark.slow
def test_interpreter_of_an_environment_installs_into_itself_where_the_policy_says_writable(project: Account, work: Path, tmp_path: Path) -> None:
    wheel = _wheel(tmp_path / "wheel")
    subprocess.run([sys.executable, "-m", "venv", str(work / "env")], check=True)
    command = (str(work / "env/bin/python"), "-m", "pip", "install", "--no-index", "--quiet", "--disable-pip-version-check", str(wheel))
    assert is_alike(*twice(project, *command, ignore=("__pycache__",)))


def test_venv_makes_the_same_environment(project: Account, work: Path) -> None:
    assert is_alike(*twice(project, sys.executable, "-m", "venv", "--without-pip", "env"))


# Git


def test_git_clones_a_repository_of_a_thousand_files_beside_governed_ones(project: Account, work: Path, repository: Path) -> None:
    script = f"git clone -q {repository} clone && cd clone && git status --short && git ls-files | wc -l && git fsck"
    plain, supervised = twice(project, "sh", "-c", script, ignore=(".git/index", ".git/logs"))
    assert is_alike(plain, supervised)
    assert plain.output.split()[0] == "1002"


def test_git_clones_into_a_free_folder(project: Account, work: Path, repository: Path) -> None:
    cache = project.folder / "home" / ".cache"
    cache.mkdir(exist_ok=True)
    script = f"rm -rf {cache}/clone && git clone -q {repository} {cache}/clone && cd {cache}/clone && git status --short && git ls-files | wc -l && git fsck"
    assert is_alike(*twice(project, "sh", "-c", script))


def test_git_commits_branches_and_checks_out(project: Account, work: Path, repository: Path) -> None:
    _git(project, work, "clone", "-q", str(repository), "clone")
    script = """
    cd clone && export GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
    git checkout -q -b two && echo more >> d0/e0/f0.txt && git rm -q d1/e1/f1.txt && git mv run.sh ran.sh && git commit -qam second
    git checkout -q main && test -f run.sh && git checkout -q two && test ! -f run.sh && git merge -q main
    echo stashed > d0/e0/f0.txt && git stash -q && git stash pop -q && git diff --stat && git gc -q && git fsck && git log --format=%H --all
    """
    assert is_alike(*twice(project, "sh", "-ec", script, ignore=(".git/index", ".git/logs", ".git/objects/pack", ".git/gc", ".git/ORIG_HEAD")))


# Packages and their tests


def test_pytest_of_a_package_passes(project: Account, work: Path) -> None:
    (work / "package").mkdir()
    (work / "package" / "__init__.py").write_text("def double(x):\n    return 2 * x\n")
    (work / "tests").mkdir()
    (work / "tests" / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef place(tmp_path):\n    (tmp_path / 'a').write_text('1')\n    return tmp_path\n"
    )
    (work / "tests" / "test_package.py").write_text(
        "import pytest\nfrom package import double\n@pytest.mark.parametrize('x', range(50))\n"
        "def test_double(x, place, capfd, monkeypatch):\n    monkeypatch.chdir(place)\n    print(x)\n    assert capfd.readouterr().out == f'{x}\\n'\n"
        "    assert double(int(open('a').read())) == 2\n"
    )
    plain, supervised = twice(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir=.", ignore=("__pycache__",))
    assert (plain.status, supervised.status) == (0, 0), supervised.output
    assert plain.output.splitlines()[0] == supervised.output.splitlines()[0]
    assert supervised.output.splitlines()[-1].startswith("50 passed")


# Databases

_TWO_WRITERS = """
import sqlite3, subprocess, sys
WRITER = '''
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=60)
for number in range(100):
    with base:
        base.execute("insert into t values (?, ?)", (sys.argv[2], number))
base.close()
'''
base = sqlite3.connect(sys.argv[1])
print(base.execute("pragma journal_mode=wal").fetchone())
base.execute("create table t (who, n)")
base.commit()
writers = [subprocess.Popen([sys.executable, "-c", WRITER, sys.argv[1], who]) for who in "ab"]
print([writer.wait() for writer in writers])
print(base.execute("select who, count(*), sum(n) from t group by who order by who").fetchall(), base.execute("pragma integrity_check").fetchone())
base.close()
"""


@pytest.mark.parametrize("place", ["base.db", "../data/base.db"], ids=["in-the-project", "governed"])
def test_sqlite_in_wal_mode_takes_two_writers(project: Account, work: Path, place: str) -> None:
    (project.root / "data").mkdir(exist_ok=True)
    script = f'rm -f {place}*; "$0" -c "$1" {place}'
    assert is_alike(*twice(project, "sh", "-c", script, sys.executable, _TWO_WRITERS, ignore=("base.db",)))


# Pools and workers

_POOLS = """
import concurrent.futures, functools, multiprocessing, os
def square(x):
    return x * x
if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, sum(pool.map(square, range(50))))
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(sum(pool.map(square, range(50))))
    with context.Manager() as manager:
        shared = manager.dict(a=1)
        process = context.Process(target=functools.partial(shared.update, b=2))
        process.start(), process.join()
        print(sorted(shared.items()))
    queue, lock, value = context.Queue(), context.Lock(), context.Value("i", 3)
    process = context.Process(target=queue.put, args=(7,))
    process.start()
    print(queue.get(timeout=30), value.value, lock.acquire())
    process.join()
    from multiprocessing import shared_memory
    block = shared_memory.SharedMemory(create=True, size=4096)
    block.buf[:2] = b"ok"
    again = shared_memory.SharedMemory(block.name)
    print(bytes(again.buf[:2]))
    again.close()
    block.close(), block.unlink()
"""
_JOBLIB = """
from joblib import Parallel, delayed, Memory
def square(x):
    return x * x
if __name__ == "__main__":
    for backend in ("loky", "threading", "multiprocessing"):
        print(backend, sum(Parallel(n_jobs=2, backend=backend)(delayed(square)(x) for x in range(50))))
    import numpy
    big = numpy.arange(400_000.0)
    print(Parallel(n_jobs=2, max_nbytes=1000)(delayed(numpy.sum)(big) for _ in range(4)))
    cached = Memory("memory", verbose=0).cache(square)
    print(cached(3), cached(3))
"""
_LOADER = """
import torch
from torch.utils.data import DataLoader, TensorDataset
if __name__ == "__main__":
    data = TensorDataset(torch.arange(256.0).reshape(64, 4))
    for method in ("fork", "spawn"):
        loader = DataLoader(data, batch_size=8, num_workers=2, multiprocessing_context=method)
        print(method, sum(float(batch.sum()) for batch, in loader))
"""


@pytest.mark.parametrize("code", [_POOLS, _JOBLIB, pytest.param(_LOADER, marks=pytest.mark.slow)], ids=["multiprocessing", "joblib", "torch-dataloader"])
def test_pools_of_processes_give_the_same(project: Account, work: Path, code: str) -> None:
    (work / "main.py").write_text(code)
    assert is_alike(*twice(project, sys.executable, "main.py", ignore=("__pycache__", "memory")))


# Libraries


@pytest.mark.slow
def test_heavy_libraries_import(project: Account, work: Path) -> None:
    names = ("pandas", "torch", "polars", "duckdb", "pyarrow", "h5py", "sklearn", "sklearn.ensemble", "matplotlib.pyplot", "xgboost", "lightgbm", "onnx")
    assert is_alike(*twice(project, *python(f"import importlib\nfor name in {names}: print(importlib.import_module(name).__name__)")))


def test_matplotlib_writes_a_figure(project: Account, work: Path) -> None:
    code = "import matplotlib; matplotlib.use('agg'); from matplotlib import pyplot; pyplot.plot([1, 3, 2]); pyplot.title('x')\n"
    code += (
        "for name in ('f.png', 'f.svg', 'f.pdf'): pyplot.savefig(name, metadata={'png': None, 'svg': {'Date': None}, 'pdf': {'CreationDate': None}}[name[2:]])"
    )
    assert is_alike(*twice(project, "env", "SVG=1", *python("import matplotlib; matplotlib.rcParams['svg.hashsalt'] = 'x'\n" + code)))


@pytest.mark.slow
def test_sklearn_model_is_fitted_saved_and_read_back(project: Account, work: Path) -> None:
    code = """
import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
data = load_iris()
joblib.dump(RandomForestClassifier(5, random_state=1, n_jobs=2).fit(data.data, data.target), "model.joblib", compress=3)
print(joblib.load("model.joblib").score(data.data, data.target))
"""
    assert is_alike(*twice(project, *python(code), ignore=("model.joblib",)))
