"""Terminals inside a supervised tree: those that it makes and the one that it was started on work; another terminal cannot be read or typed into."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import pytest

from jupyter_mlsc.sandbox.terminals import is_own_terminal
from tests.conftest import Person
from tests.sandbox.inside import inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


def test_a_terminal_of_its_own_is_opened_by_name_and_works_both_ways(ada: Person) -> None:
    found = """
    import pty
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    again = os.open(name, os.O_RDWR | os.O_NOCTTY)
    os.write(again, b"out\\n"); out = os.read(ours, 20).decode()
    os.write(ours, b"in\\n"); into = os.read(theirs, 20).decode()
    say([out, into, os.isatty(again), os.ttyname(again) == name])
    """
    assert inside(ada, found) == ["out\r\n", "in\n", True, True]


def test_a_child_gets_a_terminal_as_its_own(ada: Person) -> None:
    found = """
    import pty
    pid, ours = pty.fork()
    if pid == 0:
        tty = os.open("/dev/tty", os.O_RDWR)
        os.write(tty, os.ttyname(0).encode())
        os._exit(0)
    said = os.read(ours, 100).decode()
    os.waitpid(pid, 0)
    say([said == os.ptsname(ours) if hasattr(os, "ptsname") else said.startswith("/dev/pts/")])
    """
    assert inside(ada, found) == [True]


def test_script_records_a_session(ada: Person) -> None:
    if not os.path.exists("/usr/bin/script"):
        pytest.skip("script(1) is not here")
    found = """
    import subprocess
    done = subprocess.run(["script", "-qec", "tty; echo five", "typescript"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    say([done.returncode, "/dev/pts/" in done.stdout, "five" in open("typescript").read()])
    """
    assert inside(ada, found) == [0, True, True]


def test_another_terminal_is_neither_read_nor_written(ada: Person) -> None:
    ours, theirs = pty.openpty()
    try:
        found = """
        say([outcome(lambda: os.open(where[0], flags)) for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_NOCTTY)])
        """
        assert inside(ada, found, os.ttyname(theirs)) == ["EACCES"] * 3
        assert not select.select([ours], [], [], 0)[0]
    finally:
        os.close(ours)
        os.close(theirs)


def test_nothing_is_typed_into_the_terminal_that_the_command_was_started_on(ada: Person) -> None:
    code = """
import fcntl, os, sys
name = os.ttyname(0)
def typed(command, value):
    try:
        fcntl.ioctl(0, command, value)
    except OSError as err:
        return err.strerror
    return "typed"
line = os.open(name, os.O_WRONLY | os.O_NOCTTY)
os.write(line, f"{typed(0x5412, b'x')}; {typed(0x541C, bytes([2]))}; {typed(0x1_0000_5412, b'x')};".encode())
"""
    ours, theirs = pty.openpty()
    try:
        # Only its controlling terminal would take it from an ordinary program.
        command = ["setsid", "--ctty", sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", code]
        done = subprocess.run(
            command,
            cwd=ada.root,
            env=ada.environ,
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert os.read(ours, 1000).decode().count("Operation not permitted;") == 3
    finally:
        os.close(ours)
        os.close(theirs)


def test_only_a_terminal_whose_other_end_the_tree_holds_is_its_own() -> None:
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs).encode()
    try:
        assert is_own_terminal(name, lambda pid: pid == os.getpid())
        assert not is_own_terminal(name, lambda _: False)
        assert not is_own_terminal(b"/dev/pts/ptmx", lambda _: True)
    finally:
        os.close(ours)
        os.close(theirs)
    assert not is_own_terminal(name, lambda pid: pid == os.getpid())
