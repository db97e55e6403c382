"""The process that scans: it holds no key and no secret, can reach nothing, and whatever a file makes of it, the next file is scanned all the same."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from socket import socketpair

import hostile_files
import pytest

from jupyter_mlsc.sandbox.features import probe
from jupyter_mlsc.scan import starting
from jupyter_mlsc.scan.channel import receive
from jupyter_mlsc.scan.finding import passes
from jupyter_mlsc.scan.limits import Limits
from jupyter_mlsc.scan.process import ScanProcess

HOSTILE = b"cos\nsystem\n(S'true'\ntR."
CONFINED = pytest.mark.skipif(not probe().complete, reason="this kernel has no Landlock or seccomp")


def scanned(process: ScanProcess, path: Path) -> set[str]:
    with open(path, "rb") as file:
        return {each.code for each in process.scan(str(path), file.fileno())}


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_one_process_scans_many_files(tmp_path: Path) -> None:
    honest = [put(tmp_path, f"{number}.pkl", pickle.dumps(list(range(number)))) for number in range(60)]
    hostile = put(tmp_path, "h.pkl", hostile_files.CARRIERS["plain.pkl"](b"cos\nsystem\n(S'true'\ntR."))
    with ScanProcess() as process:
        assert [scanned(process, path) for path in honest] == [set()] * 60
        first = process._process
        assert scanned(process, hostile) == {"pickle-code"}
        assert process._process is first


def test_a_file_that_takes_too_long_is_a_finding_and_the_next_one_is_scanned(tmp_path: Path) -> None:
    """A pickle of a hundred million opcodes, packed to a few kilobytes."""
    slow = put(tmp_path, "slow.pkl.gz", gzip.compress(b"\x80\x04" + b"N0" * 50_000_000 + b"N."))
    fine = put(tmp_path, "fine.pkl", pickle.dumps(1))
    with ScanProcess(Limits(seconds=1.0)) as process:
        assert scanned(process, slow) == {"limit-reached"}
        assert scanned(process, fine) == set()


def test_a_library_that_is_led_in_circles_is_ended_before_the_files_time_is_over(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["model_config"] = "{}"
        for number in range(600):
            attributes = file.create_group(str(number)).attrs
            for each in range(50):
                attributes[str(each)] = "x" * 20
    others = [put(tmp_path, "a.pkl", pickle.dumps(1)), put(tmp_path, "h.pkl", HOSTILE)]
    with ScanProcess(Limits(circling=-1.5)) as process:  # what is left is a second or less, in which half of it is read
        assert scanned(process, others[0]) == set()
        assert scanned(process, tmp_path / "a.h5") == {"scanner-failed"}
        assert [scanned(process, path) for path in others] == [set(), {"pickle-code"}]
        assert process._process is not None
    with ScanProcess() as process:
        assert scanned(process, tmp_path / "a.h5") == set()


CIRCLES = """
import hashlib, resource, sys
from jupyter_mlsc.scan.processor_time import at_most, limit
if sys.argv[1] == "limited":
    limit(1000)
with at_most(-1.5):
    hashlib.pbkdf2_hmac("sha256", b"", b"", 6_000_000)
