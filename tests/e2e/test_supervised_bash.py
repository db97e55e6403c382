"""A kernel of another language is supervised like any other: bash, whose programs open the files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import operations, phases, start, wait_until_gone
from tests.kernel.live_kernel import LiveKernel


@pytest.fixture
def bash(supervised: Person) -> Iterator[LiveKernel]:
    subprocess.run([sys.executable, "-m", "bash_kernel.install", "--user"], env=supervised.environ, check=True, capture_output=True, timeout=120)
    done = supervised.mlsc("kernels", "install", "--user", "--kernel", "bash")
    assert done.returncode == 0, done.stderr
    kernel = start(supervised, "bash-supervised")
    yield kernel
    kernel.close()


def test_programs_that_bash_starts_are_refused_and_recorded(bash: LiveKernel, supervised: Person) -> None:
    assert "cat: data/unsigned.csv: Permission denied" in bash.run("cat data/unsigned.csv").stdout
    assert bash.run("head -n 1 data/train.csv").stdout == "x,y\n"
    bash.run("mkdir -p models && wc -l < data/train.csv > models/lines.json")
    bash.close(now=False)
    assert operations(supervised) == [
        ("read", "data/unsigned.csv", "block", "supervised"),
        ("read", "data/train.csv", "allow", "supervised"),
        ("write", "models/lines.json", "allow", "supervised"),
    ]
    assert phases(supervised) == ["start", "end"]


def test_mlsc_in_a_bash_cell_asks_the_supervisor(bash: LiveKernel) -> None:
    command = f"{sys.executable} -m jupyter_mlsc.cli"
    assert "✓ data/train.csv: allowed" in bash.run(f"{command} verify data/train.csv").stdout
    assert bash.run(f"{command} sign data/unsigned.csv 2>/dev/null; echo code $?").stdout == "code 3\n"


@pytest.mark.slow  # on a busy machine nothing is heard after some interrupts; whose fault it is, is not known
def test_a_bash_cell_is_interrupted_and_works_on(bash: LiveKernel) -> None:
    bash.interrupted("echo begun; sleep 1000")
    assert bash.run("echo well").stdout == "well\n"


def test_a_restarted_bash_has_forgotten_and_the_old_one_is_gone(bash: LiveKernel) -> None:
    old = [int(each) for each in bash.run("kept=1; echo $$ $PPID").stdout.split()]
    bash.restart()
    assert bash.run("echo kept: $kept").stdout == "kept:\n"
    wait_until_gone(*old)
