"""A Jupyter server's kernels, over its REST interface and websocket, as JupyterLab uses them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Person
from tests.e2e.lab import TOKEN, WHOLE, Server, Session, running
from tests.e2e.supervised_people import KERNEL, notebook, phases, recorded, wait_until_gone


@pytest.fixture
def server(supervised: Person, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A Jupyter server; a test may name the application that it is the server of."""
    with running(supervised, getattr(request, "param", "jupyter_server")) as started:
        yield started


@pytest.fixture
def session(server: Server, supervised: Person) -> Session:
    notebook(supervised, "1 + 1")
    opened = Session(server, "work.ipynb")
    opened.open()
    return opened


def test_the_server_offers_the_supervised_kernel(server: Server) -> None:
    offered = server.ask("GET", "api/kernelspecs")["kernelspecs"][KERNEL]["spec"]
    assert offered["display_name"] == "Python 3 (supervised)"


@pytest.mark.parametrize("server", ["jupyter_server", "jupyterlab", "notebook"], indirect=True)
def test_a_notebook_in_the_server_is_supervised_and_recorded_by_its_name(session: Session, supervised: Person) -> None:
    cell = session.run("import pandas as pd\nprint(len(pd.read_csv('data/train.csv')))\ntry:\n    open('data/unsigned.csv')\nexcept OSError:\n    pass")
    assert cell.stdout == "50\n"
    assert "next: ask a data-steward to run: mlsc sign data/unsigned.csv" in cell.stderr
    session.run("import os; os.makedirs('models', exist_ok=True); open('models/m.json', 'w').write('{}')")
    found = [(entry["op"], entry["path"], entry["notebook"], entry["cell_id"], entry["tier"]) for entry in recorded(supervised)]
    assert found == [
        ("read", "data/train.csv", "work.ipynb", "one", "supervised"),
        ("read", "data/unsigned.csv", "work.ipynb", "one", "supervised"),
        ("write", "models/m.json", "work.ipynb", "one", "supervised"),
    ]


def test_the_server_interrupts_restarts_and_shuts_down(session: Session, supervised: Person) -> None:
    def interrupt() -> None:
        session.server.ask("POST", f"api/kernels/{session.kernel}/interrupt")

    assert session.run("print('begun', flush=True)\nimport time\ntime.sleep(1000)", when_it_prints=interrupt).error == "KeyboardInterrupt"
    first = [int(each) for each in session.run("import os; open('data/train.csv').close(); print(os.getpid(), os.getppid())").stdout.split()]
    session.server.ask("POST", f"api/kernels/{session.kernel}/restart")
    wait_until_gone(*first)
    session.socket.close()
    session.connect()
    second = [int(each) for each in session.run("import os; open('data/train.csv').close(); print(os.getpid(), os.getppid())").stdout.split()]
    assert not set(first) & set(second)
    session.server.ask("DELETE", f"api/sessions/{session.id}")
    wait_until_gone(*second)
    assert phases(supervised) == ["start", "end"] * 2


def test_a_notebook_cannot_find_its_servers_token(session: Session) -> None:
    assert TOKEN not in session.run("import os; print(dict(os.environ))").stdout
    looked = session.run(
        "import pathlib, jupyter_core.paths as p\n"
        "found = [str(each) for each in pathlib.Path(os.path.expanduser('~/runtime')).glob('jpserver-*.json')]\nprint(len(found))\nopen(found[0]).read()"
    )
    assert (looked.stdout, looked.error) == ("1\n", "PermissionError")
    parent = session.run("import os; print(open(f'/proc/{os.getppid()}/environ').read())")
    assert parent.error == "PermissionError"


def test_a_server_that_is_killed_leaves_no_kernel(session: Session) -> None:
    pids = [int(each) for each in session.run("import os; print(os.getpid(), os.getppid())").stdout.split()]
    session.server.process.kill()
    session.server.process.wait()
    wait_until_gone(*pids)


@pytest.fixture
def whole_server(supervised: Person) -> Iterator[Server]:
    """A server that runs supervised itself, with all that it starts."""
    with running(supervised, "jupyter_server", within=WHOLE) as started:
        yield started


def test_a_whole_server_runs_supervised_and_one_supervisor_serves_all_its_kernels(whole_server: Server, supervised: Person) -> None:
    (supervised.root / "models").mkdir()
    sessions = []
    for name, cell in (("one.ipynb", "first"), ("two.ipynb", "second")):
        notebook(supervised, "1", name=name)
        opened = Session(whole_server, name, cell=cell)
        opened.open()
        sessions.append(opened)
    for opened in sessions:
        assert opened.run("train = open('data/train.csv').read()\nopen('data/unsigned.csv')").error == "PermissionError"
    one, two = sessions
    two.run("open('models/two.json', 'w').write('{}')")
    one.run("open('models/one.json', 'w').write('{}')")
    written = [(entry["path"], entry["notebook"], entry["cell_id"]) for entry in recorded(supervised) if entry["op"] == "write"]
    assert written == [("models/two.json", "two.ipynb", "second"), ("models/one.json", "one.ipynb", "first")]
    supervisors = {opened.run("import os; print(open(f'/proc/{os.getppid()}/comm').read(), os.getppid())").stdout for opened in sessions}
    assert len(supervisors) == 1  # the server, whose own supervisor decides for both


def test_what_one_kernel_writes_while_another_runs_a_cell_is_its_own_cells(whole_server: Server, supervised: Person) -> None:
    (supervised.root / "models").mkdir()
    one, two = (Session(whole_server, name, cell=name) for name in ("one.ipynb", "two.ipynb"))
    for opened in (one, two):
        notebook(supervised, "1", name=opened.path)
        opened.open()
        opened.run("1")
    one.run("open('models/one.json', 'w').write('{}')")
    one.run("print('begun', flush=True)\nopen('models/late.json', 'w').write('{}')", when_it_prints=lambda: two.run("open('models/two.json', 'w').write('{}')"))
    written = {entry["path"]: entry["notebook"] for entry in recorded(supervised) if entry["op"] == "write"}
    assert written == {"models/one.json": "one.ipynb", "models/late.json": "one.ipynb", "models/two.json": "two.ipynb"}
