"""The unpickle allowlist in a real kernel under the guard: nothing of a hostile pickle runs, through any loader, in any mode."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

HERE = Path(__file__).resolve().parent
SOME = ["os_system", "getattr", "weakref_finalize", "protocol_0", "numpy_memmap", "sqlite", "torch_nested", "after_an_honest_part", "dotted", "obj"]


@pytest.fixture(scope="module", params=[pytest.param("observe", marks=pytest.mark.slow), "warn", pytest.param("enforce", marks=pytest.mark.slow)])
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, start: Callable[..., LiveKernel]) -> LiveKernel:
    """A kernel with the guard on, in a project of each mode, in which `attack` is imported."""
    base = tmp_path_factory.mktemp(request.param)
    (base / "project" / "models").mkdir(parents=True)
    (base / "project" / "scratch").mkdir()
    ada = Person("ada", base / "home", base / "project")
    ada.init(request.param)
    kernel = start(ada)
    assert kernel.run("%load_ext jupyter_mlsc").error is None
    loaded = kernel.run(f"import sys\nsys.path.append({str(HERE)!r})\nfrom pathlib import Path\nfrom attack import attack")
    assert loaded.error is None, loaded.traceback
    return kernel


def tried(kernel: LiveKernel, call: str) -> dict[str, str]:
    done = kernel.run(f"print(repr({call}))")
    assert done.error is None, done.traceback
    found: dict[str, str] = ast.literal_eval(done.stdout)
    return found


def test_nothing_runs_from_bytes_that_were_read_before(attacked: LiveKernel) -> None:
    assert tried(attacked, "attack([], None, Path('scratch/ran').absolute())") == {}


def test_nothing_runs_from_files_that_no_rule_governs(attacked: LiveKernel) -> None:
    assert tried(attacked, "attack([], Path('scratch').absolute(), Path('scratch/ran').absolute())") == {}


def test_nothing_runs_from_governed_files_that_nobody_signed(attacked: LiveKernel) -> None:
    assert tried(attacked, f"attack({SOME}, Path('models').absolute(), Path('scratch/ran').absolute())") == {}
