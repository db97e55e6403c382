"""The numbers of system calls, compared with those of the system's own headers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox import syscalls
from jupyter_mlsc.sandbox.syscalls import AUDIT_ARCH, NAME_CALLS, OPEN_CALLS, calls

HEADERS = {"x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), "aarch64": Path("/usr/include/asm-generic/unistd.h")}
COLUMN = {"x86_64": 1, "aarch64": 2}
_DEFINED = re.compile(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)\b", re.MULTILINE)
TABLES = ("_OPENS", "_NAMES", "_SOCKETS", "_PROCESSES", "_WHOSE", "_REFUSED", "_INSPECTED", "_OWN")


@pytest.mark.parametrize("machine", sorted(HEADERS))
def test_each_number_is_the_one_that_the_kernel_has(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed")
    known = {name: int(number) for name, number in _DEFINED.findall(HEADERS[machine].read_text())}
    rows = [line.split() for table in TABLES for line in getattr(syscalls, table).strip().splitlines()]

    wrong = [row[0] for row in rows if row[COLUMN[machine]] != "-" and known.get(row[0], int(row[COLUMN[machine]])) != int(row[COLUMN[machine]])]
    missing = [row[0] for row in rows if row[COLUMN[machine]] == "-" and row[0] in known]

    assert (wrong, missing) == ([], [])
    assert sum(row[0] in known for row in rows) > 60


@pytest.mark.parametrize("machine", sorted(AUDIT_ARCH))
def test_each_call_is_in_one_table_only(machine: str) -> None:
    found = calls(machine)
    numbers = [*found.asked, *found.refused, *found.processes.values(), *found.whose.values(), *found.inspected.values(), *found.own.values()]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("machine", sorted(AUDIT_ARCH))
def test_each_call_that_is_asked_about_has_a_description_of_its_arguments(machine: str) -> None:
    found = calls(machine)

    assert found.opens.keys() <= OPEN_CALLS.keys()
    assert found.names.keys() <= NAME_CALLS.keys()


def test_a_machine_that_was_not_reviewed_has_no_tables() -> None:
    with pytest.raises(KeyError):
        calls("riscv64")
