"""Internet addresses inside a supervised tree: errors and waiting as they always are, and nothing goes out where the policy says so.

Rules kept: nothing leaves this machine.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import Person
from tests.sandbox.inside import inside, settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


def test_connecting_over_tcp_gives_the_errors_and_states_that_it_always_gives(ada: Person) -> None:
    found = """
    import select
    closed = socket.socket(); closed.bind(("127.0.0.1", 0)); port = closed.getsockname()[1]; closed.close()
    refused = outcome(lambda: socket.create_connection(("127.0.0.1", port)))
    listener = socket.create_server(("127.0.0.1", 0))
    s = socket.socket(); s.setblocking(False)
    begun = errno.errorcode[s.connect_ex(listener.getsockname())]
    select.select([], [s], [], 10)
    after = [s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getpeername() == listener.getsockname()]
    after += [s.connect_ex(listener.getsockname()), errno.errorcode[s.connect_ex(listener.getsockname())]]
    file, fresh = os.open("/dev/null", os.O_RDONLY), socket.socket()
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    def raw(number, address, length):
        libc.connect(number, address, length)
        return errno.errorcode[ctypes.get_errno()]
    say([refused, begun, *after, raw(file, b"x" * 16, 16), raw(999, b"x" * 16, 16), raw(fresh.fileno(), b"x" * 16, 500)])
    """
    assert inside(ada, found) == ["ECONNREFUSED", "EINPROGRESS", 0, True, 0, "EISCONN", "ENOTSOCK", "EBADF", "EINVAL"]


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """A TCP server on this machine that has no room for one more connection, so that connecting to it waits."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(4):
            more = socket.socket()
            more.setblocking(False)
            more.connect_ex(listener.getsockname())
            waiting.append(more)
        yield listener.getsockname()
        for more in waiting:
            more.close()


def test_a_connect_that_waits_stalls_nobody_and_a_signal_wakes_it(ada: Person, full: tuple[str, int]) -> None:
    found = """
    import signal, threading
    class Woken(Exception): pass
    def wake(*_): raise Woken
    signal.signal(signal.SIGALRM, wake)
    opened = []
    def work():
        for _ in range(50):
            opened.append(len(open("mlsc.toml").read()) > 0)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
    threading.Thread(target=work).start()
    try:
        socket.create_connection((where[0], int(where[1])))
        say("connected")
    except Woken:
        say(opened == [True] * 50)
    """
    assert inside(ada, found, full[0], str(full[1])) is True


def test_what_was_begun_for_a_caller_that_is_killed_is_given_up(ada: Person, full: tuple[str, int]) -> None:
    found = """
    import itertools, subprocess, time
    there = f"0100007F:{int(where[1]):04X} 02"  # a connection under way to that port
    def under_way():
        return sum(line.split()[2] + " " + line.split()[3] == there for line in open("/proc/net/tcp"))
    def until(wanted):
        for _ in range(400):
            if under_way() == wanted:
                return True
            time.sleep(0.05)
        return False
    before = under_way()
    code = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])))"
    child = subprocess.Popen([sys.executable, "-c", code, *where])
    begun = until(before + 1)
    child.kill(); child.wait()
    say([begun, until(before)])
    """
    assert inside(ada, found, full[0], str(full[1])) == [True, True]


def test_with_the_network_denied_nothing_goes_out(ada: Person) -> None:
    settings(ada, 'network = "deny"')
    found = """
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    fast = socket.socket()
    late = socket.socket(); late.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
    say([
        outcome(lambda: socket.create_connection(address)),
        outcome(lambda: fast.sendto(b"out", socket.MSG_FASTOPEN, address)),
        outcome(lambda: fast.sendmsg([b"out"], [], socket.MSG_FASTOPEN, address)),
        outcome(lambda: late.connect(address)),
        outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        outcome(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
        outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)),  # IPPROTO_MPTCP
        outcome(lambda: socket.socket(socket.AF_UNIX)),
    ])
    """
    assert inside(ada, found) == ["EACCES", "ENOTSUP", "ENOTSUP", "EACCES", "EACCES", "EACCES", "EACCES", "done"]


def test_the_network_that_is_denied_is_told_with_the_address(ada: Person) -> None:
    settings(ada, 'network = "deny"')
    done = ada.mlsc("exec", "--", sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))")
    assert done.returncode == 1
    assert "127.0.0.1:9 was refused" in done.stderr
    assert "[network]" in done.stderr


def test_a_server_inside_is_reached_from_outside_with_the_network_denied(ada: Person) -> None:
    settings(ada, 'network = "deny"')
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()[0].sendall(b'in')"
    with subprocess.Popen(
        [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", code], cwd=ada.root, env=ada.environ, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            with socket.create_connection(("127.0.0.1", int(running.stdout.readline())), timeout=60) as client:
                assert client.recv(2) == b"in"
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)


def test_an_address_is_not_asked_for_twice_by_several_threads(ada: Person) -> None:
    found = """
    import threading
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    done = []
    def go():
        with socket.create_connection(listener.getsockname()) as s: done.append(s.getpeername() == listener.getsockname())
    threads = [threading.Thread(target=go) for _ in range(100)]
    for t in threads: t.start()
    for t in threads: t.join()
    say(done == [True] * 100)
    """
    assert inside(ada, found) is True
