"""A supervisor that is flooded, stalled or killed: the others are served, nothing hangs, and without it nothing is opened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.attacks.supervised.arena import build, digest_of, ender_of, entries, environ, supervised, written
from tests.attacks.supervised.inside import Table
from tests.conftest import Person


@pytest.fixture
def ada(tmp_path: Path) -> Person:
    """Ada's project."""
    return build(tmp_path, Table())


def started(ada: Person, program: str) -> subprocess.Popen[str]:
    """A supervised program that says "ready" on its output."""
    return subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", program],
        cwd=ada.root,
        env=environ(ada),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(path: Path, seconds: float = 30.0) -> str:
    """The contents of a file that a survivor writes through a descriptor of its own. Fails where it never comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = path.read_text() if path.exists() else ""
        if text.endswith("end\n"):
            return text
        os.sched_yield()
    raise AssertionError(f"{path} was not written to its end")


SURVIVOR = """
import os, sys, time
told = os.open("told", os.O_WRONLY | os.O_CREAT)
supervisor = os.getppid()
if os.fork() == 0:
    os.setsid()
    sys.stdout.write("ready\\n"); sys.stdout.flush()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            os.kill(supervisor, 0)
        except ProcessLookupError:
            break
        except PermissionError:
            pass
    met = []
    opens = [("data/train.csv", 0), ("data/secret.csv", 0), ("work.txt", os.O_WRONLY | os.O_CREAT), ("/etc/hostname", 0), ("mlsc.toml", os.O_WRONLY)]
    for path, flags in opens:
        try:
            os.open(path, flags)
            met.append("opened")
        except OSError as err:
            met.append(os.strerror(err.errno))
    for does in (lambda: os.rename("data/train.csv", "x"), lambda: os.chmod("mlsc.toml", 0)):
        try:
            does()
            met.append("done")
        except OSError as err:
            met.append(os.strerror(err.errno))
    os.write(told, ("\\n".join(met) + "\\nend\\n").encode())
    time.sleep(60)
time.sleep(60)
"""


def test_without_the_supervisor_nothing_is_opened_until_the_tree_is_gone_too(ada: Person) -> None:
    ada.write("data/secret.csv", "the-marker-of-an-unsigned-file\n")
    running = started(ada, SURVIVOR)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    ender = ender_of(running.pid)
    os.kill(ender, signal.SIGSTOP)  # else nobody is left to try
    try:
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=30)
        met = wait_for(ada.root / "told").splitlines()
        assert met == [*[os.strerror(38)] * 7, "end"]
    finally:
        os.kill(ender, signal.SIGCONT)
    assert running.stdout.read() == ""  # its end comes when the last process that holds it is gone
    running.stdout.close()


def test_a_run_whose_supervisor_was_killed_has_no_end_on_record(ada: Person) -> None:
    running = started(ada, "import time; open('data/train.csv').read(); print('ready', flush=True); time.sleep(60)")
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGKILL)
    running.wait(timeout=30)
    running.stdout.close()
    shown = [entry for entry in entries(ada) if entry.get("tier") == "supervised"]
    assert [entry["kind"] for entry in shown] == ["run", "read"]
    assert "incomplete" in ada.mlsc("log", "show").stdout


FLOOD = """
import os, threading, time
ended = threading.Event()
def flood():
    while not ended.is_set():
        try:
            os.open("data/none.csv", os.O_RDONLY)
        except OSError:
            pass
threads = [threading.Thread(target=flood) for _ in range(8)]
[thread.start() for thread in threads]
if os.fork() == 0:
    for _ in range(50):
        open("data/train.csv").read()
    open("data/out.csv", "w").write("one")
    os._exit(0)
print(os.wait()[1])
ended.set()
[thread.join() for thread in threads]
"""


def test_a_flood_of_questions_keeps_nobody_from_an_answer(ada: Person) -> None:
    ran = supervised(ada, sys.executable, "-c", FLOOD, timeout=100)
    assert (ran.returncode, ran.stdout) == (0, "0\n"), ran.stderr
    assert written(ada)["data/out.csv"] == [digest_of(ada.root / "data/out.csv")]


FIFOS = """
import os, threading
os.mkfifo("fifo")
for _ in range(40):
    threading.Thread(target=os.open, args=("fifo", os.O_RDONLY), daemon=True).start()
print(len(open("data/train.csv").read()) > 0, flush=True)
os._exit(0)
"""


def test_forty_opens_that_wait_for_somebody_stall_no_other_and_not_the_end(ada: Person) -> None:
    ran = supervised(ada, sys.executable, "-c", FIFOS, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "True\n"), ran.stderr


LEASE = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
number = os.open("own.txt", os.O_RDWR | os.O_CREAT)
fcntl.fcntl(number, 1024, fcntl.F_WRLCK)
waiting = os.fork()
if waiting == 0:
    os.write(1, b"asks\\n")
    os.open("own.txt", os.O_RDONLY)  # waits until the lease is given back
    os._exit(0)
while fcntl.fcntl(number, 1025) == fcntl.F_WRLCK:
    os.sched_yield()  # it has not been asked for yet
for _ in range(20):
    open("data/train.csv").read()
print("served while it waits" if os.waitpid(waiting, os.WNOHANG) == (0, 0) else "served too late", flush=True)
fcntl.fcntl(number, 1024, fcntl.F_UNLCK)
print(os.wait()[1])
"""


