"""Real projects for tests: people with homes and keys of their own, a folder with a policy, real data in it."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc.keys import PassphraseSource, pkcs8
from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import Run
from jupyter_mlsc.results import Saved, Signed
from jupyter_mlsc.verbs.initializing import initialize
from jupyter_mlsc.verdict import Verdict
from tests import forked
from tests.side_by_side import Survivable

CSV = "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50))


@dataclass
class Person:
    """Somebody with a home, a passphrase and a project folder. Each `project` is read anew, as a new process would."""

    name: str
    home: Path
    root: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """What this person's processes find in the environment; nothing of this machine's keychain or of another person's home."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLSC_", "DBUS_", "PYTHON_KEYRING", "JPY_"))}
        scratch = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}
        return {**kept, **scratch, "MLSC_HOME": str(self.home / "mlsc"), "MLSC_KEY_PASSPHRASE": f"passphrase of {self.name}", **self.more}

    @property
    def passphrases(self) -> PassphraseSource:
        return PassphraseSource.from_environ(self.environ)

    def init(self, mode: str = "enforce") -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        initialize(self.root, self.environ, mode=mode, name=self.name, passphrases=self.passphrases)

    @property
    def project(self) -> Project:
        return Project.find(self.root, self.environ)

    def project_with(self, policy: Path) -> Project:
        return Project.find(self.root, self.environ, policy_file=policy)

    def new_run(self) -> Run:
        return Run(self.project.project_id)

    def sign(self, *paths: str, kind: str | None = None, note: str = "", channel: str = "terminal") -> list[Signed]:
        project = self.project
        return project.sign([self.root / p for p in paths], kind=kind, note=note, channel=channel, passphrases=self.passphrases)

    def verify(self, path: str, *, full: bool = False) -> Verdict:
        (verdict,) = self.project.verify([self.root / path], full=full)
        return verdict

    def load(self, path: str, run: Run | None = None, *, format_name: str | None = None) -> Any:
        project = self.project
        return project.load(self.root / path, run or Run(project.project_id), format_name=format_name).value

    def save(self, value: object, path: str, run: Run | None = None) -> Saved:
        project = self.project
        return project.save(value, self.root / path, run or Run(project.project_id))

    def mlsc(
        self, *arguments: str, cwd: Path | None = None, environ: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The command line in a process of its own, with no terminal."""
        given = dict(environ or self.environ)
        if forked.fits(given):
            return forked.run(arguments, cwd or self.root, given, stdin or "", 300)
        return subprocess.run(
            [sys.executable, "-m", "jupyter_mlsc.cli", *arguments],
            cwd=cwd or self.root,
            env=given,
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def write(self, path: str, content: str | bytes = CSV) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target


@pytest.fixture(scope="session", autouse=True)
def _quick_machine() -> Iterator[None]:
    """Within the tests' own process keys are stretched less and nothing waits for the disk: no test here guesses a passphrase or cuts the power.

    Both were half of the suite's time. Programs that tests start do both as they do for users, and `tests/keys` has the real stretching.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pkcs8, "SCRYPT_N", 1 << 10)
        patch.setattr(pkcs8, "SCRYPT_P", 1)
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def _closed_ledgers() -> Iterator[None]:
    """Let go of the databases of a file's tests: the collector comes rarely to a process that holds torch, which then has over a thousand open files."""
    yield
    if len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")) > 200:
        gc.collect()


@pytest.fixture
def person(tmp_path: Path) -> Callable[..., Person]:
    """Make people: ``person("ada")`` works in the common project folder, ``person("bob", root=...)`` elsewhere."""

    def make(name: str, root: Path | None = None) -> Person:
        folder = root or tmp_path / "project"
        folder.mkdir(exist_ok=True)
        home = tmp_path / f"home-{name}"
        home.mkdir(exist_ok=True)
        return Person(name, home, folder)

    return make


@pytest.fixture
def ada(person: Callable[..., Person]) -> Person:
    """Ada, who has made a project that enforces its policy; nothing is signed yet."""
    made: Person = person("ada")
    made.init("enforce")
    return made


@pytest.fixture
def signed_dataset(ada: Person) -> Person:
    """Ada's project with ``data/train.csv``, which she signed."""
    ada.write("data/train.csv")
    ada.sign("data/train.csv")
    return ada


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole ways through the product come first: they wait more than they compute, and a long one at the end would be waited for alone."""
    items.sort(key=lambda item: "/e2e/" not in item.path.as_posix())


class _TellAtOnce:
    """Tells a failure when it happens: a run that is ended from outside prints no summary."""

    def __init__(self, reporter: Any) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            lines = [line for line in report.longreprtext.splitlines() if line.startswith("E ")] or report.longreprtext.splitlines()
            self._reporter.write_line("")
            for line in (f"{report.when} of {report.nodeid} failed:", *lines[-12:]):
                self._reporter.write_line(line[:400])


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Interrupts are heard, as a run that a shell started in the background would not. Where the results come together, failures are told at once."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_TellAtOnce(reporter), "tell-at-once")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Survivable | None:
    """Where files are given out, the run outlives a worker."""
    return Survivable(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker that does not come to its end is ended: all that it had to say was said."""
    if hasattr(session.config, "workerinput"):
        faulthandler.dump_traceback_later(120, exit=True, file=sys.__stderr__)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name byte strings and long texts by their argument alone: keys that are made when tests are collected differ, in length too, between workers."""
    del config
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 60) else None
