"""The filter's program, run by an interpreter of classic BPF: what each call, architecture and argument answers."""

from __future__ import annotations

import errno
import os
import socket
import struct

import pytest

from jupyter_mlsc.sandbox.filter import ALLOW, ASK, CLONE_NEWUSER, ERROR, TIOCLINUX, TIOCSTI, Row, assembled, program
from jupyter_mlsc.sandbox.syscalls import AUDIT_ARCH, OF_A_PROCESS, REVIEWED, X32_BIT, Calls, calls

MACHINES = sorted(AUDIT_ARCH)


def run(rows: list[Row], number: int, arguments: tuple[int, ...] = (), arch: int | None = None, *, machine: str = "x86_64") -> int:
    """The action of a program for one call."""
    given = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFF_FFFF, AUDIT_ARCH[machine] if arch is None else arch, 0, *given)
    accumulator, at = 0, 0
    while True:
        code, yes, no, value = rows[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return value
        else:
            true = {0x15: accumulator == value, 0x25: accumulator > value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            at += yes if true else no


@pytest.fixture(params=MACHINES)
def tables(request: pytest.FixtureRequest) -> Calls:
    return calls(request.param)


def test_what_is_listed_is_asked_about(tables: Calls) -> None:
    rows = program(tables, network=True)

    assert {run(rows, number, machine=tables.machine) for number in tables.asked} == {ASK}


def test_what_is_refused_answers_with_its_error(tables: Calls) -> None:
    rows = program(tables, network=True)

    assert {number: run(rows, number, machine=tables.machine) for number in tables.refused} == {n: ERROR | e for n, e in tables.refused.items()}


def test_everything_else_that_was_reviewed_is_allowed(tables: Calls) -> None:
    rows = program(tables, network=True)
    listed = {*tables.asked, *tables.refused, *tables.inspected.values(), *tables.processes.values(), *tables.whose.values()}

    assert {run(rows, number, machine=tables.machine) for number in range(REVIEWED + 1) if number not in listed} == {ALLOW}


FLAGS_AT = {"open": 1, "openat": 2}


def _opens(tables: Calls, name: str, flags: int) -> int:
    arguments = (*(0,) * FLAGS_AT.get(name, 2), flags)
    return run(program(tables, network=True), tables.opens[name], arguments, machine=tables.machine)


@pytest.mark.parametrize(
    "flags", [os.O_PATH, os.O_PATH | os.O_CREAT | os.O_RDWR, os.O_DIRECTORY, os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK, os.O_DIRECTORY | os.O_WRONLY]
)
@pytest.mark.parametrize("name", ["open", "openat"])
def test_a_place_or_a_folder_is_opened_without_a_question(name: str, flags: int) -> None:
    assert _opens(calls("x86_64"), name, flags) == ALLOW


@pytest.mark.parametrize(
    "flags",
    [os.O_RDONLY, os.O_RDWR, os.O_CREAT, os.O_TMPFILE | os.O_RDWR, os.O_TMPFILE & ~os.O_DIRECTORY, os.O_DIRECTORY | os.O_CREAT, os.O_NOFOLLOW],
)
@pytest.mark.parametrize("name", ["open", "openat"])
def test_whatever_could_give_contents_or_make_a_file_is_asked_about(name: str, flags: int) -> None:
    assert _opens(calls("x86_64"), name, flags) == ASK


@pytest.mark.parametrize("name", ["creat", "openat2"])
def test_a_call_whose_flags_lie_in_memory_or_that_makes_files_is_always_asked_about(name: str) -> None:
    assert _opens(calls("x86_64"), name, os.O_PATH | os.O_DIRECTORY) == ASK


@pytest.mark.parametrize("number", [REVIEWED + 1, 500, X32_BIT - 1, X32_BIT, X32_BIT | 2, 0xFFFF_FFFF])
def test_a_call_that_nobody_reviewed_does_not_exist(tables: Calls, number: int) -> None:
    assert run(program(tables, network=True), number, machine=tables.machine) == ERROR | errno.ENOSYS


@pytest.mark.parametrize("arch", [0x40000003, 0, 0xC0000028, 0x40000028])
@pytest.mark.parametrize("number", [0, 2, 5, 56, 257])
def test_a_call_of_another_architecture_does_not_exist(tables: Calls, arch: int, number: int) -> None:
    assert run(program(tables, network=True), number, (), arch) == ERROR | errno.ENOSYS


@pytest.mark.parametrize("call", ["clone", "unshare"])
@pytest.mark.parametrize(
    ("flags", "expected"),
    [(CLONE_NEWUSER, ERROR | errno.EPERM), (CLONE_NEWUSER | 0x11, ERROR | errno.EPERM), (0x11, ALLOW), (0x003D0F00, ALLOW), (0x0002_0000, ALLOW)],
)
def test_a_user_namespace_cannot_be_made(tables: Calls, call: str, flags: int, expected: int) -> None:
    assert run(program(tables, network=True), tables.inspected[call], (flags,), machine=tables.machine) == expected


@pytest.mark.parametrize(
    ("request_", "expected"), [(TIOCSTI, ERROR | errno.EPERM), (TIOCLINUX, ERROR | errno.EPERM), (0x5401, ALLOW), (TIOCSTI | 1 << 32, ERROR | errno.EPERM)]
)
def test_nothing_is_typed_into_a_terminal(tables: Calls, request_: int, expected: int) -> None:
    assert run(program(tables, network=True), tables.inspected["ioctl"], (0, request_), machine=tables.machine) == expected


def test_a_second_listener_cannot_be_had(tables: Calls) -> None:
    rows, number = program(tables, network=True), tables.inspected["seccomp"]

    assert [run(rows, number, (1, flags), machine=tables.machine) for flags in (8, 8 | 1, 0, 1)] == [ERROR | errno.EBUSY, ERROR | errno.EBUSY, ALLOW, ALLOW]


@pytest.mark.parametrize("flags", [0, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC])
@pytest.mark.parametrize(
    ("family", "kind", "open_network", "closed_network"),
    [
        (socket.AF_UNIX, socket.SOCK_STREAM, True, True),
        (socket.AF_UNIX, socket.SOCK_DGRAM, False, False),
        (socket.AF_UNIX, socket.SOCK_RAW, False, False),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET, True, True),
        (socket.AF_INET, socket.SOCK_STREAM, True, True),
        (socket.AF_INET, socket.SOCK_DGRAM, True, False),
        (socket.AF_INET6, socket.SOCK_STREAM, True, True),
        (socket.AF_INET6, socket.SOCK_DGRAM, True, False),
        (socket.AF_INET, socket.SOCK_RAW, True, False),
        (socket.AF_NETLINK, socket.SOCK_RAW, True, True),
        (socket.AF_PACKET, socket.SOCK_RAW, True, False),
        (socket.AF_VSOCK, socket.SOCK_STREAM, True, False),
    ],
)
def test_a_socket_is_made_where_it_cannot_send_unasked(tables: Calls, family: int, kind: int, flags: int, open_network: bool, closed_network: bool) -> None:
    number = tables.inspected["socket"]
    answers = [run(program(tables, network=network), number, (family, kind | flags), machine=tables.machine) for network in (True, False)]

    assert answers == [ALLOW if allowed else ERROR | errno.EACCES for allowed in (open_network, closed_network)]


def test_a_call_on_another_process_is_asked_about_and_one_on_itself_is_not(tables: Calls) -> None:
    rows = program(tables, network=True)

    assert {(run(rows, n, (0,), machine=tables.machine), run(rows, n, (7,), machine=tables.machine)) for n in tables.processes.values()} == {(ALLOW, ASK)}
    for name, number in tables.whose.items():
        one = OF_A_PROCESS[name]
        assert [run(rows, number, given, machine=tables.machine) for given in ((one, 0), (one, 7), (one + 1, 0), (one + 2, 0))] == [ALLOW, ASK, ASK, ASK]


def test_every_jump_lands_inside_and_every_way_ends(tables: Calls) -> None:
    rows = program(tables, network=False)

    assert all(at + 1 + jump < len(rows) for at, (code, yes, no, _) in enumerate(rows) for jump in (yes, no) if code not in (0x06, 0x20, 0x54))
    assert rows[-1][0] == 0x06
    assert len(rows) <= 4096
    assert len(assembled(rows)) == 8 * len(rows)
