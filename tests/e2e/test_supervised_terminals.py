"""A whole server that runs supervised: its terminals, consoles and the kernels that are started by hand are in the same tree, and work as terminals do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import CSV, Person
from tests.e2e.lab import WHOLE, Server, Session, Terminal, running
from tests.e2e.supervised_people import notebook, operations, prepare

READS = "sh -c 'echo be\"\"gun; exec cat'\r"
"""A program that says "begun" when it has the terminal, and reads from it then."""
MLSC = f"{sys.executable} -m jupyter_mlsc.cli"


@pytest.fixture(scope="module", params=["/bin/bash", pytest.param("/bin/sh", marks=pytest.mark.slow)])
def ada(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada's project with data/train.csv signed and data/unsigned.csv not; her shell is said, since jupyter starts another where the environment names none."""
    place = tmp_path_factory.mktemp("terminals")
    for name in ("home", "project"):
        (place / name).mkdir()
    made = Person("ada", place / "home", place / "project", {"SHELL": request.param})
    made.init("enforce")
    made.write("data/train.csv", CSV)
    made.sign("data/train.csv")
    return prepare(made)


@pytest.fixture(scope="module")
def server(ada: Person) -> Iterator[Server]:
    """``mlsc exec -- jupyter server``."""
    with running(ada, "jupyter_server", within=WHOLE) as started:
        yield started


@pytest.fixture
def terminal(server: Server) -> Iterator[Terminal]:
    """A new terminal with a shell that prompts plainly."""
    opened = Terminal(server).open()
    opened.run("PS1='$ '; bind 'set enable-bracketed-paste off' 2> /dev/null")
    yield opened
    server.ask("DELETE", f"api/terminals/{opened.name}")
    opened.socket.close()


def test_programs_in_a_terminal_are_refused_and_recorded(terminal: Terminal, ada: Person) -> None:
    before = len(operations(ada))
    for program in ("cat", "head -n 1", "wc -l"):
        status, seen = terminal.run(f"{program} data/unsigned.csv")
        assert status == 1
        assert "Permission denied" in seen
    assert terminal.run("head -n 1 data/train.csv") == (0, "x,y\n")
    found = operations(ada)[before:]
    assert ("read", "data/unsigned.csv", "block", "supervised") in found
    assert ("read", "data/train.csv", "allow", "supervised") in found


def test_a_terminal_is_a_terminal(terminal: Terminal) -> None:
    status, seen = terminal.run("tty && test -t 0 && test -t 1")
    assert status == 0
    assert re.match(r"/dev/pts/\d+\n", seen)
    for rows, columns in ((33, 99), (20, 70)):
        terminal.resize(rows, columns)
        assert terminal.run("stty size") == (0, f"{rows} {columns}\n")
    assert terminal.run("stty -echo; stty echo; echo typed > $(tty)") == (0, "typed\n")


def test_an_interrupt_ends_the_program_and_not_the_shell(terminal: Terminal) -> None:
    terminal.type(READS)
    terminal.wait_for("begun")
    terminal.type("\x03")
    terminal.wait_for(r"\^C\n\$ ")
    assert terminal.run("echo $?")[1] == "130\n"


def test_jobs_stop_and_go_on(terminal: Terminal) -> None:
    terminal.type(READS)
    terminal.wait_for("begun")
    terminal.type("\x1a")
    terminal.wait_for(r"Stopped[^\n]*\n\$ ")
    assert "Stopped" in terminal.run("jobs")[1]
    assert "Running" in terminal.run("sleep 300 & jobs")[1]
    terminal.type("fg %1\r")
    terminal.wait_for("exec cat['\"]?\n")
    terminal.type("\x04")
    assert terminal.run("kill %2 && wait %2; echo $?")[1].endswith("143\n")


def test_a_full_screen_program_draws(terminal: Terminal) -> None:
    """It asks for the terminal's abilities and its size, and reads single keys."""
    code = "import curses; curses.wrapper(lambda w: (w.addstr(2, 3, 'drawn'), w.refresh(), w.getkey()))"
    terminal.type(f'TERM=xterm {sys.executable} -c "{code}"; echo code:$?\r')
    terminal.wait_for(r"code:\$\?\n")
    terminal.wait_for("drawn")
    terminal.type("q")
    assert terminal.wait_for(r"code:(\d+)")[1] == "0"


def test_a_run_in_a_terminal_is_served_by_the_supervisor_that_is_there(terminal: Terminal) -> None:
    status, seen = terminal.run(f"{MLSC} exec -- cat data/unsigned.csv")
    assert (status, "Permission denied" in seen) == (1, True)
    filters = "grep Seccomp_filters /proc/self/status"
    assert terminal.run(filters) == terminal.run(f"{MLSC} exec -- {filters}")


def test_signing_in_a_terminal_inside_says_where_it_is_done(terminal: Terminal) -> None:
    status, seen = terminal.run(f"{MLSC} sign data/unsigned.csv")
    assert status == 3
    assert "next: sign it from a terminal or the panel, outside" in " ".join(seen.split())
    status, seen = terminal.run(f"{MLSC} verify data/unsigned.csv data/train.csv")
    assert status == 1
    assert "data/train.csv: allowed" in seen


@pytest.mark.parametrize(
    "started",
    [
        pytest.param(f"{sys.executable} -m jupyter execute work.ipynb", id="jupyter execute"),
        pytest.param(f"{sys.executable} -m IPython --no-banner --colors=NoColor work.ipynb", id="ipython"),
        pytest.param(f"{sys.executable} -m jupyter run typed.py", id="jupyter run"),
    ],
)
def test_a_kernel_that_is_started_by_hand_is_in_the_tree(terminal: Terminal, ada: Person, started: str) -> None:
    source = "print(len(open('data/train.csv').read()) > 9, 'signed')\nopen('data/unsigned.csv').read()"
    notebook(ada, source, kernel="python3")
    (ada.root / "typed.py").write_text(source)
    _, seen = terminal.run(started)
    assert "PermissionError" in seen
    if "execute" not in started:  # which prints what failed, and nothing else
        assert "True signed" in seen
    assert {("read", "data/unsigned.csv", "block", "supervised"), ("read", "data/train.csv", "allow", "supervised")} <= set(operations(ada))


def test_a_console_is_in_the_tree(server: Server) -> None:
    made = server.ask("POST", "api/sessions", {"path": "console-1", "name": "Console 1", "type": "console", "kernel": {"name": "python3"}})
    opened = Session(server, "console-1", made["id"], made["kernel"]["id"])
    opened.connect()
    assert opened.run("print(len(open('data/train.csv').read()) > 9)").stdout == "True\n"
    assert opened.run("open('data/unsigned.csv')").error == "PermissionError"
    opened.socket.close()
    server.ask("DELETE", f"api/sessions/{opened.id}")
