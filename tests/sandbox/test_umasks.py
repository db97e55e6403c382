"""What is made on a caller's behalf has the mode that the caller would have given it, also when its umask was looked at a moment ago."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conftest import Person
from tests.sandbox.inside import inside


@pytest.fixture(autouse=True)
def ordinary_umask() -> Iterator[None]:
    """The umask that a supervised command is started with: one that was not set inside."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_umask_that_another_thread_changes_counts_at_once(ada: Person) -> None:
    found = """
    import threading
    made = []
    def make(mode=0o666):
        name = f"f{len(made)}"
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        os.mkdir("d" + name)
        made.append([oct(os.stat(each).st_mode & 0o777) for each in (name, "d" + name)])
    for _ in range(5):
        make()
    for mask in (0o077, 0o000, 0o027):
        other = threading.Thread(target=os.umask, args=(mask,))
        other.start(); other.join()
        make()
    say(made[4:])
    """
    assert inside(ada, found) == [["0o644", "0o755"], ["0o600", "0o700"], ["0o666", "0o777"], ["0o640", "0o750"]]


def test_umask_that_is_never_changed_is_each_callers_own(ada: Person) -> None:
    found = """
    import subprocess
    def make(name):
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        return oct(os.stat(name).st_mode & 0o777)
    first = [make(f"a{n}") for n in range(5)]
    subprocess.run(["sh", "-c", "set -C; umask 077; : > theirs"], check=True)
    say([first, oct(os.stat("theirs").st_mode & 0o777), make("b")])
    """
    assert inside(ada, found) == [["0o644"] * 5, "0o600", "0o644"]
