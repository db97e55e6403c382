"""A supervised kernel keeps the manners of a kernel: interrupts, restarts, shutdown; and leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import KERNEL, operations, phases, recorded, specs_of, start, wait_until_gone
from tests.kernel.live_kernel import LiveKernel

LEAVES_A_DAEMON = (
    "import subprocess, sys\n"
    "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    "import os; print(os.getpid(), os.getppid(), left.pid)"
)


@pytest.fixture
def kernel(supervised: Person) -> Iterator[LiveKernel]:
    started = start(supervised)
    yield started
    started.close()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("print('begun', flush=True)\nimport time\nwhile True:\n    time.sleep(1000)", id="asleep"),
        pytest.param("print('begun', flush=True)\nwhile True:\n    open('data/train.csv').close()", id="opening files"),
        pytest.param("print('begun', flush=True)\nimport subprocess\nsubprocess.run(['sleep', '1000'])", id="waiting for a program"),
    ],
)
def test_a_cell_is_interrupted_and_the_kernel_works_on(kernel: LiveKernel, code: str) -> None:
    assert kernel.interrupted(code).error == "KeyboardInterrupt"
    assert kernel.run("print(len(open('data/train.csv').read()) > 0)").stdout == "True\n"


def test_a_cell_that_waits_for_its_own_fifo_is_interrupted(kernel: LiveKernel) -> None:
    kernel.run("import os; os.mkfifo('pipe')")
    assert kernel.interrupted("print('begun', flush=True)\nopen('pipe')").error == "KeyboardInterrupt"
    assert kernel.run("1 + 1").text == "2"


def test_reads_and_writes_are_recorded_with_their_cells(kernel: LiveKernel, supervised: Person) -> None:
    kernel.run("train = open('data/train.csv').read()", cell="reading")
    kernel.run("import os; os.makedirs('models', exist_ok=True); open('models/m.json', 'w').write('{}')", cell="writing")
    found = [(entry["op"], entry["path"], entry["cell_id"], entry["execution_count"], entry["tier"]) for entry in recorded(supervised)]
    assert found == [("read", "data/train.csv", "reading", 1, "supervised"), ("write", "models/m.json", "writing", 2, "supervised")]


def test_a_swallowed_refusal_is_told_once_at_the_end_of_its_cell(kernel: LiveKernel) -> None:
    code = "try:\n    open('data/unsigned.csv')\nexcept OSError:\n    pass"
    first, second = kernel.run(code), kernel.run(code)
    assert "data/unsigned.csv: blocked" in first.stderr
    assert "next: ask a data-steward to run: mlsc sign data/unsigned.csv" in first.stderr
    assert second.stderr == ""


def test_a_restart_begins_a_new_run_and_ends_the_old_one(kernel: LiveKernel, supervised: Person) -> None:
    kernel.run("here = open('data/train.csv').read()")
    kernel.restart()
    assert kernel.run("here").error == "NameError"
    assert "Permission denied" in kernel.run("open('data/unsigned.csv')").traceback
    assert phases(supervised) == ["start", "end", "start"]


@pytest.mark.parametrize("now", [pytest.param(False, id="asked"), pytest.param(True, id="killed")])
def test_shutting_down_leaves_no_process_and_the_record_is_complete(supervised: Person, now: bool) -> None:
    kernel = start(supervised)
    kernel.run("import os; os.makedirs('models', exist_ok=True); output = open('models/m.json', 'w'); output.write('{}'); output.flush()")
    pids = [int(each) for each in kernel.run(LEAVES_A_DAEMON).stdout.split()]
    kernel.close(now=now)
    wait_until_gone(*pids)
    assert operations(supervised) == [("write", "models/m.json", "allow", "supervised")]
    assert phases(supervised) == ["start", "end"]


def test_a_kernel_that_hears_nothing_is_killed_with_what_it_started(supervised: Person) -> None:
    kernel = start(supervised)
    pids = [int(each) for each in kernel.run(LEAVES_A_DAEMON).stdout.split()]
    os.kill(pids[0], signal.SIGSTOP)
    kernel.close(now=False)
    wait_until_gone(*pids)


def test_a_kernel_dies_with_its_supervisor(supervised: Person) -> None:
    kernel = start(supervised)
    pid, supervisor = (int(each) for each in kernel.run("import os; print(os.getpid(), os.getppid())").stdout.split())
    os.kill(supervisor, signal.SIGKILL)
    wait_until_gone(pid)
    kernel.close()


def test_a_kernel_whose_server_was_killed_ends_with_all_that_it_started(supervised: Person) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.kernel.live_kernel import LiveKernel\n"
        f"kernel = LiveKernel(Path({str(supervised.root)!r}), {supervised.environ!r}, kernel={KERNEL!r}, specs=Path({str(specs_of(supervised))!r}))\n"
        f"print(kernel.run({LEAVES_A_DAEMON!r}).stdout, flush=True)\nsys.stdin.read()\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert server.stdout is not None
    pids = [int(each) for each in server.stdout.readline().split()]
    assert len(pids) == 3
    server.kill()
    server.communicate()
    wait_until_gone(*pids)


def test_a_kernel_reads_its_own_connection_file_and_no_other(kernel: LiveKernel, supervised: Person) -> None:
    other = start(supervised)
    try:
        own, foreign = kernel.manager.connection_file, other.manager.connection_file
        assert kernel.run(f"import json; print(json.load(open({own!r}))['kernel_name'])").stdout == f"{KERNEL}\n"
        assert "PermissionError" in kernel.run(f"open({foreign!r})").traceback
        assert os.path.dirname(own) == str(supervised.home / "runtime")
        assert os.stat(own).st_mode & 0o077 == 0
    finally:
        other.close()


def test_history_is_kept_and_start_up_files_are_not_written(kernel: LiveKernel, supervised: Person) -> None:
    kernel.run("remembered = 12345")
    assert "PermissionError" in kernel.run("import IPython.paths as p; open(p.get_ipython_dir() + '/profile_default/startup/00-mine.py', 'w')").traceback
    kernel.run("get_ipython().history_manager.writeout_cache()")
    assert "remembered = 12345" in kernel.run("%history -g remembered").stdout
    assert (supervised.home / ".ipython" / "profile_default" / "history.sqlite").exists()


def test_a_kernel_starts_without_a_warning_in_a_new_home_and_in_an_old_one(supervised: Person) -> None:
    starts_one = (
        "import sys\nfrom pathlib import Path\nfrom tests.kernel.live_kernel import LiveKernel\n"
        f"kernel = LiveKernel(Path({str(supervised.root)!r}), {supervised.environ!r}, kernel={KERNEL!r}, specs=Path({str(specs_of(supervised))!r}))\n"
        "kernel.run('1')\nkernel.close(now=False)\n"
    )
    plain = "(?)"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", starts_one], capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[2], check=True)
        plain = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if "Kernel is running over TCP without encryption" not in line)
        assert plain == ""


def test_what_the_server_must_not_share_is_not_in_the_kernels_environment(supervised: Person) -> None:
    supervised.more |= {"JUPYTER_TOKEN": "secret", "JPY_API_TOKEN": "secret", "SSH_AUTH_SOCK": "/tmp/agent", "LANGUAGE": "C"}
    kernel = start(supervised)
    try:
        seen = json.loads(kernel.run("import os, json; print(json.dumps(dict(os.environ)))").stdout)
    finally:
        kernel.close()
    assert seen["LANGUAGE"] == "C"
    assert seen["MLSC_SUPERVISED"] == "1"
    assert "secret" not in seen.values()
    assert not [name for name in seen if name.startswith("MLSC_") and name != "MLSC_SUPERVISED"]
    assert "SSH_AUTH_SOCK" not in seen


def test_a_folder_without_a_project_starts_no_supervised_kernel(supervised: Person, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(Exception, match=r"there is no mlsc\.toml at or above"):
        LiveKernel(elsewhere, supervised.environ, kernel=KERNEL, specs=specs_of(supervised))


@pytest.mark.slow
def test_eight_kernels_at_once_keep_apart(supervised: Person) -> None:
    kernels = [start(supervised) for _ in range(8)]
    try:
        supervisors = {int(kernel.run("import os; print(os.getppid())").stdout) for kernel in kernels}
        assert len(supervisors) == 8
        for number, kernel in enumerate(kernels):
            assert (
                kernel.run(f"import os; os.makedirs('models', exist_ok=True); open('models/{number}.json', 'w').write(open('data/train.csv').read())").error
                is None
            )
    finally:
        for kernel in kernels:
            kernel.close(now=False)
    wait_until_gone(*supervisors)
    written = [path for op, path, _, _ in operations(supervised) if op == "write"]
    assert sorted(written) == [f"models/{number}.json" for number in range(8)]
    assert sorted(phases(supervised)) == ["end"] * 8 + ["start"] * 8
