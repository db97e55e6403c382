"""One project and one kernel for all tests of a file: starting a kernel is what costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

NOTEBOOK = "analysis/train.ipynb"


@pytest.fixture(scope="module")
def ada_with_data(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada's enforcing project with data that she signed, and some that nobody did."""
    base = tmp_path_factory.mktemp("kernel")
    (base / "project").mkdir()
    ada = Person("ada", base / "home", base / "project")
    ada.init("enforce")
    signed = ["data/train.csv", "data/two words.csv", "data/it's.csv", "data/<b>bold<b>.csv"]
    for position, path in enumerate(signed):
        ada.write(path, f"x,y\n1,{position}\n2,3\n")
    ada.sign(*signed)
    ada.write("data/stranger.csv", "x,y\n6,6\n")
    return ada


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LiveKernel]]:
    """Start kernels; they are shut down at the end of the file."""
    running: list[LiveKernel] = []

    def begin(person: Person, folder: Path | None = None, **environ: str) -> LiveKernel:
        kernel = LiveKernel(folder or person.root, {**person.environ, "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython")), **environ})
        running.append(kernel)
        return kernel

    yield begin
    for kernel in running:
        kernel.close()


@pytest.fixture(scope="module")
def kernel(ada_with_data: Person, start: Callable[..., LiveKernel]) -> LiveKernel:
    """A kernel in Ada's project, as Jupyter Server starts one for a notebook, with the extension loaded."""
    made = start(ada_with_data, JPY_SESSION_NAME=str(ada_with_data.root / NOTEBOOK))
    loaded = made.run("%load_ext jupyter_mlsc")
    assert (loaded.status, loaded.stdout, loaded.stderr) == ("ok", "", "")
    return made
