"""A supervisor that is started before it is needed: used once, where it is as one started now, and by nobody but who started it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_client.multikernelmanager import AsyncMultiKernelManager, MultiKernelManager

from jupyter_mlsc.sandbox import standby as outside
from jupyter_mlsc.sandbox import waiting as inside_of_it
from jupyter_mlsc.sandbox.boot import READY, TAKEN, Spec, without_secrets
from jupyter_mlsc.sandbox.early import start_waiting
from jupyter_mlsc.sandbox.in_server import _load_jupyter_server_extension
from jupyter_mlsc.sandbox.kernel_specs import NAME
from jupyter_mlsc.sandbox.provisioner import SupervisedProvisioner, _streams
from jupyter_mlsc.sandbox.standby import STANDBY, Standby, conditions
from tests.conftest import Person
from tests.sandbox.inside import inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is enough for who has a processor: tests share theirs."""
    monkeypatch.setattr(outside, "_SECONDS_TO_ANSWER", 60.0)


@contextmanager
def waiting(environ: dict[str, str]) -> Iterator[tuple[Standby, subprocess.Popen[bytes]]]:
    """One that has imported what it needs, and its process."""
    standby = Standby()
    try:
        standby._start(environ)
        assert standby._ready is not None
        assert select.select([standby._ready.channel], [], [], 60)[0]
        yield standby, standby._ready.process
    finally:
        standby.end()


def ran(standby: Standby, spec: Spec, environ: dict[str, str]) -> tuple[str, int]:
    """What the command of a run printed, and its exit code. Fails where none was taken."""
    reads, writes = os.pipe()
    with open(os.devnull, "rb") as nothing, open(reads, encoding="utf-8") as said:
        try:
            process = standby.take(spec, environ, (nothing.fileno(), writes, writes))
        finally:
            os.close(writes)
        assert process is not None
        return said.read(), process.wait(60)


_SAYS = """
import json, os
open("model.bin", "wb").close()
numbers = sorted(int(each) for each in os.listdir("/proc/self/fd"))[:-1]
print(json.dumps([os.getcwd(), numbers, os.getppid(), {name: value for name, value in os.environ.items() if "OF_" in name or "MLSC" in name}]))
"""


def test_it_runs_what_it_is_told_where_and_with_what_it_is_told_and_is_used_once(ada: Person) -> None:
    (ada.root / "nb").mkdir()
    environ = {**without_secrets({**ada.environ, "TOKEN_OF_ADA": "secret"}), "OF_ADA": "kept"}
    spec = Spec((sys.executable, "-I", "-S", "-c", _SAYS), str(ada.root / "nb"))
    with waiting(environ) as (standby, process):
        started = Path(f"/proc/{process.pid}/environ").read_bytes()
        said, code = ran(standby, spec, environ)
        assert (json.loads(said), code) == ([str(ada.root / "nb"), [0, 1, 2], process.pid, {"OF_ADA": "kept", "MLSC_SUPERVISED": "1"}], 0)
        assert standby.pid is None
        assert standby.take(spec, environ, (0, 1, 2)) is None
    assert b"secret" not in started
    assert b"passphrase" not in started
    assert (ada.root / "nb" / "model.bin").exists()


def test_before_it_is_told_it_holds_nothing_but_its_channel_and_afterwards_not_even_that(ada: Person) -> None:
    environ = without_secrets(ada.environ)
    with waiting(environ) as (standby, process):
        place = f"/proc/{process.pid}/fd"
        assert [os.readlink(f"{place}/{number}") for number in "012"] == [os.devnull] * 3
        (number,) = (each for each in os.listdir(place) if int(each) > 2)
        channel = os.readlink(f"{place}/{number}")
        about = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/fdinfo/{number}").read_text().splitlines())
        assert int(about["flags"], 8) & os.O_CLOEXEC
        (row,) = (row for line in Path("/proc/net/unix").read_text().splitlines() if (row := line.split())[6] == channel[len("socket:[") : -1])
        assert len(row) == 7, "it has a name"
        assert os.readlink(f"/proc/{process.pid}/cwd") == "/"
        inherited = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True, check=True).stdout
        assert standby._ready is not None
        assert os.readlink(f"/proc/self/fd/{standby._ready.channel.fileno()}") not in inherited
        code = "import os, sys; print(flush=True); sys.stdin.read()"
        reads, writes = os.pipe()
        asks, asked = os.pipe()
        assert standby.take(Spec((sys.executable, "-I", "-S", "-c", code), str(ada.root)), environ, (reads, asked, asked)) is process
        os.close(asked)
        assert os.read(asks, 1) == b"\n"
        held = [os.readlink(f"{place}/{number}") for number in os.listdir(place)]
        os.close(writes)
        assert channel not in held
        assert process.wait(60) == 0
        os.close(reads)
        os.close(asks)


