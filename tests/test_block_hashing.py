"""Hashing by blocks where a file's size is not what was said, which no stat shows: network and pseudo file systems."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlsc.block_hashing import CONTENT_BLOCK, MAX_THREADS, DescriptorSource, Meter, hash_alone, require_end, run_together, usable_threads
from jupyter_mlsc.errors import ArtifactChangedError
from tests.digest_cases import some_bytes

SIZES = [1, 1000, CONTENT_BLOCK - 1, CONTENT_BLOCK, CONTENT_BLOCK + 1, 2 * CONTENT_BLOCK]


@pytest.fixture(params=SIZES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A descriptor of a file, and its true size."""
    path = tmp_path / "file"
    path.write_bytes(some_bytes(request.param))
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor, request.param
    os.close(descriptor)


@pytest.mark.parametrize("wish", [(True, True), (True, False), (False, True)])
def test_one_byte_more_or_less_than_was_said_is_found(opened: tuple[int, int], wish: tuple[bool, bool]) -> None:
    descriptor, size = opened
    buffer = memoryview(bytearray(CONTENT_BLOCK))

    def hash_as(said: int) -> object:
        return hash_alone(descriptor, said, "the-file", sha256=wish[0], content_tree=wish[1], buffer=buffer, tick=lambda count: True)

    assert hash_as(size) is not None
    with pytest.raises(ArtifactChangedError, match=r"the-file changed .*longer"):
        hash_as(size - 1)
    with pytest.raises(ArtifactChangedError, match=r"the-file changed .*shorter"):
        hash_as(size + 1)


def test_blocks_that_are_shared_must_fill_the_size_and_end_there(opened: tuple[int, int]) -> None:
    descriptor, size = opened

    def take_all(said: int) -> int:
        source = DescriptorSource(descriptor, said, "the-file")
        taken = 0
        while block := source.take(source.buffer()):
            taken += len(block[1])
        require_end(descriptor, said, "the-file")
        return taken

    assert take_all(size) == size
    with pytest.raises(ArtifactChangedError, match=r"the-file changed .*longer"):
        take_all(size - 1)
    with pytest.raises(ArtifactChangedError, match=r"the-file changed .*shorter"):
        take_all(size + 1)


class Endless:
    """Work that ends only when it is stopped; one of the threads that do it fails."""

    def __init__(self, failing_thread: str) -> None:
        self._failing = failing_thread
        self._together = threading.Barrier(3)
        self._stopped = threading.Event()

    def run(self, tick: object) -> None:
        self._together.wait()
        if threading.current_thread().name == self._failing:
            raise MemoryError(self._failing)
        self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


@pytest.mark.parametrize("failing", [threading.current_thread().name, "mlsc-hash-1", "mlsc-hash-2"])
def test_whichever_thread_fails_all_stop_and_the_caller_gets_its_error(failing: str) -> None:
    with pytest.raises(MemoryError, match=failing):
        run_together(Endless(failing), 3, Meter(None, 0))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mlsc-hash")]


def test_the_number_of_threads_has_bounds() -> None:
    assert usable_threads(0) == 1
    assert usable_threads(10_000) == MAX_THREADS
    assert 1 <= usable_threads(None) <= (os.cpu_count() or 1)
