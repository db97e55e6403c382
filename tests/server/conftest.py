"""A real Jupyter server with the extension, in whose folder ada has a project; requests go over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

# The fixtures of a test server, and the hook that runs coroutines; a plugin may be named in the top conftest only, where every test would pay for it.
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from jupyter_mlsc.server.projects import OpenProject
from tests.conftest import Person

Asked = Callable[..., Awaitable[tuple[int, Any]]]

Subscribe = Callable[[], Awaitable[Callable[[], Awaitable[dict[str, Any]]]]]

PASSPHRASE = "passphrase of ada"
PATIENCE = 30.0
"""Seconds to wait for what must happen."""


@pytest.fixture
def jp_server_config() -> Config:
    return Config({"ServerApp": {"jpserver_extensions": {"jupyter_mlsc": True}, "allow_unauthenticated_access": False}})


@pytest.fixture
def folder(person: Callable[..., Person], jp_root_dir: Path, jp_environ: None, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Ada, whose project is the server's folder, before she has made anything; the server runs as her and is not given her passphrase."""
    ada = person("ada", root=jp_root_dir)
    monkeypatch.setenv("MLSC_HOME", str(ada.home / "mlsc"))
    for name in ("MLSC_KEY_PASSPHRASE", "MLSC_KEY_PASSPHRASE_FILE", "MLSC_POLICY", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    return ada


@pytest.fixture
def served(folder: Person) -> Person:
    """Ada's project with a signed data set, and a notebook that read it and wrote another one."""
    folder.init("enforce")
    folder.write("data/train.csv")
    folder.sign("data/train.csv")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("frame = mlsc.load('data/train.csv')", id="c1")])
    folder.write("work.ipynb", nbformat.writes(notebook))
    run_notebook(folder)
    return folder


def run_notebook(person: Person) -> None:
    """What a run of work.ipynb puts on record: it reads one data set and writes another."""
    import hashlib

    from jupyter_mlsc.recording import Place, Run

    project = person.project
    run = Run(project.project_id)
    code = "sha256:" + hashlib.sha256(b"frame = mlsc.load('data/train.csv')").hexdigest()
    run.at(Place("work.ipynb", "c1", 1, code))
    frame = project.load(person.root / "data/train.csv", run).value
    project.save(frame.head(25), person.root / "data/derived/half.csv", run)
    project.end_run(run)


@pytest.fixture
def ask(jp_serverapp: Any, jp_fetch: Any) -> Asked:
    """``await ask("GET", "runs", path="work.ipynb")``: the status and the JSON of an answer."""

    async def asked(method: str, route: str, body: Any = None, headers: dict[str, str] | None = None, **params: Any) -> tuple[int, Any]:
        more: dict[str, Any] = {}
        sent = dict(headers or {})
        if body is not None:
            more["body"] = body if isinstance(body, bytes | str) else json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        elif method == "POST":
            more["body"] = ""
        try:
            response = await jp_fetch("mlsc", "api", *route.split("/"), method=method, headers=sent, params=params, request_timeout=60, **more)
        except HTTPClientError as err:
            response = err.response
        return response.code, json.loads(response.body)

    return asked


@pytest.fixture
def started(served: Person, jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Any:
    """The extension, its hooks run as a server runs them when its loop begins."""
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    (extension,) = jp_serverapp.extension_manager.extension_apps["jupyter_mlsc"]
    return extension


@pytest.fixture
def subscribe(jp_ws_fetch: Any) -> Subscribe:
    """A client that hears the server's events: each call of what it returns waits for the next one of ours."""

    async def opened() -> Callable[[], Awaitable[dict[str, Any]]]:
        socket = await jp_ws_fetch("api", "events", "subscribe")

        async def heard() -> dict[str, Any]:
            while True:
                text = await asyncio.wait_for(socket.read_message(), PATIENCE)
                assert text is not None, "the server closed the socket"
                event: dict[str, Any] = json.loads(text)
                if event["schema_id"].startswith("https://jupyter-mlsc"):
                    return event

        return heard

    return opened


async def opened(extension: Any) -> OpenProject:
    """The project of the server's folder, once the extension has opened it by itself and watches it."""
    for _ in range(600):
        if extension.live._tasks:
            break
        await asyncio.sleep(0.05)
    projects = extension.settings["mlsc_desk"].projects
    found: OpenProject = await projects.work(lambda: projects.at(extension.settings["mlsc_desk"].places.root))
    return found


async def until(condition: Callable[[], object]) -> None:
    for _ in range(int(PATIENCE / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")
