"""The allowlist holds before anything runs in a supervised kernel that loads the extension later: start-up files of each kind, the first cell, a silent one."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.payload import Payload
from tests.conftest import Person
from tests.e2e.supervised_people import prepare, start
from tests.kernel.live_kernel import LONG, LiveKernel

LOAD = (
    "import pickle\ntry:\n    with open('other/x.pkl', 'rb') as file:\n        pickle.load(file)\nexcept Exception as err:\n    refused = type(err).__name__\n"
)


def _startup(profile: Path, suffix: str, root: Path) -> None:
    del root
    (profile / "startup").mkdir(exist_ok=True)
    (profile / "startup" / f"00{suffix}").write_text(LOAD)


def _configured(profile: Path, setting: str) -> None:
    (profile / "ipython_kernel_config.py").write_text(f"c.IPKernelApp.{setting}\n")


def _file(profile: Path, root: Path) -> None:
    (root / "begin.py").write_text(LOAD)
    _configured(profile, f"exec_files = [{str(root / 'begin.py')!r}]")


def _module(profile: Path, root: Path) -> None:
    (root / "begins.py").write_text(LOAD)
    _configured(profile, "module_to_run = 'begins'")


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "a start-up file": lambda profile, root: _startup(profile, ".py", root),
    "a start-up file of IPython": lambda profile, root: _startup(profile, ".ipy", root),
    "a line of the settings": lambda profile, root: _configured(profile, f"exec_lines = [{LOAD!r}]"),
    "a file of the settings": _file,
    "a module of the settings": _module,
    "code of the settings": lambda profile, root: _configured(profile, f"code_to_run = {LOAD!r}"),
}


@pytest.fixture
def hostile(ada: Person) -> Person:
    """A supervised kernel is installed, and a file that no rule governs runs code when it is unpickled."""
    ada.write("other/x.pkl", pickle.dumps(Payload(ada.root / "ran")))
    return prepare(ada)


def assert_denied(person: Person, kernel: LiveKernel) -> None:
    """What was run in it has tried, and nothing came of it. Closes the kernel."""
    try:
        said = kernel.run("refused").text
    finally:
        kernel.close()
    assert not (person.root / "ran").exists()
    assert said == repr("DeniedUnpicklingError")


@pytest.mark.parametrize("way", WAYS)
def test_what_runs_when_a_kernel_starts_unpickles_nothing_that_is_denied(hostile: Person, way: str) -> None:
    profile = hostile.home / ".ipython" / "profile_default"
    profile.mkdir(parents=True)
    WAYS[way](profile, hostile.root)
    assert_denied(hostile, start(hostile))


@pytest.mark.parametrize("silent", [False, True])
def test_the_first_code_that_is_sent_unpickles_nothing_that_is_denied(hostile: Person, silent: bool) -> None:
    """Sent before the kernel runs, so that it is there when its loop starts."""
    assert_denied(hostile, _Hasty(hostile, silent))


class _Hasty(LiveKernel):
    """Sends its first code before it waits for the kernel."""

    def __init__(self, person: Person, silent: bool) -> None:
        self._silent = silent
        self._person = person
        super().__init__(person.root, person.environ, kernel="python3-supervised", specs=person.home / ".local/share/jupyter/kernels")

    def _connect(self) -> None:
        self._client = self.manager.client()
        self._client.start_channels()
        self._client.execute(LOAD, silent=self._silent)
        self._client.wait_for_ready(timeout=LONG)


def test_a_kernel_in_which_nothing_runs_loads_the_extension_all_the_same(hostile: Person) -> None:
    """A front end offers the magics before the first cell."""
    kernel = start(hostile)
    try:
        until = time.monotonic() + LONG
        while "%mlsc_verify" not in kernel.complete("%mlsc_ver"):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert kernel.run("1").execution_count == 1
    finally:
        kernel.close()
