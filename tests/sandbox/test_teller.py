"""What is told comes in order, and a reader who does not read holds up nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox.boot import Spec, command_line, waiting_command_line
from jupyter_mlsc.sandbox.teller import Teller
from tests.conftest import Person


def test_messages_arrive_whole_and_in_order() -> None:
    read, write = os.pipe()
    teller = Teller(write)
    for number in range(3):
        teller.tell(f"message {number} \udcff")
    os.close(write)
    with os.fdopen(read) as stream:
        assert stream.read() == "".join(f"mlsc: message {number} \\udcff\n" for number in range(3))


def test_a_full_pipe_holds_up_one_message_and_then_nobody() -> None:
    read, write = os.pipe()
    teller = Teller(write)
    told = threading.Event()

    def tell_much() -> None:
        for _ in range(200):
            teller.tell("x" * 4096)
        told.set()

    threading.Thread(target=tell_much, daemon=True).start()
    assert told.wait(30)
    os.close(read)


def test_a_command_whose_messages_nobody_reads_runs_to_its_end(signed_dataset: Person) -> None:
    code = """
import os
for number in range(1000):
    try: os.open(f'/srv/{number}-' + 'n' * 200, os.O_WRONLY | os.O_CREAT)
    except PermissionError: refused = number
print('refused', refused)
"""
    read, write = os.pipe()
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", sys.executable, "-c", code],
        cwd=signed_dataset.root,
        env=signed_dataset.environ,
        stdout=subprocess.PIPE,
        stderr=write,
        timeout=300,
        check=False,
    )
    os.close(write)
    os.close(read)
    assert done.stdout == b"refused 999\n"


@pytest.mark.parametrize("command", [command_line(Spec(("true",), "/")), waiting_command_line(3)], ids=["at once", "waiting"])
def test_nothing_of_the_folder_that_the_package_came_from_is_imported(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "jupyter_mlsc").mkdir()
    (tmp_path / "jupyter_mlsc/__init__.py").write_text("")
    (tmp_path / "jupyter_mlsc/supervising.py").write_text("def main():\n    import sys\n    print(sys.path)\n    import planted\nwait = main\n")
    (tmp_path / "planted.py").write_text("print('imported')")
    assert command[1:3] == ["-I", "-c"]
    done = subprocess.run([*command[:4], str(tmp_path)], capture_output=True, text=True, check=False)
    assert str(tmp_path) not in done.stdout
    assert "ModuleNotFoundError: No module named 'planted'" in done.stderr
