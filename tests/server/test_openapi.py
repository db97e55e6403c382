"""The OpenAPI document: current in the docs, valid, and true of the running server."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc.server.answers import ANSWERERS
from jupyter_mlsc.server.contract import BASE, PARAMETERS, ROUTES
from jupyter_mlsc.server.openapi import document
from tests.conftest import Person
from tests.server.conftest import PASSPHRASE, run_notebook

DOCS = Path(__file__).parents[2] / "docs"


def test_the_document_in_the_docs_is_current() -> None:
    generated = runpy.run_path(str(DOCS / "schemas" / "generate.py"))

    assert (DOCS / "schemas" / "openapi.json").read_text(encoding="utf-8") == generated["openapi"](), "run: make types"


def test_every_operation_has_somebody_who_answers_it_and_no_other() -> None:
    assert set(ANSWERERS) == {route.operation for route in ROUTES}
    assert len({route.operation for route in ROUTES}) == len(ROUTES)


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(document())
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert names <= set(document()["components"]["schemas"])


def test_the_page_of_the_docs_names_every_route() -> None:
    text = (DOCS / "server.md").read_text(encoding="utf-8")

    for route in ROUTES:
        assert route.path.split("/{")[0].split("/")[-1] in text, route.path
    assert BASE in text
    assert set(PARAMETERS) == {"digest", "index"}


PROGRAM = """
import json, sys
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance, content_type_conformance

url, token, document = sys.argv[1:4]
schema = schemathesis.openapi.from_dict(json.load(open(document)))
schema.config.base_url = url
checks = [not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance]
called = 0
failed = []
for found in schema.get_all_operations():
    operation = found.ok()

    @settings(max_examples=int(sys.argv[4]), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @__import__("hypothesis").given(case=operation.as_strategy())
    def ask(case):
        global called
        called += 1
        case.call_and_validate(checks=checks, headers={"Authorization": f"token {token}"}, timeout=60)

    try:
        ask()
    except BaseException as err:
        failed.append(f"{operation.label}: {err}")
print(json.dumps({"called": called, "failed": failed}))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server in a process of its own, as a person starts it: its address, token and log."""
    import os
    import signal
    import socket
    import time
    import urllib.request

    tmp_path = tmp_path_factory.mktemp("openapi")
    root = tmp_path / "served"
    root.mkdir()
    ada = Person("ada", tmp_path / "home", root)
    ada.init("enforce")
    ada.write("data/train.csv")
    ada.sign("data/train.csv")
    ada.write("work.ipynb", json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    run_notebook(ada)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path / "jupyter"
    package = str(Path(__file__).parents[2])
    environ = {k: v for k, v in ada.environ.items() if k != "MLSC_KEY_PASSPHRASE"}
    environ |= {"PYTHONPATH": package, "JUPYTER_CONFIG_DIR": str(home / "c"), "JUPYTER_DATA_DIR": str(home / "d"), "JUPYTER_RUNTIME_DIR": str(home / "r")}
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0", "--IdentityProvider.token=secret", f"--ServerApp.root_dir={root}",
            "--ServerApp.jpserver_extensions={'jupyter_mlsc': True}", "--ServerApp.log_level=WARN",
        ],
        env=environ, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{url}/mlsc/api/status", headers={"Authorization": "token secret"}), timeout=10).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.1)
        yield url, "secret", tmp_path / "server.log"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def check(server: tuple[str, str, Path], examples: int, told_of: Path = DOCS / "schemas/openapi.json") -> dict[str, Any]:
    url, token, log = server
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, token, str(told_of), str(examples)],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert PASSPHRASE not in log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]
    return told


def test_the_running_server_answers_as_the_document_says(server: tuple[str, str, Path]) -> None:
    """Schemathesis makes requests out of the document, valid and not, and holds every answer against it."""
    told = check(server, 12)

    assert told["failed"] == []
    assert told["called"] > 100


def test_a_document_that_is_not_true_is_found(server: tuple[str, str, Path], tmp_path: Path) -> None:
    """Else the test above would hold of any document."""
    wrong = json.loads(json.dumps(document()))
    wrong["components"]["schemas"]["Status"]["properties"]["unlocked"] = {"type": "string"}
    wrong["paths"] = {path: {"get": methods["get"]} for path, methods in wrong["paths"].items() if path.endswith("/status")}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))

    told = check(server, 3, tmp_path / "wrong.json")

    assert ["status" in each for each in told["failed"]] == [True]
