"""Passphrases: from where, in which order, never shown, and nobody is asked where nobody is."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from jupyter_mlsc.errors import KeyUnavailableError
from jupyter_mlsc.keys import PassphraseSource, Secret

UNLOCK = """
import os
from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.keys import PassphraseSource
try:
    print("got", len(PassphraseSource.from_environ(os.environ).{method}("the key alice").reveal()))
except MlscError as err:
    print("refused:", err)
"""


def private_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_variable_comes_before_the_file_and_the_file_before_a_question(tmp_path: Path) -> None:
    file = private_file(tmp_path / "pass", "from the file\n")
    environ = {"MLSC_KEY_PASSPHRASE": "from the variable", "MLSC_KEY_PASSPHRASE_FILE": str(file)}
    assert PassphraseSource.from_environ(environ, lambda _: "typed").unlock("k").reveal() == b"from the variable"
    del environ["MLSC_KEY_PASSPHRASE"]
    assert PassphraseSource.from_environ(environ, lambda _: "typed").unlock("k").reveal() == b"from the file"
    assert PassphraseSource.from_environ({}, lambda _: "typed").unlock("k").reveal() == b"typed"


def test_taking_removes_both_variables() -> None:
    environ = {"MLSC_KEY_PASSPHRASE": "a", "MLSC_KEY_PASSPHRASE_FILE": "/nowhere", "OTHER": "stays"}
    source = PassphraseSource.take_from_environ(environ)
    assert environ == {"OTHER": "stays"}
    assert source.unlock("k").reveal() == b"a"


def test_a_secret_does_not_show() -> None:
    secret = Secret(b"hunter2")
    for text in (repr(secret), str(secret), f"{secret}", repr(PassphraseSource(secret)), repr([secret])):
        assert "hunter2" not in text
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(secret)
        with pytest.raises(TypeError):
            leak({"source": secret}) if leak is not copy.copy else leak(secret)
    with pytest.raises(TypeError):
        pickle.dumps(PassphraseSource(secret))


@pytest.mark.parametrize("method", ["unlock", "choose"])
def test_an_empty_passphrase_is_refused_wherever_it_comes_from(method: str, tmp_path: Path) -> None:
    sources = [
        PassphraseSource.from_environ({"MLSC_KEY_PASSPHRASE": ""}, lambda _: "typed"),
        PassphraseSource.from_environ({"MLSC_KEY_PASSPHRASE_FILE": str(private_file(tmp_path / "pass", "\nsecond line\n"))}, lambda _: "typed"),
        PassphraseSource.from_environ({}, lambda _: ""),
    ]
    for source in sources:
        with pytest.raises(KeyUnavailableError, match="empty"):
            getattr(source, method)("the key alice")


def test_a_new_passphrase_that_was_typed_in_two_ways_is_refused() -> None:
    typed = iter(["one", "other"])
    with pytest.raises(KeyUnavailableError, match="differ"):
        PassphraseSource.from_environ({}, lambda _: next(typed)).choose("the key alice")


def test_without_any_source_the_error_names_both_variables() -> None:
    with pytest.raises(KeyUnavailableError) as caught:
        PassphraseSource.from_environ({}, None).unlock("the key alice")
    assert caught.value.next_step is not None
    assert "MLSC_KEY_PASSPHRASE," in caught.value.next_step
    assert "MLSC_KEY_PASSPHRASE_FILE" in caught.value.next_step


def test_a_passphrase_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    file = private_file(tmp_path / "pass", "secret\r\n")
    file.chmod(0o644)
    with pytest.warns(UserWarning, match="can be read by other users"):
        assert PassphraseSource.from_environ({"MLSC_KEY_PASSPHRASE_FILE": str(file)}).unlock("k").reveal() == b"secret"


@pytest.mark.filterwarnings("error")
def test_a_private_passphrase_file_is_not(tmp_path: Path) -> None:
    file = private_file(tmp_path / "pass", "  spaces stay  ")
    assert PassphraseSource.from_environ({"MLSC_KEY_PASSPHRASE_FILE": str(file)}).unlock("k").reveal() == b"  spaces stay  "


@pytest.mark.parametrize("content", [None, "x" * 5000])
def test_a_passphrase_file_that_cannot_be_read_is_named(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "pass"
    if content is not None:
        private_file(file, content)
    with pytest.raises(KeyUnavailableError, match=str(file)) as caught:
        PassphraseSource.from_environ({"MLSC_KEY_PASSPHRASE_FILE": str(file)}).unlock("k")
    assert "xxxx" not in str(caught.value)


@pytest.mark.parametrize("method", ["unlock", "choose"])
def test_without_a_terminal_nobody_is_asked(method: str, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    result = run_python(UNLOCK.format(method=method), start_new_session=True)
    assert result.stdout.startswith("refused:")
    assert "MLSC_KEY_PASSPHRASE_FILE" in result.stdout
    assert result.stderr == ""


def test_with_standard_input_closed_nobody_is_asked(clean_environ: dict[str, str]) -> None:
    result = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, UNLOCK.format(method="unlock")], capture_output=True, text=True, check=False, env=clean_environ
    )
    assert result.stdout.startswith("refused:")
    assert result.stderr == ""


def test_a_piped_answer_is_not_taken_though_a_terminal_stands_behind(clean_environ: dict[str, str]) -> None:
    # getpass alone would open /dev/tty here, and wait.
    child = pexpect.spawn(
        "sh", ["-c", 'echo secret | "$0" -c "$1"', sys.executable, UNLOCK.format(method="unlock")], env=clean_environ, timeout=30, encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    assert "refused:" in (child.before or "")
    assert "Passphrase" not in (child.before or "")


def test_on_a_terminal_a_person_is_asked_and_nothing_is_echoed(clean_environ: dict[str, str]) -> None:
    child = pexpect.spawn(sys.executable, ["-c", UNLOCK.format(method="unlock")], env=clean_environ, timeout=30, encoding="utf-8")
    child.expect("Passphrase of the key alice: ")
    child.waitnoecho()
    child.sendline("hunter2")
    child.expect("got 7")
    assert "hunter2" not in (child.before or "")


def test_on_a_terminal_a_new_passphrase_is_asked_for_twice(clean_environ: dict[str, str]) -> None:
    child = pexpect.spawn(sys.executable, ["-c", UNLOCK.format(method="choose")], env=clean_environ, timeout=30, encoding="utf-8")
    for prompt in ("New passphrase for the key alice: ", "The same passphrase again: "):
        child.expect(prompt)
        child.waitnoecho()
        child.sendline("hunter2")
    child.expect("got 7")


def test_the_end_of_input_on_a_terminal_is_no_passphrase(clean_environ: dict[str, str]) -> None:
    child = pexpect.spawn(sys.executable, ["-c", UNLOCK.format(method="unlock")], env=clean_environ, timeout=30, encoding="utf-8")
    child.expect("Passphrase of the key alice: ")
    child.waitnoecho()
    child.sendeof()
    child.expect("refused: no passphrase was typed")


def test_a_relative_file_is_fixed_when_the_source_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = PassphraseSource.from_environ({"MLSC_KEY_PASSPHRASE_FILE": "pass"})
    monkeypatch.chdir(os.sep)
    assert source.file == tmp_path / "pass"
