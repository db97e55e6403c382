"""A real Jupyter server with the extension, in whose folder ada has a project; requests go over HTTP."""

from __future__ import annotations

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

from tests.conftest import Person

Asked = Callable[..., Awaitable[tuple[int, Any]]]

PASSPHRASE = "passphrase of ada"


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
