"""Sockets that a command is started on: those of whoever started it are its streams, and one that can address anybody else is not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Person
from tests.sandbox.inside import settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


def started(ada: Person, command: str, **streams: socket.socket) -> tuple[int, str]:
    """A supervised shell line with sockets for streams: its exit status, and what it says on stderr where that is none of them."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **{name: each.fileno() for name, each in streams.items()}}
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", "sh", "-c", command],
        cwd=ada.root,
        env=ada.environ,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        **given,
    )
    return done.returncode, done.stderr


def test_a_pair_of_sockets_is_a_commands_input_and_output(ada: Person) -> None:
    """As node and some CI runners start their commands."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"asked\n")
        assert started(ada, "read word; echo got $word", stdin=theirs, stdout=theirs)[0] == 0
        assert ours.recv(100) == b"got asked\n"


def test_a_connected_stream_is_a_commands_output(ada: Person, outside: Path) -> None:
    """As systemd's journal is."""
    with socket.socket(socket.AF_UNIX) as journal, socket.socket(socket.AF_UNIX) as end:
        journal.bind(str(outside / "journal"))
        journal.listen()
        end.connect(str(outside / "journal"))
        with journal.accept()[0] as seen:
            assert started(ada, "echo told", stdout=end)[0] == 0
            assert seen.recv(100) == b"told\n"


@pytest.fixture
def datagrams() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets whose ends can send to anybody."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_a_datagram_socket_is_no_stream_of_a_command(ada: Person, datagrams: tuple[socket.socket, socket.socket], stream: str, tmp_path: Path) -> None:
    ada.more["TMPDIR"] = str(tmp_path / "temporary")
    os.mkdir(ada.more["TMPDIR"])
    status, told = started(ada, "touch ran", **{stream: datagrams[1]})
    assert status == 125
    assert "is a socket that sends to any address" in told
    assert not os.path.exists(ada.root / "ran")
    assert os.listdir(ada.more["TMPDIR"]) == []


def test_where_the_network_is_denied_no_stream_leads_there(ada: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as end:
        assert started(ada, "true", stdout=end)[0] == 0
        settings(ada, 'network = "deny"')
        status, told = started(ada, "touch ran", stdout=end)
    assert status == 125
    assert "leads to the network" in told
    assert not os.path.exists(ada.root / "ran")
