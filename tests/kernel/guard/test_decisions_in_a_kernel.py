"""A decision that is made while a kernel runs holds from its next cell on; and no cell can decide."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

READ = "print(len(open('data/train.csv').read()))"


@pytest.fixture
def ada(tmp_path: Path) -> Person:
    (tmp_path / "project").mkdir()
    made = Person("ada", tmp_path / "home", tmp_path / "project")
    made.init("enforce")
    policy = made.root / "mlsc.toml"
    policy.write_text(policy.read_text() + '\n[override]\nby = "policy-admin"\n')
    assert made.mlsc("policy", "trust", "--yes").returncode == 0
    made.write("data/train.csv", "x,y\n1,0\n")
    made.sign("data/train.csv")
    return made


@pytest.fixture
def kernel(ada: Person, start: Callable[..., LiveKernel]) -> LiveKernel:
    made = start(ada)
    assert made.run("%load_ext jupyter_mlsc").status == "ok"
    return made


def test_a_revocation_in_another_process_turns_the_next_load_into_a_block(ada: Person, kernel: LiveKernel) -> None:
    assert kernel.run(READ).stdout == "8\n"
    assert kernel.run("df = %mlsc_load data/train.csv").status == "ok"
    assert kernel.run("%mlsc_save df data/derived/made.csv").status == "ok"
    assert ada.mlsc("revoke", "data/train.csv", "--why", "the labels are flipped").returncode == 0
    for code in (READ, "df = %mlsc_load data/train.csv", "print(open('data/derived/made.csv').read())"):
        blocked = kernel.run(code)
        assert blocked.status == "error", code
        assert "the labels are flipped" in blocked.traceback
    told = kernel.run("%mlsc_verify data").text
    assert "[revoked]" in told
    assert "[input-revoked]" in told


def test_an_exception_holds_in_a_running_kernel_and_is_shown(ada: Person, kernel: LiveKernel) -> None:
    ada.write("data/late.csv", "x,y\n7,7\n")
    assert kernel.run("open('data/late.csv')").status == "error"
    until = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%MZ")
    assert ada.mlsc("override", "data/late.csv", "--why", "the demonstration", "--until", until).returncode == 0
    assert kernel.run("print(open('data/late.csv').read())").status == "ok"
    shown = kernel.run("%mlsc_verify data/late.csv")
    assert "[overridden]" in shown.text
    assert "the demonstration" in shown.html
    assert "1 in force" in kernel.run("%mlsc_status").text


def test_no_cell_decides(ada: Person, kernel: LiveKernel) -> None:
    """The passphrase was taken out of the kernel's environment, and there is no magic for a decision."""
    for verb in ("review", "revoke", "override", "promote"):
        assert "not found" in kernel.run(f"%mlsc_{verb} data/train.csv").stderr
    command = "[sys.executable, '-m', 'jupyter_mlsc.cli', 'revoke', 'data/train.csv', '--why', 'by a cell']"
    asked = kernel.run(f"import subprocess, sys; print(subprocess.run({command}, stdin=subprocess.DEVNULL, capture_output=True, text=True).stderr)")
    assert "passphrase" in asked.stdout
    assert ada.verify("data/train.csv").allowed
