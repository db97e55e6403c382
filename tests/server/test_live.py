"""Live changes over a real server with real kernels: what the ledger says reaches every client, what a kernel says reaches none."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from jupyter_mlsc.server.contract import EVENTS
from jupyter_mlsc.server.ledgers import watch
from jupyter_mlsc.server.projects import OpenProject
from tests.conftest import Person
from tests.server.conftest import PASSPHRASE, PATIENCE, Asked, Subscribe, opened, until

LEDGER = "https://jupyter-mlsc.github.io/events/ledger/v1"


async def test_a_revocation_in_a_terminal_reaches_every_tab(served: Person, started: Any, subscribe: Subscribe, ask: Asked) -> None:
    await opened(started)
    await ask("GET", "runs", path="work.ipynb")
    tabs = [await subscribe(), await subscribe()]

    await asyncio.to_thread(served.mlsc, "revoke", "data/train.csv", "--why", "bad labels")

    for tab in tabs:
        event = await tab()
        while "revocation" not in event["kinds"]:
            event = await tab()
        assert (event["schema_id"], event["project"]) == (LEDGER, "")
    _, runs = await ask("GET", "runs", path="work.ipynb")
    assert {row["verdict"] for row in runs["rows"]} == {"block"}


async def test_events_hold_no_names_and_digests_of_artifacts(served: Person, started: Any, subscribe: Subscribe) -> None:
    await opened(started)
    tab = await subscribe()
    served.write("data/salaries-of-the-board.csv", "a\n1\n")

    await asyncio.to_thread(served.mlsc, "sign", "data/salaries-of-the-board.csv")
    event = await tab()

    assert set(event) - {key for key in event if key.startswith("__")} == {"schema_id", "project", "size", "kinds", "notebooks"}
    assert "salaries" not in json.dumps(event)
    assert "sha256" not in json.dumps(event)


async def test_what_is_decided_in_one_tab_reaches_the_others(served: Person, started: Any, subscribe: Subscribe, ask: Asked) -> None:
    await opened(started)
    await ask("POST", "unlock", {"passphrase": PASSPHRASE})
    tab = await subscribe()

    await ask("POST", "reviews", {"path": "work.ipynb", "decision": "approve", "note": "read it"})

    assert "review" in (await tab())["kinds"]


async def test_an_accepted_policy_and_claims_that_come_with_the_project_are_told(served: Person, started: Any, subscribe: Subscribe, ask: Asked) -> None:
    project = await opened(started)
    await ask("GET", "status")
    tab = await subscribe()
    served.write("mlsc.toml", (served.root / "mlsc.toml").read_text() + "\n# a comment\n")

    assert "policy" in (await tab())["kinds"]
    claims = served.root / ".mlsc/claims"
    some = next(claims.iterdir())
    shutil.copy(some, claims / ("0" * 64 + ".jsonl"))
    kinds = (await tab())["kinds"]
    while "claims" not in kinds:
        kinds = (await tab())["kinds"]
    assert project.root == served.root.resolve()


async def test_reading_wakes_nobody_up(served: Person, ask: Asked) -> None:
    """Else a look would make the next one."""
    project = OpenProject(served.root, served.environ)
    with project.looking():
        pass
    changes: list[frozenset[str]] = []
    task = asyncio.create_task(watch(project, served.environ, changes.append, __import__("logging").getLogger()))
    await asyncio.sleep(0.5)  # the watch begins in a thread of its own and tells nobody when
    for _ in range(20):
        await asyncio.to_thread(_look, project)
    assert changes == []

    await asyncio.to_thread(served.mlsc, "sign", "data/train.csv")
    for _ in range(600):
        if changes:
            break
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    project.close()

    assert "ledger" in changes[0] | frozenset().union(*changes)


def _look(project: OpenProject) -> None:
    with project.looking() as found:
        found.overview(found.root / "work.ipynb")
        found.status()


async def start_kernel(jp_fetch: Any, path: str = "work.ipynb") -> str:
    body = json.dumps({"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}})
    response = await jp_fetch("api", "sessions", method="POST", body=body, request_timeout=120)
    return str(json.loads(response.body)["kernel"]["id"])


async def run_cell(jp_serverapp: Any, kernel_id: str, code: str, cell_id: str = "c1") -> None:
    """Execute code in a kernel as a front end does, and wait until it has ended."""
    client = jp_serverapp.kernel_manager.get_kernel(kernel_id).client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=PATIENCE)
        message = client.session.msg(
            "execute_request", {"code": code, "silent": False, "store_history": True, "allow_stdin": False}, metadata={"cellId": cell_id}
        )
        client.shell_channel.send(message)
        while True:
            reply = await client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert reply["content"]["status"] == "ok", reply["content"]
                return
    finally:
        client.stop_channels()


@pytest.fixture
def kernel_python(served: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels find this package where these tests found it."""
    import jupyter_mlsc

    monkeypatch.setenv("PYTHONPATH", str(Path(jupyter_mlsc.__file__).parent.parent))


