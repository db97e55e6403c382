"""Saving notebooks over a real server: found secrets are told, a save is refused only where the policy says so, and never for a fault of ours elsewhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tornado.httpclient import HTTPClientError

from jupyter_mlsc.errors import ArtifactError
from tests.conftest import Person
from tests.server.conftest import Asked, Subscribe, opened

SECRET = "aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzQ8Lk2pVx'"
RULE = '\n[[rule]]\nmatch = "**/*.ipynb"\nkind = "notebook"\nsave = "scan"\n'


def notebook(source: str) -> Any:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="c1")])


async def save(jp_fetch: Any, path: str, source: str, **model: Any) -> int:
    body = {"type": "notebook", "format": "json", "content": notebook(source), **model}
    try:
        response = await jp_fetch("api", "contents", path, method="PUT", body=json.dumps(body))
    except HTTPClientError as err:
        return err.code
    return int(response.code)


def rule_for_notebooks(person: Person, mode: str = "enforce") -> None:
    text = (person.root / "mlsc.toml").read_text().replace('mode = "enforce"', f'mode = "{mode}"', 1)
    first = text.index("[[rule]]")
    (person.root / "mlsc.toml").write_text(text[:first].rstrip() + "\n" + RULE + "\n" + text[first:])
    told = person.mlsc("policy", "trust", "--yes")
    assert told.returncode == 0, told.stderr


async def test_a_secret_is_told_after_the_save_and_refuses_nothing_by_itself(
    served: Person,
    started: Any,
    subscribe: Subscribe,
    ask: Asked,
    jp_fetch: Any,
) -> None:
    await opened(started)
    tab = await subscribe()

    code = await save(jp_fetch, "work.ipynb", SECRET)
    event = await tab()
    while event["schema_id"].rpartition("/events/")[2] != "save/v1":
        event = await tab()
    _, runs = await ask("GET", "runs", path="work.ipynb")

    assert code == 200
    assert (event["notebook"], event["outcome"], event["findings"]) == ("work.ipynb", "saved", len(runs["findings"]))
    assert [each["code"] for each in runs["findings"]] == ["secret-token"]
    assert "wJalr" not in json.dumps([event, runs["findings"]])


async def test_where_the_policy_says_so_a_notebook_with_a_secret_is_not_saved(served: Person, started: Any, jp_fetch: Any) -> None:
    rule_for_notebooks(served)
    before = (served.root / "work.ipynb").read_bytes()

    for path in ("work.ipynb", "other.ipynb"):
        assert await save(jp_fetch, path, SECRET) == 422
    as_text = await save(jp_fetch, "work.ipynb", "", type="file", format="text", content=nbformat.writes(notebook(SECRET)))
    in_parts = await save(jp_fetch, "parts.ipynb", "", type="file", format="text", content=nbformat.writes(notebook("1")), chunk=1)

    assert (as_text, in_parts) == (422, 422)
    assert (served.root / "work.ipynb").read_bytes() == before
    assert not (served.root / "other.ipynb").exists()
    assert await save(jp_fetch, "work.ipynb", "print('hello')") == 200


async def test_a_refused_save_says_why_where_and_what_to_do_and_repeats_no_secret(served: Person, started: Any, jp_fetch: Any) -> None:
    rule_for_notebooks(served)
    body = json.dumps({"type": "notebook", "format": "json", "content": notebook(SECRET)})

    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("api", "contents", "work.ipynb", method="PUT", body=body)

    told = json.loads(refused.value.response.body)["message"]
    assert "secret-token" in told
    assert "line 1" in told
    assert "mlsc scan work.ipynb" in told
    assert "wJalr" not in told


@pytest.mark.parametrize("mode", ["warn", "observe"])
async def test_in_the_milder_modes_it_is_saved(served: Person, started: Any, jp_fetch: Any, mode: str) -> None:
    rule_for_notebooks(served, mode)

    assert await save(jp_fetch, "work.ipynb", SECRET) == 200


def broken(*ignored: Any) -> Any:
    raise ArtifactError("the scanner cannot be started")


async def test_a_scan_that_fails_refuses_the_save_in_enforce_and_lets_it_happen_elsewhere(
    served: Person,
    started: Any,
    jp_fetch: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(started.saves, "_findings", broken)
    without_rule = await save(jp_fetch, "work.ipynb", "1 + 1")
    rule_for_notebooks(served)
    enforced = await save(jp_fetch, "work.ipynb", "1 + 2")
    text = (served.root / "mlsc.toml").read_text()
    served.write("mlsc.toml", text.replace('mode = "enforce"', 'mode = "warn"', 1))
    served.mlsc("policy", "trust", "--yes")
    warned = await save(jp_fetch, "work.ipynb", "1 + 3")

    assert (without_rule, enforced, warned) == (200, 422, 200)


async def test_what_is_no_notebook_or_in_no_project_is_saved_unjudged(folder: Person, jp_serverapp: Any, jp_fetch: Any) -> None:
    await jp_serverapp.extension_manager.start_all_extensions()

    assert await save(jp_fetch, "new.ipynb", SECRET) == 201
    response = await jp_fetch("api", "contents", "x.txt", method="PUT", body=json.dumps({"type": "file", "format": "text", "content": SECRET}))
    assert response.code == 201


async def test_a_policy_that_does_not_parse_loses_nobody_their_work(served: Person, started: Any, jp_fetch: Any) -> None:
    served.write("mlsc.toml", "version = 1\nmode = nonsense\n")

    assert await save(jp_fetch, "work.ipynb", "1 + 1") == 200


async def test_the_scanners_process_ends_with_the_server(served: Person, started: Any, jp_fetch: Any) -> None:
    rule_for_notebooks(served)
    await save(jp_fetch, "work.ipynb", "1 + 1")
    process = started.saves._scanning._process
    assert process.wait(timeout=0) is None

    await started.stop_extension()

    assert process.returncode is not None
    assert Path(served.root / "work.ipynb").exists()
    await asyncio.sleep(0)
