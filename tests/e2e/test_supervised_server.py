"""A Jupyter server's kernels, over its REST interface and websocket, as JupyterLab uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CSV, Person
from tests.e2e.lab import TOKEN, WHOLE, Server, Session, running
from tests.e2e.supervised_people import KERNEL, notebook, phases, prepare, recorded, wait_until_gone

LEDGER_EVENT = "https://jupyter-mlsc.github.io/events/ledger/v1"


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada's project with data/train.csv signed and data/unsigned.csv not, and a supervised kernel."""
    return _ada(tmp_path_factory.mktemp("server"))


def _ada(place: Path) -> Person:
    for name in ("home", "project"):
        (place / name).mkdir()
    made = Person("ada", place / "home", place / "project")
    made.init("enforce")
    made.write("data/train.csv", CSV)
    made.sign("data/train.csv")
    (made.root / "models").mkdir()
    return prepare(made)


@pytest.fixture(scope="module")
def server(ada: Person) -> Iterator[Server]:
    """A Jupyter server, which the tests share: each has a notebook of its own."""
    with running(ada, "jupyter_server") as started:
        yield started


def _open(server: Server, person: Person, name: str, cell: str = "one") -> Session:
    """A new notebook with a supervised kernel."""
    notebook(person, "1 + 1", name=name)
    opened = Session(server, name, cell=cell)
    opened.open()
    return opened


def _recorded(person: Person, *notebooks: str) -> list[dict[str, Any]]:
    return [entry for entry in recorded(person) if entry["notebook"] in notebooks]


def _is_recorded_by_name(session: Session, person: Person) -> None:
    cell = session.run("import pandas as pd\nprint(len(pd.read_csv('data/train.csv')))\ntry:\n    open('data/unsigned.csv')\nexcept OSError:\n    pass")
    assert cell.stdout == "50\n"
    assert "next: ask a data-steward to run: mlsc sign data/unsigned.csv" in cell.stderr
    session.run("open('models/m.json', 'w').write('{}')")
    found = [(entry["op"], entry["path"], entry["notebook"], entry["cell_id"], entry["tier"]) for entry in _recorded(person, session.path)]
    assert found == [
        ("read", "data/train.csv", session.path, "one", "supervised"),
        ("read", "data/unsigned.csv", session.path, "one", "supervised"),
        ("write", "models/m.json", session.path, "one", "supervised"),
    ]


def test_the_server_offers_the_supervised_kernel(server: Server) -> None:
    offered = server.ask("GET", "api/kernelspecs")["kernelspecs"][KERNEL]["spec"]
    assert offered["display_name"] == "Python 3 (supervised)"


def test_a_notebook_in_the_server_is_supervised_and_recorded_and_every_tab_is_told(server: Server, ada: Person) -> None:
    session = _open(server, ada, "recorded.ipynb")
    tab = server.connect("api/events/subscribe")

    _is_recorded_by_name(session, ada)

    told: list[dict[str, Any]] = []
    while not any({"read", "write"} <= {kind for event in told for kind in event["kinds"]} and "recorded.ipynb" in event["notebooks"] for event in told):
        event = json.loads(tab.recv())
        told += [event] if event["schema_id"] == LEDGER_EVENT else []
    tab.close()
    assert "train.csv" not in json.dumps(told)
    shown = server.ask("GET", "mlsc/api/runs?path=recorded.ipynb")
    assert (shown["tier"], shown["verdict"]) == ("supervised", "block")
    rows = {(row["op"], row["path"]): (row["verdict"], row["tier"], row["cell_id"]) for row in shown["rows"]}
    assert rows == {
        ("read", "data/train.csv"): ("allow", "supervised", "one"),
        ("read", "data/unsigned.csv"): ("block", "supervised", "one"),
        ("write", "models/m.json"): (rows["write", "models/m.json"][0], "supervised", "one"),
    }


@pytest.mark.parametrize("application", ["jupyterlab", pytest.param("notebook", marks=pytest.mark.slow)])
def test_another_application_records_too_and_one_that_is_killed_leaves_no_kernel(application: str, tmp_path: Path) -> None:
    person = _ada(tmp_path)
    with running(person, application) as server:
        session = _open(server, person, "work.ipynb")
        _is_recorded_by_name(session, person)
        pids = [int(each) for each in session.run("import os; print(os.getpid(), os.getppid())").stdout.split()]
        server.process.kill()
        server.process.wait()
        wait_until_gone(*pids)


