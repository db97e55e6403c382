"""Connecting and binding inside a supervised tree: everything within it works, and nobody outside can be asked to do what it may not.

Rules kept: each server outside the tree is a real one, and says who came; nothing leaves this machine.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox import peers
from jupyter_mlsc.sandbox.decide import CONTINUE, DO, decide_bind, refuse
from jupyter_mlsc.sandbox.filter import program
from jupyter_mlsc.sandbox.listed import ListedSockets
from jupyter_mlsc.sandbox.places import Region
from jupyter_mlsc.sandbox.syscalls import calls
from tests.conftest import Person
from tests.sandbox.inside import inside, settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder beside the project, where people outside the tree have their sockets."""
    with tempfile.TemporaryDirectory(prefix="mlsc-out-") as place:
        yield Path(place)


@contextlib.contextmanager
def server(address: str, kind: int = socket.SOCK_STREAM) -> Iterator[Callable[[], bool]]:
    """Somebody who listens, outside the tree; the value tells whether anybody came, or sent anything."""
    with socket.socket(socket.AF_UNIX, kind) as listener:
        listener.bind(address)
        if kind != socket.SOCK_DGRAM:
            listener.listen()
        yield lambda: bool(select.select([listener], [], [], 0)[0])


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
def full(outside: Path) -> Iterator[tuple[str, int]]:
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


@pytest.mark.parametrize("place", ["free", "project", "relative", "new"])
def test_a_bound_socket_has_the_name_that_it_was_given_and_the_callers_umask(ada: Person, outside: Path, place: str) -> None:
    found = """
    import tempfile
    os.umask(0o027)
    name = {"free": where[1] + "/s", "project": os.getcwd() + "/s", "relative": "s", "new": tempfile.mkdtemp() + "/s"}[where[0]]
    s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen()
    client = socket.socket(socket.AF_UNIX); client.connect(name)
    again = outcome(lambda: socket.socket(socket.AF_UNIX).bind(name))
    say([s.getsockname() == name, client.getpeername() == name, oct(os.stat(name).st_mode), again, os.getcwd() == where[2]])
    """
    assert inside(ada, found, place, outside, ada.root) == [True, True, "0o140750", "EADDRINUSE", True]


def test_a_link_in_a_free_folder_does_not_lead_a_bind_to_what_is_protected(ada: Person, outside: Path) -> None:
    (ada.home / ".ssh").mkdir()
    found = """
    os.symlink(where[1], where[0] + "/link")
    os.symlink(os.getcwd(), where[0] + "/project")
    allowed = outcome(lambda: socket.socket(socket.AF_UNIX).bind(where[0] + "/project/s"))
    say([outcome(lambda: socket.socket(socket.AF_UNIX).bind(where[0] + "/link/agent")), allowed, os.path.exists("s")])
    """
    assert inside(ada, found, outside, ada.home / ".ssh") == ["EACCES", "done", True]
    assert list((ada.home / ".ssh").iterdir()) == []


def test_a_link_that_is_exchanged_while_a_socket_is_bound_leads_nowhere_else(ada: Person, outside: Path) -> None:
    (ada.home / ".ssh").mkdir()
    found = """
    import threading
    folder, link = where[0], where[0] + "/link"
    os.symlink(os.getcwd(), link)
    over = threading.Event()
    def exchange():
        at = 0
        while not over.is_set():
            at += 1
            os.symlink(where[1] if at % 2 else os.getcwd(), folder + "/next")
            os.rename(folder + "/next", link)
    other = threading.Thread(target=exchange); other.start()
    names, seen = set(), set()
    for at in range(300):
        with socket.socket(socket.AF_UNIX) as s:
            seen.add(outcome(lambda: s.bind(f"{link}/s{at}")))
            names.add(s.getsockname()[:14])
    over.set(); other.join()
    say([sorted(seen - {"ENOENT"}), sorted(names)])
    """
    # The name says how the socket came there: the way through the link is not gone twice.
    assert inside(ada, found, outside, ada.home / ".ssh") == [["EACCES", "done"], ["", "/proc/self/fd/"]]
    assert list((ada.home / ".ssh").iterdir()) == []


