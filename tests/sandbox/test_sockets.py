"""Connecting and binding inside a supervised tree: everything within it works, and nobody outside can be asked to do what it may not.

Rules kept: each server outside the tree is a real one, and says who came; nothing leaves this machine.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox import peers
from jupyter_mlsc.sandbox.filter import program
from jupyter_mlsc.sandbox.listed import ListedSockets
from jupyter_mlsc.sandbox.syscalls import calls
from tests.conftest import Person
from tests.sandbox.inside import inside, settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


@contextlib.contextmanager
def server(address: str, kind: int = socket.SOCK_STREAM) -> Iterator[Callable[[], bool]]:
    """Somebody who listens, outside the tree; the value tells whether anybody came, or sent anything."""
    with socket.socket(socket.AF_UNIX, kind) as listener:
        listener.bind(address)
        if kind != socket.SOCK_DGRAM:
            listener.listen()
        watched = select.poll()
        watched.register(listener, select.POLLIN)
        yield lambda: bool(watched.poll(0))


CONNECT = """
def connect():
    with socket.socket(socket.AF_UNIX, getattr(socket, where[1])) as s:
        s.connect(where[0].replace("@", "\\0"))
say(outcome(connect))
"""


def test_a_stream_server_outside_is_refused_and_nobody_comes(ada: Person, outside: Path) -> None:
    with server(str(outside / "agent")) as came:
        assert inside(ada, CONNECT, outside / "agent", "SOCK_STREAM") == "EACCES"
        assert not came()


def test_a_seqpacket_server_outside_is_refused_and_nobody_comes(ada: Person, outside: Path) -> None:
    with server(str(outside / "agent"), socket.SOCK_SEQPACKET) as came:
        assert inside(ada, CONNECT, outside / "agent", "SOCK_SEQPACKET") == "EACCES"
        assert not came()


def test_an_abstract_server_outside_is_refused_and_nobody_comes(ada: Person) -> None:
    name = f"mlsc-test-{os.getpid()}"
    with server("\0" + name) as came:
        assert inside(ada, CONNECT, "@" + name, "SOCK_STREAM") == "EACCES"
        assert not came()


_ELSEWHERE = 'mount --bind "$1" /mnt && shift && exec "$@"'


def test_a_server_in_another_network_namespace_is_refused_and_the_reason_is_told(ada: Person, outside: Path) -> None:
    """As a container's `docker.sock`: the kernel's list of this namespace has nobody who listens there."""
    whole = ["unshare", "-mn", "sh", "-c", _ELSEWHERE, "sh", str(outside)]
    if subprocess.run([*whole, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("nobody may make namespaces here")
    asks = "import socket; socket.socket(socket.AF_UNIX).connect('/mnt/agent')"
    supervised = [*whole, sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", asks]
    with server(str(outside / "agent")) as came:
        done = subprocess.run(supervised, cwd=ada.root, env=ada.environ, capture_output=True, text=True, check=False, timeout=120)
        assert not came()
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert "/mnt/agent was refused to" in done.stderr


def test_the_refusal_is_told_with_the_reason(ada: Person, outside: Path) -> None:
    with server(str(outside / "agent")):
        done = ada.mlsc("exec", "--", sys.executable, "-c", f"import socket; socket.socket(socket.AF_UNIX).connect({str(outside / 'agent')!r})")
    assert done.returncode == 1
    assert f"{outside}/agent was refused" in done.stderr
    assert "[socket]" in done.stderr


def test_a_server_that_was_moved_to_a_name_of_the_trees_own_is_refused(ada: Person, outside: Path) -> None:
    found = """
    ours = socket.socket(socket.AF_UNIX); ours.bind(where[0] + "/ours"); ours.listen()
    os.unlink(where[0] + "/ours")
    os.rename(where[0] + "/agent", where[0] + "/ours")
    say(outcome(lambda: socket.socket(socket.AF_UNIX).connect(where[0] + "/ours")))
    """
    with server(str(outside / "agent")) as came:
        assert inside(ada, found, outside) == "EACCES"
        assert not came()


def test_a_link_to_a_server_outside_is_refused(ada: Person, outside: Path) -> None:
    found = """
    os.symlink(where[0], "here.sock")
    say(outcome(lambda: socket.socket(socket.AF_UNIX).connect("here.sock")))
    """
    with server(str(outside / "agent")) as came:
        assert inside(ada, found, outside / "agent") == "EACCES"
        assert not came()


def test_what_a_server_left_behind_refuses_connections_as_always(ada: Person, outside: Path) -> None:
    with server(str(outside / "agent")):
        pass
    assert inside(ada, CONNECT, outside / "agent", "SOCK_STREAM") == "ECONNREFUSED"
    assert inside(ada, CONNECT, outside / "nothing", "SOCK_STREAM") == "ENOENT"


@pytest.mark.parametrize("spelled", ["absolute", "relative"])
def test_a_server_that_the_policy_lists_is_reached(ada: Person, outside: Path, spelled: str) -> None:
    listed = str(outside / "agent") if spelled == "absolute" else os.path.relpath(outside / "agent", ada.root)
    settings(ada, f'sockets = ["{listed}"]')
    with server(str(outside / "agent")) as came:
        assert inside(ada, CONNECT, outside / "agent", "SOCK_STREAM") == "done"
        assert came()


def test_an_abstract_server_that_the_policy_lists_is_reached(ada: Person) -> None:
    name = f"mlsc-test-listed-{os.getpid()}"
    settings(ada, f'sockets = ["@{name}"]')
    with server("\0" + name) as came:
        assert inside(ada, CONNECT, "@" + name, "SOCK_STREAM") == "done"
        assert came()


def test_another_server_that_was_moved_to_a_listed_name_is_refused(ada: Person, outside: Path) -> None:
    settings(ada, f'sockets = ["{outside}/listed"]')
    found = """
    os.rename(where[0] + "/agent", where[0] + "/listed")
    say(outcome(lambda: socket.socket(socket.AF_UNIX).connect(where[0] + "/listed")))
    """
    with server(str(outside / "agent")) as came:
        assert inside(ada, found, outside) == "EACCES"
        assert not came()


def test_a_socket_that_is_exchanged_while_it_connects_reaches_nobody_outside(ada: Person, outside: Path) -> None:
    found = """
    import threading
    address, ours = where[0] + "/agent", where[0] + "/ours"
    listener = socket.socket(socket.AF_UNIX); listener.bind(ours); listener.listen(4096)
    place = socket.socket(socket.AF_UNIX)
    over = threading.Event()
    def exchange():
        while not over.is_set():
            with socket.socket(socket.AF_UNIX) as fresh:
                os.dup2(fresh.fileno(), place.fileno())
    other = threading.Thread(target=exchange); other.start()
    seen = set()
    for at in range(300):
        seen.add(outcome(lambda: place.connect(address if at % 2 else ours)))
    over.set(); other.join()
    say("EACCES" in seen)
    """
    with server(str(outside / "agent")) as came:
        assert inside(ada, found, outside) is True
        assert not came()


def test_an_address_that_is_rewritten_while_it_connects_reaches_nobody_outside(ada: Person, outside: Path) -> None:
    found = """
    import ctypes, struct, threading
    libc = ctypes.CDLL(None, use_errno=True)
    theirs, ours = ((struct.pack("<H", socket.AF_UNIX) + (where[0] + name).encode()).ljust(100, b"\\0") for name in ("/agent", "/ours_"))
    listener = socket.socket(socket.AF_UNIX); listener.bind(where[0] + "/ours_"); listener.listen(4096)
    address = ctypes.create_string_buffer(100)
    over = threading.Event()
    def rewrite():
        while not over.is_set():
            ctypes.memmove(address, theirs, 100); ctypes.memmove(address, ours, 100)
    other = threading.Thread(target=rewrite); other.start()
    seen = set()
    for _ in range(300):
        with socket.socket(socket.AF_UNIX) as s:
            seen.add(0 if libc.connect(s.fileno(), address, 100) == 0 else ctypes.get_errno())
    over.set(); other.join()
    say(0 in seen)
    """
    with server(str(outside / "agent")) as came:
        assert inside(ada, found, outside) is True
        assert not came()


def test_a_caller_that_may_not_be_looked_at_connects_to_nobody(ada: Person, outside: Path) -> None:
    found = """
    import ctypes
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    tcp = outcome(lambda: socket.create_connection(("127.0.0.1", 9)))
    say([outcome(lambda: socket.socket(socket.AF_UNIX).connect(where[0])), tcp, outcome(lambda: socket.socket().bind(("127.0.0.1", 0)))])
    """
    with server(str(outside / "agent")) as came:
        assert inside(ada, found, outside / "agent") == ["EACCES", "EACCES", "done"]
        assert not came()


def test_datagram_sockets_are_refused_as_unix_sockets_and_pairs_send_only_to_each_other(ada: Person, outside: Path) -> None:
    found = """
    made = [outcome(lambda: socket.socket(socket.AF_UNIX, kind)) for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW)]
    def told(a, b):
        outcome(lambda: a.sendto(b"do it", where[0]))
        outcome(lambda: a.sendmsg([b"do it"], [], 0, where[0]))
        outcome(lambda: a.connect(where[0]))
        outcome(lambda: a.send(b"do it"))
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
        told(*socket.socketpair(socket.AF_UNIX, kind))
    say(made)
    """
    with server(str(outside / "log"), socket.SOCK_DGRAM) as came:
        assert inside(ada, found, outside / "log") == ["EACCES", "EACCES"]
        assert not came()


def test_a_pair_of_datagram_sockets_keeps_messages_apart_and_its_flags(ada: Person) -> None:
    found = """
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.send(b"one"); a.send(b"three")
    got = [b.recv(2).decode(), b.recv(9).decode()]
    c, d = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    bad = [libc.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM, 0, 8), ctypes.get_errno()]
    say([got, outcome(lambda: d.recv(1)), os.get_inheritable(a.fileno()), bad])
    """
    assert inside(ada, found) == [["on", "three"], "EAGAIN", False, [-1, 14]]


def test_syslog_does_not_stop_a_program(ada: Person) -> None:
    assert inside(ada, "import syslog; syslog.syslog('nobody hears this'); say('went on')") == "went on"


def test_whoever_holds_the_listening_socket_is_who_listens(outside: Path) -> None:
    path = str(outside / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        inode = os.fstat(listener.fileno()).st_ino
        assert inode not in {each.inode for each in peers.listening()}
        listener.listen()
        (found,) = (each for each in peers.listening() if each.inode == inode)
        place = os.open(path, os.O_PATH)
        assert found == peers.Bound(inode, socket.SOCK_STREAM, os.fsencode(path), peers.file_of(place))
        os.close(place)
        assert peers.held_by([os.getpid()], [inode])
        assert not peers.held_by([1], [inode])
        assert not peers.held_by([os.getpid()], [inode, 0])
        assert not peers.held_by([os.getpid()], [])


def test_a_listed_name_means_what_it_led_to_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    listed = ListedSockets(["link/s", "~/t", "@name"], root=str(tmp_path), home="/home/ada")
    assert listed.has(os.fsencode(tmp_path / "real/s"))
    assert listed.has(b"/home/ada/t")
    assert listed.has(b"@name")
    assert not listed.has(b"name")
    assert listed.is_same(os.fsencode(tmp_path / "real/s"), os.fsencode(tmp_path / "link/s"))
    assert not listed.is_same(os.fsencode(tmp_path / "real/s"), b"s")
    assert not listed.is_same(b"@name", b"@name")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("network", [True, False])
def test_no_jump_of_the_filter_leads_out_of_it(machine: str, network: bool) -> None:
    rows = program(calls(machine), network=network)
    for at, (code, if_true, if_false, _) in enumerate(rows):
        assert at + 1 + max(if_true, if_false) < len(rows) or code == 0x06
    assert len(rows) < 4096
