"""Bytecode against its source: what the interpreter would run from ``__pycache__`` although the source beside it says something else.

An interpreter believes a ``.pyc`` whose header has the source's time and size, or its hash, and one that is marked `unchecked` whatever the source
is (PEP 552). So of those that it would believe the source is compiled again, and the two are compared in a process without keys. What it would not
believe is compiled anew when it is imported, and what another version of Python wrote is for that one to check.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

SAME, DIFFERS, UNREAD = b"=", b"!", b"?"
_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); import jupyter_mlsc; del sys.path[0]; from jupyter_mlsc.sandbox.confined_bytecode import main; main()"
"""The folder is on the path for one import, as for every process of this kind: nothing else of it is to be imported."""
_HEADER = 16
_LONGEST = 64 << 20
_SECONDS = 60.0
Change = Literal["differs", "unchecked", "unread"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """Bytecode that is not what its source makes (``differs``), that nobody compares with its source (``unchecked``), or that cannot be read."""

    path: str
    change: Change


def check(sites: Iterable[Path], processes: int, progress: Callable[[int, int], None] | None = None) -> list[Suspect]:
    """Hold all bytecode of this very interpreter in some folders against its source. ``progress`` hears (files done, files in all)."""
    every = [each for site in dict.fromkeys(sites) for each in _bytecode(str(site))]
    found: list[Suspect] = []
    local, comparers = threading.local(), list[Comparer]()

    def look(path: str) -> list[Suspect]:
        if not hasattr(local, "comparer"):
            local.comparer = Comparer()
            comparers.append(local.comparer)
        return list(_look(path, local.comparer))

    try:
        with ThreadPoolExecutor(processes) as pool:
            for done, suspects in enumerate(pool.map(look, every, chunksize=16), 1):
                found += suspects
                if progress is not None and (done % 256 == 0 or done == len(every)):
                    progress(done, len(every))
    finally:
        for each in comparers:
            each.end()
    return found


def _bytecode(site: str) -> Iterator[str]:
    tag = f".{sys.implementation.cache_tag}."
    for folder, _, files in os.walk(site):
        if os.path.basename(folder) == "__pycache__":
            yield from (os.path.join(folder, name) for name in sorted(files) if name.endswith(".pyc") and tag in name)


def _look(path: str, comparer: Comparer) -> Iterator[Suspect]:
    try:
        source_path = importlib.util.source_from_cache(path)
    except ValueError:
        return  # of no name under which anything is imported
    level = {"opt-1": 1, "opt-2": 2}.get(path.split(".")[-2], 0)
    compiled, source = _read(path), _read(source_path)
    if compiled is None or source is None or compiled[0][:4] != importlib.util.MAGIC_NUMBER:
        return
    data, text, status = compiled[0], source[0], source[1]
    flags = int.from_bytes(data[4:8], "little")
    if flags == 0:
        stamp = (int(status.st_mtime) & 0xFFFF_FFFF).to_bytes(4, "little") + (status.st_size & 0xFFFF_FFFF).to_bytes(4, "little")
        believed = data[8:_HEADER] == stamp
    elif flags == 0b01:
        believed = True
        yield Suspect(path, "unchecked")
    else:
        believed = flags == 0b11 and data[8:_HEADER] == importlib.util.source_hash(text)
    if believed:
        answer = comparer.compare(text, data[_HEADER:], level)
        if answer != SAME:
            yield Suspect(path, "differs" if answer == DIFFERS else "unread")


def _read(path: str) -> tuple[bytes, os.stat_result] | None:
    """A regular file that is not too long, and its status."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    with open(number, "rb") as file:
        status = os.fstat(number)
        return (file.read(), status) if stat.S_ISREG(status.st_mode) and status.st_size <= _LONGEST else None


class Comparer:
    """A process that compares, and a new one where it ended or took too long."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def compare(self, source: bytes, code: bytes, level: int) -> bytes:
        """`SAME`, `DIFFERS` or `UNREAD`."""
        try:
            channel = self._started()
            channel.sendall(b"".join(number.to_bytes(8, "little") for number in (len(source), len(code), level)) + source + code)
            answer = channel.recv(1)
        except OSError:
            answer = b""
        if answer not in (SAME, DIFFERS, UNREAD):
            self.end()
            return UNREAD
        return answer

    def _started(self) -> socket.socket:
        if self._channel is None:
            self._channel, theirs = socket.socketpair()
            self._channel.settimeout(_SECONDS)
            place = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _BOOT, place, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={},
                    cwd=os.path.abspath(os.sep),
                    start_new_session=True,
                )
        return self._channel

    def end(self) -> None:
        """End the process."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def received(channel: socket.socket) -> tuple[bytes, bytes, int] | None:
    """A question: source, code, level of optimization. None at the end."""
    header = _exactly(channel, 24)
    if header is None:
        return None
    source_length, code_length, level = (int.from_bytes(header[at : at + 8], "little") for at in (0, 8, 16))
    source, code = _exactly(channel, source_length), _exactly(channel, code_length)
    return None if source is None or code is None else (source, code, level)


def _exactly(channel: socket.socket, length: int) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        part = channel.recv(min(length - len(data), 1 << 20))
        if not part:
            return None
        data += part
    return bytes(data)
