"""What a kernel's connection file says of the sockets that it makes."""

from __future__ import annotations

import os

import msgspec


class _Connection(msgspec.Struct):
    """What is read of a connection file (jupyter_client, "Connection files")."""

    transport: str = "tcp"
    shell_port: int = 0
    iopub_port: int = 0
    stdin_port: int = 0
    control_port: int = 0
    hb_port: int = 0


_LONGEST_CONNECTION = 1 << 16


def own_sockets(connection_file: str) -> list[str]:
    """The Unix sockets that a kernel with this connection file makes where its transport is ``ipc``, else none.

    A kernel that is started again may have written to the file before: it says which number a socket has, and never where it lies.
    """
    try:
        with open(connection_file, "rb") as file:
            said = msgspec.json.decode(file.read(_LONGEST_CONNECTION), type=_Connection)
    except (OSError, msgspec.DecodeError):
        return []  # the kernel says what is wrong with it
    if said.transport != "ipc":
        return []
    stem = os.path.splitext(connection_file)[0]
    return [f"{stem}-ipc-{port}" for port in (said.shell_port, said.iopub_port, said.stdin_port, said.control_port, said.hb_port)]
