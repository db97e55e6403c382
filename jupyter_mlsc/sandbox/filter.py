"""The seccomp filter: a classic BPF program made from the tables, and its installation. The program is data; making it touches nothing.

Rules kept: a call of another architecture, or newer than the tables, answers ENOSYS; what is asked about and what is refused is what
`syscalls` lists; everything else runs at full speed.
"""

from __future__ import annotations

import _socket as socket  # a command waits for what `socket` adds to it
import ctypes
import errno
import os
import struct
from collections.abc import Sequence

from jupyter_mlsc.sandbox import linux
from jupyter_mlsc.sandbox.syscalls import OF_A_PROCESS, OPEN_CALLS, REVIEWED, X32_BIT, Calls

_LOAD, _JEQ, _JGE, _JGT, _JSET, _AND, _RET = 0x20, 0x15, 0x35, 0x25, 0x45, 0x54, 0x06
ASK, ALLOW, ERROR = 0x7FC0_0000, 0x7FFF_0000, 0x0005_0000
_NUMBER, _ARCHITECTURE = 0, 4

_SET_MODE_FILTER = 1
_NEW_LISTENER, _WAIT_KILLABLE_RECV = 8, 32

CLONE_NEWUSER = 0x1000_0000
TIOCSTI, TIOCLINUX, FS_IOC_ENABLE_VERITY = 0x5412, 0x541C, 0x40806685
REFUSED_IOCTLS = (TIOCSTI, TIOCLINUX, FS_IOC_ENABLE_VERITY)
"""What puts words into a terminal's mouth, and what freezes a file for good with a descriptor that can only read."""
_SOCK_TYPE = 0xF

Row = tuple[int, int, int, int]


def argument(index: int) -> int:
    """Offset in ``struct seccomp_data`` of the low half of an argument (little-endian machines)."""
    return 16 + 8 * index


def program(calls: Calls, *, network: bool) -> list[Row]:
    """The filter's rows (code, jump if true, jump if false, value). Without ``network`` a datagram socket of the Internet is refused: it can send unasked."""
    rows: list[Row] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JEQ, 1, 0, calls.audit_arch),
        (_RET, 0, 0, ERROR | errno.ENOSYS),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if calls.machine == "x86_64":
        rows += [(_JGE, 0, 1, X32_BIT), (_RET, 0, 0, ERROR | errno.ENOSYS)]
    rows += [(_JGT, 0, 1, REVIEWED), (_RET, 0, 0, ERROR | errno.ENOSYS)]
    for name, number in calls.opens.items():
        flags = OPEN_CALLS[name].flags
        if flags is not None:
            rows += _when(number, _unless_without_contents(flags))
    for number in calls.asked:
        rows += [(_JEQ, 0, 1, number), (_RET, 0, 0, ASK)]
    for number, error in calls.refused.items():
        rows += [(_JEQ, 0, 1, number), (_RET, 0, 0, ERROR | error)]
    for number in (calls.inspected["clone"], calls.inspected["unshare"]):
        rows += _when(number, [(_LOAD, 0, 0, argument(0)), (_JSET, 0, 1, CLONE_NEWUSER), (_RET, 0, 0, ERROR | errno.EPERM)])
    rows += _when(calls.inspected["ioctl"], [(_LOAD, 0, 0, argument(1)), *_any_of(REFUSED_IOCTLS, ERROR | errno.EPERM)])
    # A second listener, or a nested domain that hides a caller from this one's supervisor, is not needed inside.
    rows += _when(calls.inspected["seccomp"], [(_LOAD, 0, 0, argument(1)), (_JSET, 0, 1, _NEW_LISTENER), (_RET, 0, 0, ERROR | errno.EBUSY)])
    rows += _socket_rows(calls.inspected["socket"], network=network)
    # A datagram socket of a pair can send to any path: the supervisor makes the pair, of a type that cannot.
    rows += _when(calls.inspected["socketpair"], _on_unix_datagram(ASK))
    if not network:
        # What connects without a connect(2), when it is asked to (tcp(7), TCP_FASTOPEN).
        for name, flags in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
            opened = [(_LOAD, 0, 0, argument(flags)), (_JSET, 0, 1, socket.MSG_FASTOPEN), (_RET, 0, 0, ERROR | errno.EOPNOTSUPP)]
            rows += _when(calls.inspected[name], opened)
    for number in calls.processes.values():
        rows += _when(number, [(_LOAD, 0, 0, argument(0)), (_JEQ, 1, 0, 0), (_RET, 0, 0, ASK)])
    for name, number in calls.whose.items():
        itself: list[Row] = [(_LOAD, 0, 0, argument(1)), (_JEQ, 0, 2, 0), (_LOAD, 0, 0, argument(0)), (_JEQ, 1, 0, OF_A_PROCESS[name])]
        rows += _when(number, [*itself, (_RET, 0, 0, ASK)])
    rows.append((_RET, 0, 0, ALLOW))
    return rows


