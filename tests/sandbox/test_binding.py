"""Unix sockets that are bound inside a supervised tree: under the name that they were given, and nowhere that is protected or governed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox.decide import CONTINUE, DO, decide_bind, refuse
from jupyter_mlsc.sandbox.places import Region
from tests.conftest import Person
from tests.sandbox.inside import inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


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
