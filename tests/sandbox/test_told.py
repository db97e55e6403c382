"""What a supervisor is told arrives byte by byte: arguments and folders need be no UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from jupyter_mlsc.sandbox.boot import Spec, decoded
from tests.conftest import Person

ODD = (b"\xff", b"a\xffb", b"\xc3\xa4", b'q"\\ \n', b"\xed\xa0\x80", "ä€😀".encode())


@pytest.mark.parametrize("raw", ODD)
def test_a_word_is_read_as_it_was_told(raw: bytes) -> None:
    text = os.fsdecode(raw)
    told = Spec((text, "x"), text, policy=text, notebook=text, parent=7, kernel=True, hidden=(text,))
    assert decoded(told.encoded()) == told
    assert decoded(told.encoded().encode()) == told


@pytest.mark.parametrize("told", [b"{}", b'["true", "/"]', b'[["true"], 1]', b'[["true"]]', b'[["true"], "/", null, null, "x"]', b"[[[]], []]", b"", b"\xff"])
def test_what_is_no_word_is_refused(told: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decoded(told)


def test_a_command_in_a_folder_with_any_name_gets_its_arguments(ada: Person) -> None:
    folder = os.path.join(os.fsencode(ada.root), b"f\xff")
    os.mkdir(folder)
    command = [sys.executable, "-m", "jupyter_mlsc.cli", "exec", "--", "sh", "-c", 'printf %s "$1"; pwd', "sh", b"a\xffb"]
    done = subprocess.run(command, cwd=folder, env=ada.environ, capture_output=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, b"a\xffb" + folder + b"\n"), done.stderr