def test_the_server_interrupts_restarts_and_shuts_down(server: Server, ada: Person) -> None:
    session = _open(server, ada, "restarted.ipynb")
    before = phases(ada)

    def interrupt() -> None:
        server.ask("POST", f"api/kernels/{session.kernel}/interrupt")

    assert session.run("print('begun', flush=True)\nimport time\ntime.sleep(1000)", when_it_prints=interrupt).error == "KeyboardInterrupt"
    first = [int(each) for each in session.run("import os; open('data/train.csv').close(); print(os.getpid(), os.getppid())").stdout.split()]
    server.ask("POST", f"api/kernels/{session.kernel}/restart")
    wait_until_gone(*first)
    session.socket.close()
    session.connect()
    second = [int(each) for each in session.run("import os; open('data/train.csv').close(); print(os.getpid(), os.getppid())").stdout.split()]
    assert not set(first) & set(second)
    server.ask("DELETE", f"api/sessions/{session.id}")
    wait_until_gone(*second)
    assert phases(ada)[len(before) :] == ["start", "end"] * 2


def test_a_notebook_cannot_find_its_servers_token(server: Server, ada: Person) -> None:
    session = _open(server, ada, "curious.ipynb")
    assert TOKEN not in session.run("import os; print(dict(os.environ))").stdout
    looked = session.run(
        "import pathlib, jupyter_core.paths as p\n"
        "found = [str(each) for each in pathlib.Path(os.path.expanduser('~/runtime')).glob('jpserver-*.json')]\nprint(len(found))\nopen(found[0]).read()"
    )
    assert (looked.stdout, looked.error) == ("1\n", "PermissionError")
    parent = session.run("import os; print(open(f'/proc/{os.getppid()}/environ').read())")
    assert parent.error == "PermissionError"


@pytest.fixture(scope="module")
def bea(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody with a project like Ada's."""
    return _ada(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def whole_server(bea: Person) -> Iterator[Server]:
    """A server that runs supervised itself, with all that it starts."""
    with running(bea, "jupyter_server", within=WHOLE) as started:
        yield started


def test_a_whole_server_runs_supervised_and_one_supervisor_serves_all_its_kernels(whole_server: Server, bea: Person) -> None:
    sessions = [_open(whole_server, bea, name, cell) for name, cell in (("one.ipynb", "first"), ("two.ipynb", "second"))]
    for opened in sessions:
        assert opened.run("train = open('data/train.csv').read()\nopen('data/unsigned.csv')").error == "PermissionError"
    one, two = sessions
    two.run("open('models/two.json', 'w').write('{}')")
    one.run("open('models/one.json', 'w').write('{}')")
    written = [(entry["path"], entry["notebook"], entry["cell_id"]) for entry in _recorded(bea, "one.ipynb", "two.ipynb") if entry["op"] == "write"]
    assert written == [("models/two.json", "two.ipynb", "second"), ("models/one.json", "one.ipynb", "first")]
    supervisors = {opened.run("import os; print(open(f'/proc/{os.getppid()}/comm').read(), os.getppid())").stdout for opened in sessions}
    assert len(supervisors) == 1  # the server, whose own supervisor decides for both


def test_what_one_kernel_writes_while_another_runs_a_cell_is_its_own_cells(whole_server: Server, bea: Person) -> None:
    one, two = (_open(whole_server, bea, name) for name in ("early.ipynb", "late.ipynb"))
    for opened in (one, two):
        opened.run("1")
    one.run("open('models/early.json', 'w').write('{}')")
    one.run(
        "print('begun', flush=True)\nopen('models/late.json', 'w').write('{}')", when_it_prints=lambda: two.run("open('models/other.json', 'w').write('{}')")
    )
    written = {entry["path"]: entry["notebook"] for entry in _recorded(bea, "early.ipynb", "late.ipynb") if entry["op"] == "write"}
    assert written == {"models/early.json": "early.ipynb", "models/late.json": "early.ipynb", "models/other.json": "late.ipynb"}
