"""Bytes, odd files and moments to change them, for the tests of digests."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from pathlib import Path

from jupyter_mlsc.digests import CONTENT_BLOCK


def some_bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def make_data_tree(tree: Path) -> Path:
    """A tree with a folder in a folder, an empty file and one of several blocks."""
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "train.csv").write_bytes(b"x,y\n1,2\n")
    (tree / "a" / "weights.bin").write_bytes(some_bytes(3 * CONTENT_BLOCK + 7))
    (tree / "a" / "b" / "empty").touch()
    (tree / "a-b").write_bytes(b"sorts before a/ in code points")
    return tree


def at_start(action: Callable[[], object]) -> Callable[[int, int], None]:
    """A progress that acts once: after the file was looked at, before its first byte is read."""
    todo = [action]

    def progress(done: int, total: int) -> None:
        if todo:
            todo.pop()()

    return progress


def midway(action: Callable[[], object]) -> Callable[[int, int], None]:
    """A progress that acts once, when some bytes but not all were hashed."""
    todo = [action]

    def progress(done: int, total: int) -> None:
        if todo and 0 < done < total:
            todo.pop()()

    return progress


def overwrite(path: Path, data: bytes, offset: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def replaced(path: Path, data: bytes) -> None:
    other = path.with_name(path.name + ".new")
    other.write_bytes(data)
    other.rename(path)


def appended(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as endpoint:
        # The address of a socket has 107 bytes at most; the folder is reached by its descriptor.
        folder = os.open(path.parent, os.O_RDONLY)
        endpoint.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)


def make_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)