_ATTACKS = """
import ctypes, resource
libc = ctypes.CDLL(None, use_errno=True)
pid = int(where[0])

def called(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

GETFD = 438
def taken():
    handle = os.pidfd_open(pid)
    if libc.syscall(GETFD, handle, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")

class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
word = ctypes.create_string_buffer(8)
here = Vector(ctypes.addressof(word), 8)

say({
    "signal": outcome(lambda: os.kill(pid, 15)),
    "group": outcome(lambda: os.killpg(pid, 15)),
    "trace": outcome(lambda: called("ptrace", 16, pid, None, None)),
    "memory": outcome(lambda: open(f"/proc/{pid}/mem", "rb").close()),
    "environment": outcome(lambda: open(f"/proc/{pid}/environ", "rb").close()),
    "descriptors": outcome(lambda: os.readlink(f"/proc/{pid}/fd/0")),
    "write": outcome(lambda: called("process_vm_writev", pid, ctypes.byref(here), 1, ctypes.byref(here), 1, 0)),
    "a copy of one": outcome(taken),
    "limits": outcome(lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))),
    "processors": outcome(lambda: os.sched_setaffinity(pid, [0])),
})
"""
_SERVER = """
import os, select, sys
from jupyter_mlsc.sandbox import linux
linux.drop_capabilities()  # what would protect it from others of its user
from jupyter_mlsc.sandbox.boot import Spec, without_secrets
from jupyter_mlsc.sandbox import standby as outside
outside._SECONDS_TO_ANSWER = 60.0
standby, environ = outside.Standby(), without_secrets(os.environ)
standby._start(environ)
select.select([standby._ready.channel], [], [])
print(standby.pid, flush=True)
try:
    open(f"/proc/{standby.pid}/environ", "rb").close()
    print("looked into", flush=True)
except OSError:
    print("closed", flush=True)
sys.stdin.readline()
process = standby.take(Spec((sys.executable, "-I", "-S", "-c", "print('served')"), sys.argv[1]), environ, (0, 1, 2))
sys.exit(99 if process is None else process.wait())
"""


def test_a_supervised_tree_and_others_of_its_user_cannot_reach_the_one_that_waits(ada: Person) -> None:
    command = [sys.executable, "-c", _SERVER, str(ada.root)]
    with subprocess.Popen(command, env=ada.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        pid = server.stdout.readline().strip()
        assert server.stdout.readline() == "closed\n"
        found = inside(ada, _ATTACKS, pid)
        server.stdin.write("\n")
        server.stdin.close()
        assert server.stdout.read() == "served\n"
        assert server.wait(60) == 0
    refused = {"EPERM", "EACCES", "ENOSYS"}
    assert {name: outcome for name, outcome in found.items() if outcome not in refused} == {}


def test_where_one_started_now_would_be_another_none_is_taken_and_the_old_one_is_gone(ada: Person) -> None:
    environ = without_secrets(ada.environ)
    with waiting(environ) as (standby, process):
        assert standby.take(Spec(("true",), str(ada.root)), {**environ, "LD_PRELOAD": "x"}, (0, 1, 2)) is None
        assert process.returncode == -9
        assert standby.pid is None


def _umask() -> Callable[[], object]:
    before = os.umask(0o077)
    return lambda: os.umask(before)


def _ignored() -> Callable[[], object]:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    return lambda: signal.signal(signal.SIGUSR1, before)


def _processors() -> Callable[[], object]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, list(before)[:1])
    return lambda: os.sched_setaffinity(0, before)