def test_a_lease_that_is_not_given_back_stalls_nobody_else(ada: Person) -> None:
    """lease-break-time is 45 seconds: a supervisor that waits for it in its loop serves nobody."""
    ran = supervised(ada, sys.executable, "-c", LEASE, timeout=100)
    assert (ran.returncode, ran.stdout) == (0, "asks\nserved while it waits\n0\n"), ran.stderr


UNDUMPABLE = """
import ctypes, errno, os
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
def met(does):
    try:
        does()
        return "done"
    except OSError as err:
        return errno.errorcode[err.errno]
print(met(lambda: open("/etc/hostname").read()), met(lambda: open("data/train.csv").read()), met(lambda: open("mlsc.toml").read()),
      met(lambda: open("work.txt", "w")), met(lambda: os.chmod("mlsc.toml", 0)), met(lambda: os.rename("data", "x")))
"""


def test_a_process_that_may_not_be_looked_at_has_system_files_only(ada: Person) -> None:
    ran = supervised(ada, sys.executable, "-c", UNDUMPABLE)
    first, *others = ran.stdout.split()
    assert first == "done"
    assert set(others) <= {"EACCES", "EPERM"}, ran.stdout
    assert len(others) == 5


SHARED = """
import mmap, os, sys
good = open("data/train.csv", "rb").read()
os.mkdir("data/own"); number = os.open("data/train.csv.new", os.O_RDWR | os.O_CREAT); os.write(number, b"#" * len(good))
shared = mmap.mmap(number, len(good)); os.close(number)
os.rename("data/train.csv.new", "data/train.csv")
shared[:] = good                    # judged so
held = open("data/train.csv", "rb", buffering=0)
shared[:] = b"#" * len(good)        # and changed so
print(held.read() == good)
try:
    print(open("data/train.csv", "rb").read() == good, "own")
except PermissionError:
    print("refused")
"""


def test_a_mapping_that_is_kept_over_the_check_changes_nothing_that_was_handed_out(ada: Person) -> None:
    ran = supervised(ada, sys.executable, "-c", SHARED)
    assert ran.stdout.splitlines()[0] == "True", ran.stdout + ran.stderr


LINKED = """
import ctypes, os
good = open("data/train.csv", "rb").read()
free = "../free/twin"
open(free, "wb").write(good)
os.unlink("data/train.csv"); os.link(free, "data/train.csv")
held = open("data/train.csv", "rb", buffering=0)
if os.fork() == 0:
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # its opens are left to the wall, which grants the free folder
    with open(free, "r+b") as file:
        file.write(b"#" * len(good))
    os._exit(0)
print(os.wait()[1], held.read() == good)
"""


def test_a_twin_in_a_free_folder_changes_nothing_that_was_handed_out(ada: Person) -> None:
    (ada.root.parent / "free").mkdir(exist_ok=True)
    ran = supervised(ada, sys.executable, "-c", LINKED)
    assert ran.stdout == "0 True\n", ran.stdout + ran.stderr


def test_a_hard_link_from_before_is_the_file_itself(ada: Person) -> None:
    ada.write("data/secret.csv", "the-marker-of-an-unsigned-file\n")
    other = ada.root.parent / "before.txt"
    os.link(ada.root / "data/secret.csv", other)
    ran = supervised(ada, "cat", str(other))
    assert ran.stdout == ""
    assert "[unsigned]" in ran.stderr
    again = supervised(ada, "sh", "-c", f"echo x >> {other}; cat data/secret.csv")
    assert again.stdout == ""


def test_code_written_inside_and_run_by_hand_outside_is_outside_the_promise(ada: Person) -> None:
    """What a person runs outside does what it likes. The record names who wrote a governed script, and nothing stops it."""
    ada.write("data/secret.csv", "the-marker-of-an-unsigned-file\n")
    supervised(ada, sys.executable, "-c", "open('innocent.py', 'w').write('print(open(\"data/secret.csv\").read())')")
    outside = subprocess.run([sys.executable, "innocent.py"], cwd=ada.root, capture_output=True, text=True, check=True, timeout=30)
    assert "the-marker-of-an-unsigned-file" in outside.stdout


NETWORK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
connection, _ = server.accept()
connection.sendall(b"data that no rule governs"); connection.close()
print(client.makefile().read())
"""


def test_what_arrives_over_the_network_straight_into_memory_is_outside_the_promise(ada: Person) -> None:
    ran = supervised(ada, sys.executable, "-c", NETWORK)
    assert ran.stdout == "data that no rule governs\n", ran.stderr
