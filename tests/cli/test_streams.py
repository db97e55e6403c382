"""Streams: who is asked and who is not, progress, interrupts, readers that go away, full disks behind stdout, odd encodings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.conftest import Person

MLSC = [sys.executable, "-m", "jupyter_mlsc.cli"]
BIG = 600 << 20


@pytest.fixture(scope="module")
def ada_who_signed(tmp_path_factory: pytest.TempPathFactory) -> Person:
    base = tmp_path_factory.mktemp("streams")
    (base / "project").mkdir()
    ada = Person("ada", base / "home", base / "project")
    ada.init("enforce")
    ada.write("data/train.csv")
    ada.sign("data/train.csv")
    ada.write("data/stranger.csv", "x\n1\n")
    return ada


def unlocked(person: Person) -> dict[str, str]:
    return {k: v for k, v in person.environ.items() if "PASSPHRASE" not in k}


def on_a_terminal(person: Person, *arguments: str, environ: dict[str, str] | None = None) -> pexpect.spawn[str]:
    return pexpect.spawn(
        MLSC[0], [*MLSC[1:], *arguments], cwd=str(person.root), env=environ or person.environ, encoding="utf-8", timeout=60, dimensions=(40, 200)
    )


def test_nobody_is_asked_on_a_stream_that_is_no_terminal(ada_who_signed: Person, person_without_key: Person) -> None:
    ended = ada_who_signed.mlsc("sign", "data/train.csv", environ=unlocked(ada_who_signed), stdin="passphrase of ada\n")
    assert ended.returncode == 3
    assert "no passphrase was given" in ended.stderr
    assert "next: set MLSC_KEY_PASSPHRASE" in ended.stderr
    made = person_without_key.mlsc("init", environ=unlocked(person_without_key), stdin="secret\nsecret\n")
    assert made.returncode == 3
    assert "no vouching key was made, and nothing else" in made.stderr
    assert list(person_without_key.root.iterdir()) == []


@pytest.fixture
def person_without_key(tmp_path: Path) -> Person:
    (tmp_path / "project").mkdir()
    (tmp_path / "home").mkdir()
    return Person("eve", tmp_path / "home", tmp_path / "project")


def test_on_a_terminal_a_new_passphrase_is_asked_for_twice_and_never_shown(person_without_key: Person) -> None:
    asked = on_a_terminal(person_without_key, "init", "--name", "eve", environ=unlocked(person_without_key))
    asked.expect("New passphrase for .*: ")
    asked.sendline("open sesame")
    asked.expect("The same passphrase again: ")
    asked.sendline("open sesame")
    asked.expect("policy  mlsc.toml .written and accepted.")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 0
    signing = on_a_terminal(person_without_key, "sign", str(person_without_key.write("data/a.csv")), environ=unlocked(person_without_key))
    signing.expect("Passphrase of .*eve.*: ")
    signing.sendline("open sesame")
    signing.expect("signed data/a.csv")
    assert "open sesame" not in signing.before
    signing.expect(pexpect.EOF)
    signing.close()
    assert signing.exitstatus == 0


def test_two_passphrases_that_differ_make_no_key(person_without_key: Person) -> None:
    asked = on_a_terminal(person_without_key, "init", environ=unlocked(person_without_key))
    asked.expect("New passphrase for .*: ")
    asked.sendline("one")
    asked.expect("The same passphrase again: ")
    asked.sendline("two")
    asked.expect("the two passphrases differ")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 3
    assert not (person_without_key.root / "mlsc.toml").exists()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2), ("", 2)])
def test_on_a_terminal_policy_trust_shows_and_asks(ada_who_signed: Person, tmp_path: Path, answer: str, code: int) -> None:
    (tmp_path / "home").mkdir()
    bob = Person("bob", tmp_path / "home", ada_who_signed.root)
    asked = on_a_terminal(bob, "policy", "trust")
    asked.expect("identity ada: a person")
    asked.expect("accept this policy\\? \\[y/N\\]: ")
    asked.sendline(answer)
    asked.expect("accepted" if code == 0 else "nothing was accepted")
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == code
    assert bob.mlsc("verify", "data/train.csv").returncode == code


def test_policy_trust_does_not_ask_under_json(ada_who_signed: Person, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    bob = Person("bob", tmp_path / "home", ada_who_signed.root)
    asked = on_a_terminal(bob, "policy", "trust", "--json")
    asked.expect('"accepted": false')
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 2


def test_an_interrupt_is_one_line_and_status_130(ada_who_signed: Person) -> None:
    signing = on_a_terminal(ada_who_signed, "sign", "data/train.csv", environ=unlocked(ada_who_signed))
    signing.expect("Passphrase of .*: ")
    signing.sendintr()
    signing.expect("interrupted: nothing more was done")
    signing.expect(pexpect.EOF)
    assert "Traceback" not in signing.before
    signing.close()
    assert signing.exitstatus == 130


AT_ITS_IMPORT = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "jupyter_mlsc.cli.line":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from jupyter_mlsc.cli import main
main(["status"])
"""