@pytest.mark.parametrize("change", [_umask, _ignored, pytest.param(_processors, marks=pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor"))])
def test_what_a_process_inherits_is_compared(change: Callable[[], Callable[[], object]]) -> None:
    before = conditions({})
    assert conditions({}) == before
    back = change()
    try:
        assert conditions({}) != before
    finally:
        back()


def test_limits_are_compared() -> None:
    code = """
    import resource
    from jupyter_mlsc.sandbox.standby import conditions
    before = conditions({})
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[0] - 1, files[1]))
    assert conditions({}) != before
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_changed_files_of_the_package_and_of_the_environment_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, site = tmp_path / "jupyter_mlsc" / "sandbox", tmp_path / "site-packages"
    package.mkdir(parents=True)
    site.mkdir()
    module = package / "gate.py"
    module.write_text("old")
    monkeypatch.setattr(outside, "package_location", lambda: str(tmp_path))
    monkeypatch.setattr(outside.sysconfig, "get_path", lambda name: str(site))
    seen = [conditions({})]
    module.write_text("new")
    seen.append(conditions({}))
    (package / "more.py").write_text("")
    seen.append(conditions({}))
    (site / "msgspec-99.dist-info").mkdir()
    seen.append(conditions({}))
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    seen.append(conditions({}))
    assert all(one != other for number, one in enumerate(seen) for other in seen[:number])


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("how", ["the channel ends", "no descriptors", "no word", "a folder that is not there"])
def test_it_ends_when_its_channel_does_and_at_what_is_not_the_word(ada: Person, how: str, early: bool) -> None:
    process, channel = start_waiting(without_secrets(ada.environ), early=early)
    with channel:
        assert early or channel.recv(1) == READY
        if how == "no descriptors":
            channel.send(Spec(("true",), str(ada.root)).encoded().encode())
        elif how == "no word":
            socket.send_fds(channel, [b'{"argv": 1}'], [0, 1, 2])
        elif how == "a folder that is not there":
            socket.send_fds(channel, [Spec(("true",), str(ada.root / "gone")).encoded().encode()], [0, 1, 2])
        assert how == "the channel ends" or channel.recv(1) != TAKEN
    assert process.wait(60) == 0


def test_it_ends_with_its_parent_though_somebody_else_holds_the_channel_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside_of_it, "_LOOKS_EVERY", 1)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        assert inside_of_it._wait(theirs, os.getpid(), answers=True) is None


def test_a_fork_leaves_its_parents_alone(ada: Person) -> None:
    environ = without_secrets(ada.environ)
    with waiting(environ) as (standby, process):
        assert standby._ready is not None
        ready = standby._ready
        standby._ready = ready._replace(owner=1)
        assert standby.take(Spec(("true",), str(ada.root)), environ, (0, 1, 2)) is None
        assert process.poll() is None
        standby._ready = ready


def test_only_a_manager_of_many_has_one_started() -> None:
    many = MultiKernelManager()
    assert SupervisedProvisioner(parent=KernelManager(parent=many))._starts_many()
    assert not SupervisedProvisioner(parent=KernelManager())._starts_many()
    assert not SupervisedProvisioner()._starts_many()


@pytest.mark.parametrize(
    ("provisioner", "gateway", "inside_of_one", "prepared"),
    [(NAME, False, False, 1), ("local-provisioner", False, False, 0), (NAME, True, False, 0), (NAME, False, True, 0)],
)
def test_a_server_has_the_first_one_started_where_it_will_want_one(
    provisioner: str, gateway: bool, inside_of_one: bool, prepared: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kernels" / "ours").mkdir(parents=True)
    document = {"argv": ["x"], "display_name": "ours", "language": "x", "metadata": {"kernel_provisioner": {"provisioner_name": provisioner}}}
    (tmp_path / "kernels" / "ours" / "kernel.json").write_text(json.dumps(document))
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(Standby, "prepare", lambda self, environ, after: asked.append(environ))
    monkeypatch.setenv("TOKEN_OF_ADA", "secret")
    monkeypatch.setenv("OF_ADA", "kept")
    if inside_of_one:
        monkeypatch.setenv("MLSC_SUPERVISED", "1")
    server = SimpleNamespace(
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")]),
        kernel_manager=MultiKernelManager(),
        gateway_config=SimpleNamespace(gateway_enabled=gateway),
    )
    _load_jupyter_server_extension(server)
    assert len(asked) == prepared
    assert all("TOKEN_OF_ADA" not in each and each["OF_ADA"] == "kept" for each in asked)


def test_streams_are_what_jupyter_gives_a_kernel(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log, _streams(None, subprocess.DEVNULL, log) as found:
        assert found is not None
        assert os.read(found[0], 1) == b""
        assert (os.readlink(f"/proc/self/fd/{found[1]}"), found[2]) == (os.devnull, log.fileno())
    with _streams(subprocess.DEVNULL, None, None) as found:
        assert found is not None
        assert found[1:] == (1, 2)
    with _streams(None, subprocess.PIPE, None) as found:
        assert found is None


@pytest.mark.slow
def test_the_second_supervised_kernel_of_a_server_is_one_that_waited(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = ada.home / "kernels-of-ada"
    (kernels / "kernels" / "ours").mkdir(parents=True)
    document = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "ours", "language": "python"}
    document["metadata"] = {"kernel_provisioner": {"provisioner_name": NAME}}
    (kernels / "kernels" / "ours" / "kernel.json").write_text(json.dumps(document))
    for name, value in {**ada.environ, "JUPYTER_PATH": str(kernels), "JUPYTER_RUNTIME_DIR": str(ada.home / "runtime")}.items():
        monkeypatch.setenv(name, value)
    ada.write("data/train.csv")
    refused = "try:\n    open('data/train.csv')\nexcept PermissionError as err:\n    print(err.errno)"

    async def cell(many: AsyncMultiKernelManager) -> tuple[int, str]:
        kernel = await many.start_kernel(kernel_name="ours", cwd=str(ada.root), stderr=subprocess.DEVNULL)
        client = many.get_kernel(kernel).client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            said: list[str] = []
            await client._async_execute_interactive(refused, timeout=60, output_hook=lambda message: said.append(message["content"].get("text", "")))
            return many.get_kernel(kernel).provisioner.pid, "".join(said)
        finally:
            client.stop_channels()
            await many.shutdown_kernel(kernel, now=True)

    async def both() -> None:
        many = AsyncMultiKernelManager()
        first, said = await cell(many)
        assert "13\n" in said
        for _ in range(600):
            if STANDBY._ready is not None and select.select([STANDBY._ready.channel], [], [], 0)[0]:
                break
            await asyncio.sleep(0.05)
        pid = STANDBY.pid
        assert pid not in (None, first)
        second, said = await cell(many)
        assert (second, "13\n" in said) == (pid, True)

    try:
        asyncio.run(both())
    finally:
        STANDBY.end()
