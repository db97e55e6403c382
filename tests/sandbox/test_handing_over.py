"""A descriptor that a program gets is nobody else's: what the supervisor opened for it is closed there before the program goes on."""

from __future__ import annotations

import errno
import os
import platform
import sys
import threading
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox import linux
from jupyter_mlsc.sandbox.filter import ALLOW, ASK, install
from jupyter_mlsc.sandbox.listener import Listener, Notification
from tests.sandbox.accounts import Account
from tests.sandbox.workloads import python

_SECCOMP, _GETPGID = 317, 121
pytestmark = pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="the numbers are those of x86_64")

_ROUNDS = """
import errno, fcntl, os, signal
others = [os.fork() for _ in range(3)]
if not all(others):
    name = f"other{os.getpid()}"
    open(name, "w").close()
    while os.getppid() != 1:
        os.close(os.open(name, os.O_RDWR))
    os._exit(0)
os.mkfifo("pipe")
open("lock", "w").close()
wrong = {"a reader that nobody is": 0, "a lock that nobody holds": 0, "a writer that failed": 0}
for _ in range(%d):
    writer = os.fork()
    if not writer:
        signal.alarm(20)
        os._exit(os.write(os.open("pipe", os.O_WRONLY | os.O_CREAT, 0o600), b"a") - 1)
    signal.alarm(20)
    reader = os.open("pipe", os.O_RDONLY)
    assert os.read(reader, 5) == b"a"
    os.close(reader)
    try:
        os.close(os.open("pipe", os.O_WRONLY | os.O_NONBLOCK))
        wrong["a reader that nobody is"] += 1
    except OSError as err:
        assert err.errno == errno.ENXIO
    wrong["a writer that failed"] += os.waitpid(writer, 0)[1] != 0
    held = os.open("lock", os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        wrong["a lock that nobody holds"] += 1
    os.close(held)
for each in others:
    os.kill(each, signal.SIGKILL)
print(wrong)
"""


class _Watched(Listener):
    """Notes whether a descriptor was open here when its call was answered."""

    descriptor_given = -1
    open_when_answered: bool | None = None

    def succeed(self, question: Notification, value: int = 0) -> None:
        self.open_when_answered = Path(f"/proc/self/fd/{self.descriptor_given}").is_symlink()
        super().succeed(question, value)


def test_the_supervisors_copy_is_closed_before_the_call_is_answered() -> None:
    ready, asked = threading.Event(), threading.Event()
    listeners: list[int] = []
    answers: list[int] = []

    def caller() -> None:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        listeners.append(install([(0x20, 0, 0, 0), (0x15, 0, 1, _GETPGID), (0x06, 0, 0, ASK), (0x06, 0, 0, ALLOW)], _SECCOMP))
        ready.set()
        asked.wait()
        answers.append(linux.libc.syscall(_GETPGID, 0))

    thread = threading.Thread(target=caller)
    thread.start()
    ready.wait()
    listener = _Watched(listeners[0])
    asked.set()
    question = listener.receive()
    assert question is not None
    listener.descriptor_given = os.open(__file__, os.O_RDONLY)

    listener.give(question, listener.descriptor_given, close_on_exec=True)

    thread.join()
    assert listener.open_when_answered is False
    assert os.readlink(f"/proc/self/fd/{answers[0]}") == os.path.realpath(__file__)
    for each in (answers[0], listeners[0]):
        os.close(each)


def test_what_cannot_be_handed_over_stays_open_nowhere() -> None:
    listener = Listener(os.open(os.devnull, os.O_RDONLY))
    given = os.open(__file__, os.O_RDONLY)

    with pytest.raises(OSError, match=os.strerror(errno.ENOTTY)):
        listener.give(Notification(1, os.getpid(), _GETPGID, (0,) * 6), given, close_on_exec=True)

    assert not Path(f"/proc/self/fd/{given}").is_symlink()
    os.close(listener.descriptor)


@pytest.mark.slow
def test_no_phantom_holds_a_pipe_or_a_lock_in_thousands_of_rounds(project: Account, work: Path) -> None:
    done = project.run(*project.supervised(*python(_ROUNDS % 2000)), cwd=work)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str({"a reader that nobody is": 0, "a lock that nobody holds": 0, "a writer that failed": 0})
