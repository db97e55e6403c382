"""A supervisor that is started while its kernel is being prepared: for that kernel or for none, with nothing in it that a supervisor must not have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.sandbox import provisioner
from jupyter_mlsc.sandbox.boot import Spec, without_secrets
from jupyter_mlsc.sandbox.early import Early
from tests.conftest import Person
from tests.e2e.supervised_people import KERNEL, children_of, prepare, specs_of, start

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")

_SAYS = """
import json, os
numbers = sorted(os.listdir("/proc/self/fd"))[:-1]
print(json.dumps([os.getcwd(), numbers, {name: value for name, value in os.environ.items() if "OF_" in name or "MLSC" in name}]))
"""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Early]:
    """All that the provisioner begins."""
    found: list[Early] = []

    class Seen(Early):
        def __init__(self, environ: dict[str, str]) -> None:
            super().__init__(environ)
            found.append(self)

    monkeypatch.setattr(provisioner, "Early", Seen)
    return found


def manager_of(person: Person) -> KernelManager:
    return KernelManager(kernel_name=KERNEL, kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs_of(person))]))


def test_a_kernel_runs_in_the_tree_of_the_one_that_was_started_for_it(ada: Person, begun: list[Early]) -> None:
    ada.more["MLSC_TEST_TOKEN"] = "of nobody's business"
    kernel = start(prepare(ada))
    try:
        (early,) = begun
        assert kernel.run("import os; os.getppid()").text == str(early.process.pid)
        for pid in (early.process.pid, int(kernel.run("os.getpid()").text)):
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"passphrase" not in environ
            assert b"nobody's business" not in environ
    finally:
        kernel.close()
    assert early.process.wait(60) is not None


def test_it_supervises_as_one_that_was_started_with_the_word(ada: Person) -> None:
    environ = without_secrets({**ada.environ, "MARK_OF_IT": "x"})
    early = Early(environ)
    with open(os.devnull, "rb") as nothing:
        reads, writes = os.pipe()
        with open(reads, encoding="utf-8") as said:
            process = early.take(Spec((sys.executable, "-I", "-S", "-c", _SAYS), str(ada.root)), environ, (nothing.fileno(), writes, writes))
            os.close(writes)
            assert process is early.process
            folder, numbers, named = json.loads(said.read())
        assert (folder, numbers, process.wait(60)) == (str(ada.root), ["0", "1", "2"], 0)
    assert named == {"MARK_OF_IT": "x", "MLSC_SUPERVISED": "1"}


@pytest.mark.parametrize("change", [{"PATH": "/nowhere"}, {"LD_PRELOAD": "x"}])
def test_with_another_environment_it_is_ended_and_not_used(ada: Person, change: dict[str, str]) -> None:
    environ = without_secrets(ada.environ)
    early = Early(environ)
    assert early.take(Spec(("true",), str(ada.root)), {**environ, **change}, (0, 1, 2)) is None
    assert early.process.returncode is not None


def test_one_that_is_gone_is_not_used(ada: Person) -> None:
    environ = without_secrets(ada.environ)
    early = Early(environ)
    early.process.kill()
    early.process.wait()
    assert early.take(Spec(("true",), str(ada.root)), environ, (0, 1, 2)) is None


def _no_project(manager: KernelManager, ada: Person) -> dict[str, Any]:
    del manager
    return {"cwd": str(ada.home)}


def _port_taken(manager: KernelManager, ada: Person) -> dict[str, Any]:
    manager.ip = "192.0.2.1"  # TEST-NET-1 (RFC 5737): no interface of this machine
    return {"cwd": str(ada.root)}


@pytest.mark.parametrize(("prepared", "error"), [(_no_project, UsageError), (_port_taken, RuntimeError)])
def test_where_the_kernel_is_not_started_nothing_is_left(
    ada: Person, begun: list[Early], prepared: Callable[[KernelManager, Person], dict[str, Any]], error: type[Exception]
) -> None:
    manager = manager_of(prepare(ada))
    before = children_of(os.getpid())
    with pytest.raises(error):
        manager.start_kernel(env=ada.environ, **prepared(manager, ada))
    (early,) = begun
    assert early.process.returncode is not None
    assert children_of(os.getpid()) == before


@pytest.fixture
def other_kernels(ada: Person, begun: list[Early]) -> Iterator[Callable[..., str]]:
    """Starts a kernel as it is told, and gives what its supervisor was started with."""
    manager = manager_of(prepare(ada))

    def run(**how: Any) -> str:
        manager.start_kernel(cwd=str(ada.root), env=ada.environ, **how)
        assert manager.provisioner is not None
        return Path(f"/proc/{manager.provisioner.pid}/cmdline").read_text()

    yield run
    manager.shutdown_kernel(now=True)
    for early in begun:
        assert early.process.wait(60) is not None


def test_with_pipes_to_its_starter_one_is_started_as_always(other_kernels: Callable[..., str], begun: list[Early]) -> None:
    assert "early" not in other_kernels(stderr=subprocess.PIPE)
    assert [early.process.returncode is not None for early in begun] == [True]


def test_for_an_independent_kernel_one_is_started_as_always(other_kernels: Callable[..., str], begun: list[Early]) -> None:
    assert "early" not in other_kernels(independent=True)
    assert begun == []