def _unless_without_contents(flags: int) -> list[Row]:
    """Rows that ask about an open unless its flags, which are no memory that could be rewritten, say that it gives no contents of a file and makes none.

    With O_PATH a place is opened, and whatever is opened through it is asked about; with O_DIRECTORY alone a folder or nothing, and the wall grants
    listing everywhere. Both are answered so whatever the path is (`decide.decide_open`), and who lists folders lists many.
    """
    return [
        (_LOAD, 0, 0, argument(flags)),
        (_JSET, 3, 0, os.O_PATH),
        (_AND, 0, 0, os.O_DIRECTORY | os.O_CREAT | os.O_TMPFILE),
        (_JEQ, 1, 0, os.O_DIRECTORY),
        (_RET, 0, 0, ASK),
    ]


def _when(number: int, rows: list[Row]) -> list[Row]:
    """Rows for one call alone; where they fall through, the call is allowed."""
    return [(_JEQ, 0, len(rows) + 1, number), *rows, (_RET, 0, 0, ALLOW)]


def _any_of(values: Sequence[int], result: int) -> list[Row]:
    """Rows that return where what was loaded is one of the values."""
    last = len(values) - 1
    return [*((_JEQ, last - index, 1 if index == last else 0, value) for index, value in enumerate(values)), (_RET, 0, 0, result)]


def _on_unix_datagram(result: int) -> list[Row]:
    return [
        (_LOAD, 0, 0, argument(0)),
        (_JEQ, 0, 5, socket.AF_UNIX),
        (_LOAD, 0, 0, argument(1)),
        (_AND, 0, 0, _SOCK_TYPE),
        (_JEQ, 1, 0, socket.SOCK_DGRAM),
        (_JEQ, 0, 1, socket.SOCK_RAW),  # unix(7): the kernel makes a datagram socket of it
        (_RET, 0, 0, result),
    ]


def _socket_rows(number: int, *, network: bool) -> list[Row]:
    unix_datagram = _on_unix_datagram(ERROR | errno.EACCES)
    if network:
        return _when(number, unix_datagram)
    # Local, netlink (names of interfaces) and TCP, whose connect is asked about; nothing else: other protocols have other calls that connect.
    closed: list[Row] = [
        *unix_datagram,
        (_LOAD, 0, 0, argument(0)),
        (_JEQ, 9, 0, socket.AF_UNIX),
        (_JEQ, 8, 0, socket.AF_NETLINK),
        (_JEQ, 1, 0, socket.AF_INET),
        (_JEQ, 0, 7, socket.AF_INET6),
        (_LOAD, 0, 0, argument(1)),
        (_AND, 0, 0, _SOCK_TYPE),
        (_JEQ, 0, 4, socket.SOCK_STREAM),
        (_LOAD, 0, 0, argument(2)),
        (_JEQ, 1, 0, 0),
        (_JEQ, 0, 1, socket.IPPROTO_TCP),
        (_RET, 0, 0, ALLOW),
        (_RET, 0, 0, ERROR | errno.EACCES),
    ]
    return _when(number, closed)


def assembled(rows: list[Row]) -> bytes:
    """The program as ``struct sock_filter`` rows."""
    return b"".join(struct.pack("<HBBI", *row) for row in rows)


def install(rows: list[Row], seccomp_number: int) -> int:
    """Load the filter into this thread and return the listener's descriptor: from now on every listed call waits for an answer. Raises OSError."""
    code = assembled(rows)
    buffer = ctypes.create_string_buffer(code, len(code))
    description = struct.pack("<HxxxxxxQ", len(rows), ctypes.addressof(buffer))
    flags = _NEW_LISTENER | _WAIT_KILLABLE_RECV
    return linux.checked(linux.libc.syscall(seccomp_number, _SET_MODE_FILTER, flags, ctypes.c_char_p(description)), "seccomp")
