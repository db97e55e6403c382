"""A library that a file takes over speaks for that file alone: the next one is another process's, and what that takes is little."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import textwrap
from pathlib import Path

import numpy
import pytest

from jupyter_mlsc.formats import Identified
from jupyter_mlsc.scan import starting
from jupyter_mlsc.scan.limits import Limits
from jupyter_mlsc.scan.process import ScanProcess

scanning = sys.modules[ScanProcess.__module__]

HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(600)
HOSTILE = b"cos\nsystem\n(S'true'\ntR."
TAKEN_OVER = """
import os, stat
from _socket import socket
from jupyter_mlsc.scan.channel import receive, send

def File(*arguments, **options):
    held = [each for each in range(3, 64) if is_socket(each)]
    channel, harmless = socket(fileno=held[0]), {"findings": [], "found": None, "mismatch": False, "within": []}
    for name in (1, "os", "-c", "\\ud800", "a\\0b"):
        send(channel, {"last parsed by": name})
    for _ in range(8):
        send(channel, harmless)
    while True:
        body, descriptors = receive(channel)
        if body is None:
            os._exit(0)
        send(channel, harmless)

def is_socket(descriptor):
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False
"""
"""An h5py in which the bytes of a file take over the process: it names libraries that are none, and says ahead that nothing is wrong, whatever it is asked."""
SLOW = """
def File(*arguments, **options):
    while True:
        pass
"""

IMPATIENT = """
import sys

def File(*arguments, **options):
    raise ValueError

if "jupyter_mlsc.sandbox.confined_forks" in sys.modules:
    sys.modules["jupyter_mlsc.sandbox.confined_forks"]._IDLE = 0.05
"""


def library(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Have processes that scan find this h5py."""
    place = folder / "site-packages"
    place.mkdir()
    (place / "h5py.py").write_text(textwrap.dedent(source))
    sites = starting._sites
    monkeypatch.setattr(starting, "_sites", lambda: [str(place), *sites()])


def put(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def scanned(process: ScanProcess, *paths: Path) -> list[set[str]]:
    """The codes of what is found in files that are handed over at once."""
    with contextlib.ExitStack() as files:
        for path in paths:
            process.hand_over(str(path), files.enter_context(open(path, "rb")).fileno())
        return [{each.code for each in process.next_findings()} for _ in paths]


def recognised(process: ScanProcess, path: Path) -> Identified | None:
    with open(path, "rb") as file:
        return process.recognise(str(path), file.fileno())


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Files that a library parses, and hostile ones after each."""
    return [put(tmp_path, name, data) for name, data in (("a.h5", HDF5), ("b.pkl", HOSTILE), ("c.h5", HDF5), ("d.pkl", HOSTILE), ("e.pkl", pickle.dumps(1)))]


def test_a_file_that_takes_over_the_process_says_nothing_of_other_files(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, monkeypatch, TAKEN_OVER)
    with ScanProcess() as process:
        assert scanned(process, *files) == [set(), {"pickle-code"}, set(), {"pickle-code"}, set()]
    with ScanProcess() as process:
        assert [*scanned(process, files[0]), *scanned(process, files[1])] == [set(), {"pickle-code"}]


def test_a_file_that_takes_over_the_process_does_not_say_what_others_are(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, monkeypatch, TAKEN_OVER)
    process = ScanProcess()
    try:
        for _ in range(2):
            taken_over, hostile = recognised(process, files[0]), recognised(process, files[1])
            assert taken_over is not None
            assert taken_over.found is None
            assert hostile is not None
            assert hostile.found is not None
            assert hostile.found.name == "pickle"
    finally:
        process.end()


def test_an_interrupted_question_is_not_answered_to_the_next(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    process = ScanProcess()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(scanning, "_heard", lambda channel, until: signal.raise_signal(signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                recognised(process, files[1])
        numpy.save(files[0].with_name("a.npy"), numpy.zeros(3))
        other = recognised(process, files[0].with_name("a.npy"))
        assert other is not None
        assert other.found is not None
        assert other.found.name == "npy"
    finally:
        process.end()


def test_files_that_no_library_parses_have_one_process(files: list[Path]) -> None:
    with ScanProcess() as process:
        first = process._process
        assert scanned(process, files[1], files[3], files[4]) == [{"pickle-code"}, {"pickle-code"}, set()]
        assert process._process is first
        assert process._forks is None


def _fork_of(process: ScanProcess) -> int:
    assert process._forks is not None
    pid = process._forks._process.pid
    while not (children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        os.sched_yield()
    return int(children[0])


@pytest.mark.skipif(not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="this system does not tell of children")
def test_a_fork_has_the_walls_of_a_process_that_was_started(files: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLSC_KEY_PASSPHRASE", "do not tell")

    def walls(pid: int) -> tuple[set[str], int, bool]:
        status = {line.partition(":")[0]: line.partition(":")[2].strip() for line in Path(f"/proc/{pid}/status").read_text().splitlines()}
        opened = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return {status[name] for name in ("Seccomp", "NoNewPrivs")}, opened, b"do not tell" in Path(f"/proc/{pid}/environ").read_bytes()

    with ScanProcess() as started, ScanProcess() as process:
        assert scanned(started, files[4]) == [set()]
        scanned(process, files[0], files[4])
        pid = _fork_of(process)
        assert started._process is not None
        assert walls(pid) == walls(started._process.pid)  # type: ignore[union-attr]
        os.kill(pid, signal.SIGKILL)
        assert scanned(process, files[4]) == [{"scanner-failed"}]
        assert scanned(process, files[4], files[1]) == [set(), {"pickle-code"}]


def test_a_fork_that_takes_too_long_is_ended_and_the_next_file_is_scanned(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, monkeypatch, SLOW)
    with ScanProcess(Limits(seconds=1.0)) as process:
        process._library = "h5py"
        found = scanned(process, files[0], files[1], files[2], files[3])
    assert [each & {"limit-reached", "scanner-failed"} != set() for each in found] == [True, False, True, False]
    assert found[1::2] == [{"pickle-code"}] * 2


def test_where_the_process_that_forks_is_gone_another_one_does_its_work(files: list[Path]) -> None:
    with ScanProcess() as process:
        scanned(process, files[0], files[4])
        assert process._forks is not None
        process._forks._process.kill()
        process._forks._process.wait()
        assert scanned(process, files[1])[0] <= {"scanner-failed"}, "its fork went with it"
        for _ in range(2):
            assert scanned(process, files[2], files[3])[1] == {"pickle-code"}


def test_the_process_that_forks_ends_when_it_is_not_asked_for_long(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library(tmp_path, monkeypatch, IMPATIENT)
    with ScanProcess() as process:
        scanned(process, files[0], files[2])
        forks = process._forks
        assert forks is not None
        assert forks._process.wait(timeout=60) == 0
        assert scanned(process, files[2], files[1], files[0])[1] == {"pickle-code"}
        assert process._forks is not forks