def test_no_socket_is_bound_at_a_governed_or_protected_name(ada: Person) -> None:
    (ada.root / "data").mkdir()
    found = """
    names = ("data/s", ".mlsc/s", ".mlsc/ledger.db-wal", "/etc/s", "nowhere/s", "mlsc.toml")
    say([outcome(lambda: socket.socket(socket.AF_UNIX).bind(name)) for name in names])
    """
    assert inside(ada, found) == ["EACCES", "EACCES", "EACCES", "EACCES", "ENOENT", "EACCES"]


PROGRAMS = {
    "multiprocessing's listener": """
        import multiprocessing.connection as c, threading
        with c.Listener() as l:
            t = threading.Thread(target=lambda: l.accept().send(5)); t.start()
            with c.Client(l.address) as k: got = k.recv()
            t.join()
        say(got)
    """,
    "multiprocessing's manager": """
        import multiprocessing
        with multiprocessing.Manager() as m:
            d = m.dict(); d["a"] = 5
            say(d["a"])
    """,
    "concurrent.futures": """
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2) as pool: say(pool.submit(abs, -5).result())
    """,
    "joblib": """
        from joblib import Parallel, delayed
        say(max(Parallel(n_jobs=2)(delayed(abs)(i) for i in (-5, 2))))
    """,
    "asyncio": """
        import asyncio, tempfile
        async def main():
            path = tempfile.mkdtemp() + "/s"
            async def hear(r, w):
                w.write(await r.readline()); await w.drain(); w.close()
            async with await asyncio.start_unix_server(hear, path):
                r, w = await asyncio.open_unix_connection(path)
                w.write(b"5\\n")
                return int(await r.readline())
        say(asyncio.run(main()))
    """,
    "a web server": """
        import http.server, threading, urllib.request
        class Five(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200); self.end_headers(); self.wfile.write(b"5")
            def log_message(self, *_): pass
        s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Five)
        threading.Thread(target=s.serve_forever, daemon=True).start()
        say(int(urllib.request.urlopen(f"http://127.0.0.1:{s.server_port}/").read()))
    """,
    "ZeroMQ": """
        import tempfile, zmq
        ctx, got = zmq.Context(), []
        for address in ("tcp://127.0.0.1:*", "ipc://" + tempfile.mkdtemp() + "/z"):
            with ctx.socket(zmq.REP) as rep, ctx.socket(zmq.REQ) as req:
                rep.bind(address); req.connect(rep.getsockopt_string(zmq.LAST_ENDPOINT))
                req.send(b"5"); rep.send(rep.recv()); got.append(int(req.recv()))
        say(got[0] if got[0] == got[1] else got)
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_talk_within_the_tree_work(ada: Person, name: str) -> None:
    assert inside(ada, PROGRAMS[name]) == 5


def test_torchs_data_loader_has_workers(ada: Person) -> None:
    pytest.importorskip("torch")
    program = """
    import torch
    from torch.utils.data import DataLoader
    say(sum(int(batch.sum()) for batch in DataLoader(torch.arange(20), batch_size=4, num_workers=2)))
    """
    assert inside(ada, program) == 190


@pytest.mark.parametrize(
    ("regions", "answer"),
    [
        ((Region.FREE,), CONTINUE),
        ((Region.FREE, Region.FREE), CONTINUE),
        ((Region.FREE, Region.WRITABLE), DO),
        ((Region.WRITABLE,), DO),
        ((Region.GOVERNED,), refuse("governed-socket")),
        ((Region.WRITABLE, Region.GOVERNED), refuse("governed-socket")),
        ((Region.FREE, Region.HIDDEN), refuse("hidden")),
        ((Region.READ_ONLY,), refuse("read-only")),
        ((Region.SYSTEM,), refuse("not-writable")),
        ((Region.ELSEWHERE,), refuse("not-writable")),
    ],
)
def test_a_bind_is_decided_by_the_regions_of_every_name_on_the_way(regions: tuple[Region, ...], answer: object) -> None:
    assert decide_bind(regions) == answer


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