async def test_a_cell_that_loads_is_told_with_its_notebook_and_what_it_only_claims_is_not(
    served: Person, kernel_python: None, started: Any, subscribe: Subscribe, ask: Asked, jp_fetch: Any, jp_serverapp: Any
) -> None:
    await opened(started)
    kernel_id = await start_kernel(jp_fetch)
    assert kernel_id in started.kernels.followed
    tab = await subscribe()
    forged = """
from IPython import get_ipython
from IPython.display import publish_display_data
shell = get_ipython().kernel
for kind in ("mlsc", "mlsc_event", "status", "https://jupyter-mlsc.github.io/events/ledger/v1"):
    shell.session.send(shell.iopub_socket, kind, {"execution_state": "idle", "project": "", "kinds": ["forged"], "verdict": "allow"})
publish_display_data({"application/vnd.mlsc+json": {"kinds": ["forged"]}, "text/plain": "forged"})
"""
    await run_cell(jp_serverapp, kernel_id, forged)
    await run_cell(jp_serverapp, kernel_id, "%load_ext jupyter_mlsc", "c0")
    await run_cell(jp_serverapp, kernel_id, "import jupyter_mlsc as mlsc\nframe = mlsc.load('data/train.csv')")

    event = await tab()

    assert "read" in event["kinds"]
    assert "forged" not in json.dumps(event)
    assert event["notebooks"] == ["work.ipynb"]
    _, runs = await ask("GET", "runs", path="work.ipynb")
    assert [(row["path"], row["verdict"], row["cell_id"]) for row in runs["rows"]] == [("data/train.csv", "allow", "c1")]
    await jp_fetch("api", "kernels", kernel_id, method="DELETE")
    assert kernel_id not in started.kernels.followed


async def test_kernels_that_run_already_and_restarted_ones_are_followed(
    served: Person, kernel_python: None, jp_serverapp: Any, jp_fetch: Any, subscribe: Subscribe
) -> None:
    kernel_id = await start_kernel(jp_fetch)
    await jp_serverapp.extension_manager.start_all_extensions()
    (extension,) = jp_serverapp.extension_manager.extension_apps["jupyter_mlsc"]
    assert kernel_id in extension.kernels.followed
    hints: list[Path] = []
    extension.kernels._hint = hints.append

    await run_cell(jp_serverapp, kernel_id, "1 + 1")
    await until(lambda: hints)
    await jp_fetch("api", "kernels", kernel_id, "restart", method="POST", body="", request_timeout=120)
    hints.clear()
    await run_cell(jp_serverapp, kernel_id, "1 + 1")
    await until(lambda: hints)

    assert hints[0] == Path(jp_serverapp.root_dir).resolve() / "work.ipynb"
    await jp_fetch("api", "kernels", kernel_id, method="DELETE")


async def test_a_large_file_is_measured_while_the_record_is_shown(
    served: Person, started: Any, subscribe: Subscribe, ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_mlsc import standings

    await opened(started)
    monkeypatch.setattr(standings, "UNASKED", 10)
    monkeypatch.setattr("jupyter_mlsc.verbs.overview.UNASKED", 10)
    old = 1_700_000_000
    for name in ("data/train.csv", "data/derived/half.csv"):
        import os

        os.utime(served.root / name, (old, old))
    await asyncio.sleep(2.1)  # a file that was touched just now is not remembered
    tab = await subscribe()

    _, first = await ask("GET", "runs", path="work.ipynb")
    event = await tab()
    while "measured" not in event["kinds"]:
        event = await tab()
    await until(lambda: not started.settings["mlsc_desk"].projects._measuring)
    _, second = await ask("GET", "runs", path="work.ipynb")

    assert {row["judged"] for row in first["rows"]} == {"record"}
    assert {row["judged"] for row in second["rows"]} == {"now"}


class NoEvents(Authorizer):
    """Lets everybody do everything but listen to events."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return resource != "events"


class TestWhoMayListen:
    @pytest.fixture
    def jp_server_config(self) -> Config:
        return Config({"ServerApp": {"jpserver_extensions": {"jupyter_mlsc": True}, "allow_unauthenticated_access": False, "authorizer_class": NoEvents}})

    async def test_only_who_is_allowed_to_hears_events(self, served: Person, jp_ws_fetch: Any, jp_serverapp: Any) -> None:
        for headers in ({}, {"Authorization": "token wrong"}):
            with pytest.raises(HTTPClientError) as refused:
                await jp_ws_fetch("api", "events", "subscribe", headers=headers)

            assert refused.value.code in (302, 401, 403)


@pytest.mark.parametrize("schema", EVENTS)
def test_the_schemas_of_events_say_what_the_types_say(schema: str) -> None:
    folder = Path(__file__).parents[2] / "jupyter_mlsc/server/events"
    name, _, version = schema.removeprefix("https://jupyter-mlsc.github.io/events/").partition("/")
    told = yaml.safe_load((folder / f"{name}-{version}.yaml").read_text())
    kind = EVENTS[schema]
    (_,), made = msgspec.json.schema_components([kind])

    assert told["$id"] == schema
    assert set(told["properties"]) == set(told["required"]) == set(made[kind.__name__]["properties"])


async def test_what_is_more_than_one_look_takes_is_shown_by_the_record_and_settled_beside(
    served: Person, started: Any, ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_mlsc import standings

    served.write("data/train.csv", "x,y\n9,9\n")
    monkeypatch.setattr(standings.Budget.__init__, "__defaults__", (standings.UNASKED, 0))

    _, first = await ask("GET", "runs", path="work.ipynb")
    monkeypatch.setattr(standings.Budget.__init__, "__defaults__", (standings.UNASKED, 150))
    await until(lambda: not started.settings["mlsc_desk"].projects._measuring)
    _, second = await ask("GET", "runs", path="work.ipynb")

    assert {row["judged"] for row in first["rows"]} == {"record"}
    assert first["headline"].startswith("in order so far")
    assert (second["verdict"], {row["judged"] for row in second["rows"]}) == ("block", {"now"})


async def test_a_server_that_ends_begins_no_more_looks(started: Any) -> None:
    """Kernels that end with it are news to the last; a look would ask threads that are gone."""
    project = await opened(started)
    await started.stop_extension()

    started.live.hint(project)
    started.live.hint_at(project.root)

    assert not started.live._background
