"""A real `jupyter lab` of one person, over its REST interface and websockets, and in a real browser. Nothing of this machine's own Jupyter is touched."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import websocket

from tests.conftest import Person
from tests.e2e.supervised_people import KERNEL
from tests.kernel.live_kernel import LONG

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOKEN = "a-token-of-this-test"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)
"""A browser that runs as root in a container and talks to nobody but the page's own server."""
WHOLE = (sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--")
"""What stands before a command that runs supervised as a whole."""
_QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": False}
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""Before the command of a process that is killed with the tests, however they end."""
_GRACE = 10.0
"""Seconds that a server may take to end when it is asked to."""


class Socket(websocket.WebSocket):
    """A websocket on which a message is waited for no longer than `LONG`: a server pings twice a minute, so that the socket's own limit never passes."""

    def recv(self) -> str:
        """The next message. Raises websocket.WebSocketTimeoutException, or WebSocketConnectionClosedException when the server closed it."""
        until = time.monotonic() + LONG
        while time.monotonic() < until:
            kind, content = self.recv_data(control_frame=True)
            if kind == websocket.ABNF.OPCODE_TEXT:
                return str(content.decode())
            if kind == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException("the server closed it")
        raise websocket.WebSocketTimeoutException(f"nothing but pings for {LONG} s")


@dataclass
class Server:
    """A server of one person: ``url`` ends in a slash."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that a route answers. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Authorization": f"token {TOKEN}"}, method=method)
        with urllib.request.urlopen(request, timeout=LONG) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def connect(self, path: str) -> Socket:
        """A websocket of the server's."""
        socket = Socket()
        socket.settimeout(LONG)
        socket.connect(self.url.replace("http", "ws", 1) + f"{path}?token={TOKEN}")
        return socket


def environ_of(person: Person) -> dict[str, str]:
    """A person's environment in which Jupyter and IPython find their homes in that of the person, and nowhere else."""
    home = person.home
    own = {"JUPYTER_CONFIG_DIR": home / "jupyter", "JUPYTER_DATA_DIR": home / ".local/share/jupyter", "JUPYTER_RUNTIME_DIR": home / "runtime"}
    kept = {name: value for name, value in person.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    return {**kept, **{name: str(place) for name, place in own.items()}, "IPYTHONDIR": str(home / ".ipython"), **person.more}


@contextmanager
def running(
    person: Person, application: str = "jupyterlab", *, within: Sequence[str] = (), options: Sequence[str] = (), port: int = 0, python: str = sys.executable
) -> Iterator[Server]:
    """A server in a process group of its own, in the person's project; its end is sure. ``within`` is put before its command."""
    environ = {**environ_of(person), "JUPYTER_TOKEN": TOKEN}
    _no_news(Path(environ["JUPYTER_CONFIG_DIR"]))
    command = [*DIES_WITH_US, *within, python, "-m", application, "--no-browser", "--allow-root", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
    # What runs supervised finds no token in its environment.
    command += [f"--IdentityProvider.token={TOKEN}", *options]
    log = person.home / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=person.root,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield Server(process, _url(process, log), log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and kill all of its group if it does not."""
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _no_news(config: Path) -> None:
    settings = config / "lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(_QUIET))
    (config / "migrated").write_text("never")


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + LONG
    while not (found := re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    # It says so a moment before it listens.
    while not _answers(found.group()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    return found.group()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}api", timeout=LONG):
            return True
    except OSError:
        return False


@dataclass
class Cell:
    """What a cell gave."""

    stdout: str = ""
    stderr: str = ""
    error: str | None = None
    traceback: str = ""


@dataclass
class Session:
    """A notebook that is open in a browser's tab, without the browser."""

    server: Server
    path: str
    id: str = ""
    kernel: str = ""
    cell: str = "one"
    socket: Socket = field(default_factory=Socket)

    def open(self, kernel: str = KERNEL) -> None:
        """Start a kernel for it."""
        made = self.server.ask("POST", "api/sessions", {"path": self.path, "name": self.path, "type": "notebook", "kernel": {"name": kernel}})
        self.id, self.kernel = made["id"], made["kernel"]["id"]
        self.connect()

    def connect(self) -> None:
        """Speak to its kernel, again after a restart."""
        self.socket = self.server.connect(f"api/kernels/{self.kernel}/channels")

    def run(self, code: str, *, when_it_prints: Callable[[], object] | None = None) -> Cell:
        """Run a cell to its end."""
        asked = uuid.uuid4().hex
        header = {"msg_id": asked, "msg_type": "execute_request", "username": "ada", "session": asked, "version": "5.3", "date": ""}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": False}
        self.socket.send(
            json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {"cellId": self.cell}, "content": content, "buffers": []})
        )
        cell = Cell()
        while True:
            told = json.loads(self.socket.recv())
            if told["parent_header"].get("msg_id") != asked:
                continue
            content = told["content"]
            match told["msg_type"]:
                case "stream" if content["name"] == "stdout":
                    cell.stdout += content["text"]
                    if when_it_prints is not None:
                        when_it_prints()
                        when_it_prints = None
                case "stream":
                    cell.stderr += content["text"]
                case "error":
                    cell.error, cell.traceback = content["ename"], "\n".join(content["traceback"])
                case "status" if content["execution_state"] == "idle":
                    return cell


@dataclass
class Terminal:
    """A terminal of a server, as a browser's tab has it: what is typed, and what is seen."""

    server: Server
    name: str = ""
    socket: Socket = field(default_factory=Socket)
    seen: str = ""
    ran: int = 0

    def open(self) -> Terminal:
        """Start a shell."""
        self.name = self.server.ask("POST", "api/terminals", {})["name"]
        self.socket = self.server.connect(f"terminals/websocket/{self.name}")
        self.resize(40, 400)  # no line that is typed is longer
        return self

    def type(self, text: str) -> None:
        """Press keys."""
        self.socket.send(json.dumps(["stdin", text]))

    def resize(self, rows: int, columns: int) -> None:
        """Make the window larger or smaller."""
        self.socket.send(json.dumps(["set_size", rows, columns, 0, 0]))

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until a pattern is seen, and forget what stood before its end."""
        until = time.monotonic() + LONG
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < until, self.seen
            try:
                kind, *rest = json.loads(self.socket.recv())
            except websocket.WebSocketTimeoutException:
                raise AssertionError(f"{pattern} was not seen in {self.seen!r}") from None
            if kind == "stdout":
                self.seen += rest[0].replace("\r", "")
        self.seen = self.seen[found.end() :]
        return found

    def run(self, command: str) -> tuple[int, str]:
        """Run a command line until the shell prompts again: its exit status and what was seen. What is typed before a prompt is echoed twice."""
        self.ran += 1
        mark = f"m{self.ran}"
        self.type(f"{command}; printf '<%s:%d>' {mark} $?\r")
        self.wait_for(rf"{mark} \$\?\n")  # its echo
        found = self.wait_for(rf"(?s)(.*?)<{mark}:(\d+)>")
        self.wait_for(r"\$ ")
        return int(found[2]), found[1]


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A browser, with no window and ``more`` flags. Playwright and Debian's chromium must be there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *more])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser, server: Server, path: str = "lab", query: Mapping[str, str] | None = None) -> Iterator[Page]:
    """A page of the server in a profile of its own, signed in. ``path`` is as in the browser's address, for instance ``lab/tree/work.ipynb``."""
    context = browser.new_context(viewport={"width": 1500, "height": 1000})
    context.set_default_timeout(LONG * 1000)
    try:
        page = context.new_page()
        more = "".join(f"&{name}={value}" for name, value in (query or {}).items())
        page.goto(f"{server.url}{path}?token={TOKEN}{more}", wait_until="domcontentloaded")
        yield page
    finally:
        context.close()


FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"
"""The notebook that is open in front."""


def choose_kernel(page: Page, label: str) -> None:
    """Choose a kernel as a person does, and wait until it is ready."""
    page.locator(f"{FRONT} .jp-KernelName").click()
    page.locator(".jp-Dialog select").select_option(label=label)
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.locator(f"{FRONT} .jp-KernelName").filter(has_text=label).wait_for()
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Wait until the kernel of the notebook in front has nothing to do."""
    page.locator(f"{FRONT} .jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()


def run_cell(page: Page, index: int = 0) -> None:
    """Run a cell of the notebook that is open in front, and wait until it has run."""
    cell = page.locator(f"{FRONT} .jp-CodeCell").nth(index)
    cell.locator(".cm-content").click()
    before = cell.locator(".jp-InputPrompt").first.inner_text()
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "([cells, index, before]) => { const text = document.querySelectorAll(cells)[index].querySelector('.jp-InputPrompt').innerText;"
        " return text !== before && /\\[\\d+\\]/.test(text); }",
        arg=[f"{FRONT} .jp-CodeCell", index, before],
    )
    wait_until_idle(page)


def output_of(page: Page, index: int = 0) -> str:
    """The text of a cell's output."""
    return page.locator(f"{FRONT} .jp-CodeCell").nth(index).locator(".jp-Cell-outputArea").inner_text()
