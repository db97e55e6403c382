"""A tree ends with its command, and with its supervisor, whatever its processes do to be somebody else by the time that they are looked for.

Every process of an attack holds a pipe: when all are gone, and not before, its reader sees the end. Each ends by itself after a minute.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jupyter_mlsc.sandbox.ender import stand_by
from tests.attacks.supervised.arena import build, ender_of, entries, environ
from tests.attacks.supervised.inside import Table
from tests.conftest import Person

PRELUDE = """
import os, signal, sys, time
until = time.monotonic() + 60
ready, told = os.pipe()
def begin():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)
def chain(between):
    # Each process is there for a moment, and has a child that goes on.
    while time.monotonic() < until:
        if os.fork():
            os._exit(0)
        between()
    os._exit(0)
def alone():
    if os.fork():
        os._exit(0)
    begin(); os.setsid()
def started():
    os.write(1, b"begun\\n"); os.write(told, b"x")
"""

WAYS = {
    "a daemon that ignores signals": "alone(); started(); time.sleep(60)",
    "a chain of forks": "alone(); started(); chain(lambda: None)",
    "a chain of sessions": "alone(); started(); chain(os.setsid)",
    "a chain of groups": "alone(); started(); chain(lambda: os.setpgid(0, 0))",
    "chains of sessions side by side": "alone(); [os.fork() for _ in range(3)]; started(); chain(os.setsid)",
    "a chain that closes what it has": "alone(); started(); chain(lambda: (os.setsid(), os.closerange(2, 4096)))",
    "a chain behind walls of its own": """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
def wall():
    # At most 16 domains lie in each other.
    rules = libc.syscall(444, ctypes.c_char_p(struct.pack("<QQQ", 0, 0, 2)), 24, 0)
    libc.prctl(38, 1, 0, 0, 0)
    libc.syscall(446, rules, 0)
    os.setsid()
alone(); started(); chain(wall)
""",
    "a tree that stops itself": "alone(); os.fork(); os.fork(); started(); os.kill(os.getpid(), signal.SIGSTOP)",
    "threads that fork": """
import threading
alone(); started()
def run():
    while time.monotonic() < until:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid(); time.sleep(60)
            os._exit(0)
        os.waitpid(pid, 0); time.sleep(0.01)
[threading.Thread(target=run).start() for _ in range(3)]
""",
}


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada's project."""
    return build(tmp_path_factory.mktemp("end"), Table())


class Tree:
    """A supervised command whose descendants all hold the writing end of ``pipe``."""

    def __init__(self, ada: Person, program: str) -> None:
        self.pipe, writing = os.pipe()
        self.supervisor = subprocess.Popen(
            [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", program],
            cwd=ada.root,
            env=environ(ada),
            stdin=subprocess.PIPE,
            stdout=writing,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(writing)

    def read(self, seconds: float) -> bytes:
        """What comes next; empty when all are gone. Fails where nothing comes."""
        assert select.select([self.pipe], [], [], seconds)[0], "processes are left"
        return os.read(self.pipe, 1 << 16)

    def line(self, seconds: float = 60) -> str:
        """The next line that it says."""
        told = b""
        while not told.endswith(b"\n"):
            told += self.read(seconds)
        return told.decode()

    def say(self, line: str) -> None:
        """Write to its standard input."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.write(line.encode())
        self.supervisor.stdin.flush()

    def wait_until_gone(self) -> None:
        while self.read(20):
            pass

    def close(self) -> None:
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()
        os.close(self.pipe)
        self.supervisor.kill()
        self.supervisor.wait()


@pytest.fixture(params=[pytest.param(way, id=name) for name, way in WAYS.items()])
def way(request: pytest.FixtureRequest) -> str:
    """One way to outlive a run."""
    return str(request.param)


@pytest.fixture
def trees() -> Iterator[list[Tree]]:
    """Ends what a failed test leaves."""
    made: list[Tree] = []
    yield made
    for tree in made:
        tree.close()


def test_it_ends_with_its_command(ada: Person, way: str, trees: list[Tree]) -> None:
    trees.append(Tree(ada, f"{PRELUDE}\nopen('data/train.csv').close()\nif os.fork() == 0:\n    exec({way!r})\nos.read(ready, 1)"))
    assert trees[0].supervisor.wait(timeout=60) == 0
    assert trees[0].read(1).startswith(b"begun\n")
    trees[0].wait_until_gone()
    assert entries(ada)[-1]["phase"] == "end"


def test_it_ends_with_its_supervisor(ada: Person, way: str, trees: list[Tree]) -> None:
    trees.append(Tree(ada, f"{PRELUDE}\nif os.fork() == 0:\n    exec({way!r})\ntime.sleep(60)"))
    assert trees[0].read(60).startswith(b"begun\n")
    trees[0].supervisor.send_signal(signal.SIGKILL)
    trees[0].wait_until_gone()


REACH = """
import ctypes, errno, json, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
def met(does):
    try:
        does()
    except OSError as err:
        return errno.errorcode[err.errno]
    return "done"
def trace():
    if libc.ptrace(16, ender, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "")
print("begun", flush=True)
ender = int(sys.stdin.readline())
print(json.dumps({
    "signal": met(lambda: os.kill(ender, 9)),
    "signal its group": met(lambda: os.killpg(ender, 9)),
    "signal by a descriptor": met(lambda: signal.pidfd_send_signal(os.pidfd_open(ender), 9)),
    "trace": met(trace),
    "environment": met(lambda: open(f"/proc/{ender}/environ")),
    "memory": met(lambda: open(f"/proc/{ender}/mem", "r+b")),
    "limits": met(lambda: __import__("resource").prlimit(ender, 0, (0, 0))),
}), flush=True)
"""


def test_who_ends_it_cannot_be_reached_from_inside(ada: Person, trees: list[Tree]) -> None:
    trees.append(Tree(ada, REACH))
    assert trees[0].line() == "begun\n"
    trees[0].say(f"{ender_of(trees[0].supervisor.pid)}\n")
    met = json.loads(trees[0].line())
    reached = [what for what, outcome in met.items() if outcome not in ("EPERM", "EACCES")]
    assert reached == []
    assert len(met) == 7


def test_who_ends_it_ends_nobody_else(ada: Person, trees: list[Tree]) -> None:
    """Another run, and a process of the same account."""
    sleeps = "print('begun', flush=True); import time; time.sleep(60)"
    trees += [Tree(ada, sleeps), Tree(ada, sleeps)]
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        try:
            for tree in trees:
                assert tree.line() == "begun\n"
            trees[0].supervisor.send_signal(signal.SIGKILL)
            trees[0].wait_until_gone()
            assert bystander.poll() is None
            assert trees[1].supervisor.poll() is None
            assert not select.select([trees[1].pipe], [], [], 0)[0]
        finally:
            bystander.kill()


def test_where_everybody_could_be_signalled_nobody_stands_by() -> None:
    """Without the wall the same call would end all that its account runs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            with theirs:
                stand_by(theirs, os.getpid())
            assert ours.recv(32) == b""
            assert bystander.poll() is None
        finally:
            bystander.kill()