def test_an_interrupt_while_the_command_line_is_imported_is_one_line_too(ada: Person) -> None:
    ran = subprocess.run([sys.executable, "-c", AT_ITS_IMPORT], cwd=ada.root, env=ada.environ, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "interrupted: nothing was done\n")


def test_a_reader_who_goes_away_changes_neither_the_work_nor_the_status(ada_who_signed: Person) -> None:
    for arguments, code in ((["verify"], 1), (["verify", "data/train.csv"], 0), (["log", "show"], 0), (["log", "checkpoint"], 0), (["--json", "verfy"], 2)):
        running = subprocess.Popen(
            [*MLSC, *arguments], cwd=ada_who_signed.root, env=ada_who_signed.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        told = running.stderr.read()
        running.stderr.close()
        assert running.wait(60) == code, arguments
        assert "Traceback" not in told
        assert "BrokenPipe" not in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_behind_stdout_is_a_sentence(ada_who_signed: Person) -> None:
    for arguments in (["log", "show"], ["verify", "--json"], ["keys", "export"], ["verify", "--sarif"]):
        with open("/dev/full", "w") as full:
            ended = subprocess.run(
                [*MLSC, *arguments], cwd=ada_who_signed.root, env=ada_who_signed.environ, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert ended.returncode == 3, arguments
        assert ended.stderr.startswith("mlsc: the output could not be written: No space left on device\n  next: "), ended.stderr


def test_an_encoding_without_the_marks_is_no_reason_to_fail(ada_who_signed: Person) -> None:
    ended = ada_who_signed.mlsc("verify", "data/train.csv", environ={**ada_who_signed.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0, ended.stderr
    assert "data/train.csv: allowed" in ended.stdout


def test_jupyter_mlsc_is_the_same_command(ada_who_signed: Person) -> None:
    jupyter = Path(sys.executable).parent / "jupyter"
    path = os.pathsep.join([str(jupyter.parent), os.environ["PATH"]])
    ended = subprocess.run(
        [jupyter, "mlsc", "verify", "--json"],
        cwd=ada_who_signed.root,
        env={**ada_who_signed.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ada_who_signed.mlsc("verify", "--json").stdout


def big_file(person: Person) -> Path:
    path = person.root / "data" / "big.bin"
    with open(path, "wb") as stream:
        stream.truncate(BIG)  # sparse: reading it costs hashing only
    return path


def test_short_work_draws_no_progress(ada_who_signed: Person) -> None:
    ended = on_a_terminal(ada_who_signed, "verify", "data/train.csv")
    said = ended.read()
    ended.close()
    assert ended.exitstatus == 0
    assert "\x1b" not in said


@pytest.mark.slow
def test_long_work_draws_progress_on_a_terminal_only(ada_who_signed: Person) -> None:
    path = big_file(ada_who_signed)
    try:
        with open(path, "r+b") as stream:
            stream.truncate(BIG * 8)
        drawn = on_a_terminal(ada_who_signed, "verify", "data/big.bin")
        drawn.timeout = 300
        said = drawn.read()
        drawn.close()
        assert "/s" in said
        assert "\x1b[" in said
        assert ada_who_signed.mlsc("verify", "data/big.bin").stderr == ""
    finally:
        path.unlink()


@pytest.mark.slow
def test_an_interrupt_while_hashing_ends_at_once_and_leaves_nothing_behind(ada_who_signed: Person) -> None:
    path = big_file(ada_who_signed)
    try:
        with open(path, "r+b") as stream:
            stream.truncate(BIG * 8)
        before = ada_who_signed.mlsc("log", "show", "--json").stdout
        signing = on_a_terminal(ada_who_signed, "sign", "data/big.bin")
        signing.expect("/s")
        signing.kill(signal.SIGINT)
        signing.expect("interrupted: nothing more was done")
        signing.expect(pexpect.EOF)
        signing.close()
        assert signing.exitstatus == 130
        assert ada_who_signed.mlsc("log", "show", "--json").stdout == before
    finally:
        path.unlink()
