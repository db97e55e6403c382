"""Callers that may not be looked at, or that would like to be somebody else."""

from __future__ import annotations

import os
import sys

import pytest

from tests.conftest import Person

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision needs Linux")

_HIDE = "import ctypes, os, errno\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"


def _run(person: Person, program: str) -> list[str]:
    done = person.mlsc("exec", "--", sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _tried(*expressions: str) -> str:
    return "".join(f"try:\n    {each}\n    print('ok')\nexcept OSError as err:\n    print(errno.errorcode[err.errno])\n" for each in expressions)


def test_a_caller_that_may_not_be_looked_at_reads_system_files_and_nothing_of_the_project(signed_dataset: Person) -> None:
    said = _run(signed_dataset, _HIDE + _tried("open('/etc/hostname').read()", "open('data/train.csv').read()", "open('mlsc.toml').read()", "open('new', 'w')"))

    assert said == ["ok", "EACCES", "EACCES", "EACCES"]


def test_a_caller_that_may_not_be_looked_at_changes_no_name(ada: Person) -> None:
    ada.write("kept", "kept\n")
    said = _run(ada, _HIDE + _tried("os.mkdir('folder')", "os.rename('kept', 'moved')", "os.unlink('kept')", "os.chmod('kept', 0)", "os.truncate('kept', 0)"))

    assert "ok" not in said
    assert (ada.root / "kept").read_text() == "kept\n"


@pytest.mark.parametrize("flag", ["0x10000000", "0x10020000"])
def test_no_caller_gets_into_another_user_namespace(ada: Person, flag: str) -> None:
    program = f"import ctypes, os, errno\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.unshare({flag}), errno.errorcode[ctypes.get_errno()])\n"

    assert _run(ada, program) == ["-1", "EPERM"]


@pytest.mark.parametrize("flag", ["0x00020000", "0x40000000"])
def test_no_caller_gets_into_another_mount_or_network_namespace(ada: Person, flag: str) -> None:
    program = f"import ctypes, os, errno\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.unshare({flag}), errno.errorcode[ctypes.get_errno()])\n"

    assert _run(ada, program) == ["-1", "EPERM"]


def test_a_program_with_a_set_user_id_bit_runs_as_its_caller(ada: Person) -> None:
    program = "print(next(line for line in open('/proc/self/status') if line.startswith('NoNewPrivs')))\nimport os\nprint(os.getuid() == os.geteuid())"

    assert _run(ada, program) == ["NoNewPrivs:", "1", "True"]


def test_nobody_inside_has_a_capability(ada: Person) -> None:
    kept = "CapBnd" if os.geteuid() else "none"  # an ordinary user cannot cut the bounding set, and has nothing that could come of it
    program = f"print(*{{line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap') and not line.startswith('{kept}')}})"

    assert _run(ada, program) == ["0000000000000000"]