print(resource.getrlimit(resource.RLIMIT_CPU)[0])
"""


def test_processor_time_ends_only_a_process_that_has_a_limit() -> None:
    def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", CIRCLES, *arguments], capture_output=True, text=True, check=False, timeout=120)

    assert ended("limited").returncode == -signal.SIGXCPU
    free = ended("free")
    assert (free.returncode, free.stdout.strip()) == (0, str(resource.getrlimit(resource.RLIMIT_CPU)[0]))


def test_a_file_that_needs_too_much_memory_is_a_finding(tmp_path: Path) -> None:
    large = put(tmp_path, "large.json", b'{"py/object": "x", "a": [' + b"[],[]," * 5_000_000 + b"[]]}")
    with ScanProcess(Limits(memory=320 << 20)) as process:
        assert scanned(process, large) & {"limit-reached", "scanner-failed"}
        assert scanned(process, put(tmp_path, "fine.pkl", pickle.dumps(1))) == set()


def test_bombs_are_found_within_their_limits(tmp_path: Path) -> None:
    layers = b"\0" * (64 << 20)
    for _ in range(4):
        layers = gzip.compress(layers)
    bombs = {
        "zeros.pkl.gz": gzip.compress(b"\x80\x04B" + (1 << 31).to_bytes(4, "little") + bytes(100 << 20)),
        "layers.gz": layers,
        "members.zip": hostile_files.zipped({f"{number}": b"" for number in range(3000)}),
    }
    with ScanProcess(Limits(seconds=30, members=2000, unpacked=64 << 20)) as process:
        for name, data in bombs.items():
            assert scanned(process, put(tmp_path, name, data)) & {"limit-reached", "not-understood", "archive-bomb"}, name


def test_a_process_that_dies_is_a_finding_and_not_a_pass(tmp_path: Path) -> None:
    path = put(tmp_path, "a.pkl", pickle.dumps(1))
    with ScanProcess() as process:
        scanned(process, path)
        assert process._process is not None
        process._process.kill()
        process._process.wait()
        assert scanned(process, path) == {"scanner-failed"}
        assert scanned(process, path) == set()


def test_a_file_that_ends_the_process_is_the_only_one_without_an_answer(tmp_path: Path) -> None:
    """Four are handed over at once; the process is killed before it comes to the first."""
    paths = [put(tmp_path, f"{name}.pkl", data) for name, data in (("a", HOSTILE), ("b", pickle.dumps(1)), ("c", HOSTILE), ("d", pickle.dumps(2)))]
    with ScanProcess() as process, contextlib.ExitStack() as files:
        assert process._process is not None
        os.kill(process._process.pid, signal.SIGSTOP)
        for path in paths:
            process.hand_over(str(path), files.enter_context(open(path, "rb")).fileno())
        process._process.kill()
        found = [process.next_findings() for _ in paths]
    assert [{each.code for each in one} for one in found] == [{"scanner-failed"}, set(), {"pickle-code"}, set()]
    assert [{each.path for each in one} for one in found] == [{str(paths[0])}, set(), {str(paths[2])}, set()]


def test_an_answer_that_trickles_in_does_not_gain_time() -> None:
    ours, theirs = socketpair()
    theirs.sendall((1000).to_bytes(8, "little"))
    began = time.monotonic()

    def trickle() -> None:
        with contextlib.suppress(OSError):
            while time.monotonic() < began + 5:
                theirs.sendall(b" ")
                select.select([theirs], [], [], 0.02)

    trickling = threading.Thread(target=trickle)
    trickling.start()
    with pytest.raises(TimeoutError):
        receive(ours, time.monotonic() + 0.1)
    assert trickling.is_alive(), "it is still sending"
    ours.close()
    trickling.join()
    theirs.close()


def test_a_process_that_somebody_else_waited_for_is_gone_and_nobody_else_is_killed() -> None:
    process = ScanProcess()
    with process:
        child = process._process
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
    assert child.wait() is None


def test_libraries_are_those_of_the_interpreter_and_not_of_a_path_that_was_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    assert starting._sites() == [each for each in sys.path if each.startswith(sys.prefix) and each.endswith("site-packages")]


def test_what_the_process_says_is_about_the_file_that_was_handed_over(tmp_path: Path) -> None:
    path = put(tmp_path, "a.pkl", b"cos\nsystem\n(S'true'\ntR.")
    with ScanProcess() as process, open(path, "rb") as file:
        found = process.scan("told.pkl", file.fileno())
    assert {each.path for each in found} == {"told.pkl"}
    assert not passes(found)


def test_nothing_that_is_scanned_is_imported_or_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that would leave a mark stands where every import could find it; the whole corpus is scanned there."""
    sentinel = tmp_path / "some_package"
    sentinel.mkdir()
    (sentinel / "__init__.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n")
    (sentinel / "helpers.py").write_text("def load_plugin(*a): pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with ScanProcess() as process:
        for number, each in enumerate(hostile_files.hostile_files()):
            path = tmp_path / f"{number}" / Path(each.name).name
            path.parent.mkdir()
            path.write_bytes(each.data)
            scanned(process, path)
    assert not (tmp_path / "imported").exists()
    assert not list(tmp_path.rglob(hostile_files.MARKER))
    loaded = subprocess.run([sys.executable, "-c", "import some_package.helpers"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False)
    assert loaded.returncode == 0
    assert (tmp_path / "imported").exists(), "the sentinel works"


INSIDE = """
    import os, sys, socket, subprocess
    sys.path.insert(0, {package!r})
    import jupyter_mlsc.scan.worker
    from jupyter_mlsc.sandbox.confined import confine
    confine(2 << 30)
    def refused(attempt):
        try:
            attempt()
        except (OSError, subprocess.SubprocessError) as err:
            return type(err).__name__
        return "POSSIBLE"
    print(refused(lambda: open({secret!r}).read()))
    print(refused(lambda: open({folder!r} + "/made", "w")))
    print(refused(lambda: subprocess.run(["true"])))
    print(refused(lambda: socket.create_connection(("127.0.0.1", 9))))
    print(refused(lambda: os.kill(os.getppid(), 0)))
    print(refused(os.fork))
"""


@CONFINED
def test_the_process_can_read_no_file_write_none_start_nothing_and_reach_nobody(tmp_path: Path) -> None:
    import jupyter_mlsc

    secret = put(tmp_path, "key.pem", b"secret")
    package = str(Path(jupyter_mlsc.__file__).parent.parent)
    code = textwrap.dedent(INSIDE.format(package=package, secret=str(secret), folder=str(tmp_path)))
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.split() == ["PermissionError"] * 6


def test_the_process_gets_no_secret_of_the_environment_and_no_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSC_KEY_PASSPHRASE", "do not tell")
    inherited = os.open(put(tmp_path, "held", b"x"), os.O_RDONLY)
    os.set_inheritable(inherited, True)
    try:
        with ScanProcess() as process:
            scanned(process, put(tmp_path, "a.pkl", pickle.dumps(1)))
            assert process._process is not None
            folder = Path(f"/proc/{process._process.pid}")
            if not os.access(folder / "environ", os.R_OK):
                pytest.skip("this system does not tell")
            assert b"do not tell" not in (folder / "environ").read_bytes()
            opened = {os.readlink(each) for each in (folder / "fd").iterdir()}
            assert str(tmp_path / "held") not in opened
    finally:
        os.close(inherited)


def test_a_stream_that_cannot_be_read_twice_is_scanned_as_far_as_it_goes() -> None:
    """Larger than what is held in memory, once it is unpacked: the call at its end is found all the same."""
    from jupyter_mlsc.scan.engine import scan_stream

    long = pickle.dumps([bytes(3 << 20)])[:-1] + b"cposix\nsystem\n(S'true'\ntR."
    found = scan_stream("m.pkl.gz", io.BytesIO(gzip.compress(long)), limits=Limits(held=1 << 20))
    assert {each.code for each in found} == {"pickle-code"}
    archive = gzip.compress(hostile_files.zipped({"zeros": bytes(3 << 20)}))
    assert {each.code for each in scan_stream("m.gz", io.BytesIO(archive), limits=Limits(held=1 << 20))} == {"limit-reached"}
    tar = hostile_files.tarred({"big": bytes(3 << 20), "x.pkl": long}, "w:gz")
    assert {each.code for each in scan_stream("m.tar.gz", io.BytesIO(tar), limits=Limits(held=1 << 20))} == {"pickle-code"}


def test_a_process_that_was_started_early_is_taken_once_and_one_that_nobody_takes_ends(tmp_path: Path) -> None:
    path = put(tmp_path, "h.pkl", b"cos\nsystem\n(S'true'\ntR.")
    starting.start_early()
    ((early, _),) = starting._waiting
    with ScanProcess(Limits(memory=2 << 30)) as process:  # other limits: not for it
        assert process._process is not early
    with ScanProcess() as process, ScanProcess() as other:
        assert process._process is early
        assert other._process is not early
        assert scanned(process, path) == scanned(other, path) == {"pickle-code"}
    starting.start_early()
    ((left, channel),) = starting._waiting
    starting._waiting.clear()
    channel.close()
    assert left.wait(timeout=60) == 0


def test_the_numbers_of_the_walls_are_those_of_the_reviewed_tables() -> None:
    from jupyter_mlsc.sandbox import confined, syscalls

    assert confined._AUDIT_ARCH == syscalls.AUDIT_ARCH
    assert confined._X32_BIT == syscalls.X32_BIT
    assert {machine: syscalls.calls(machine).inspected["clone"] for machine in syscalls.AUDIT_ARCH} == confined._CLONE
