"""Digests of files, streams, descriptors and buffers against the definition and other tools; progress, interrupts, memory."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlsc import block_hashing
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.digests import CONTENT_BLOCK, measure, measure_bytes, measure_descriptor, measure_many, measure_stream
from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError
from tests.digest_cases import at_start, make_data_tree, midway, some_bytes

BOUNDARIES = [0, 1, CONTENT_BLOCK - 1, CONTENT_BLOCK, CONTENT_BLOCK + 1, 2 * CONTENT_BLOCK, 3 * CONTENT_BLOCK + 5, 5 * CONTENT_BLOCK, 7 * CONTENT_BLOCK - 1]


def root_by_definition(data: bytes) -> str:
    """RFC 6962 section 2.1, word for word, over blocks of 1 MiB."""

    def tree_hash(leaves: list[bytes]) -> bytes:
        if not leaves:
            return hashlib.sha256(b"").digest()
        if len(leaves) == 1:
            return hashlib.sha256(b"\0" + leaves[0]).digest()
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return hashlib.sha256(b"\1" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()

    return tree_hash([data[start : start + (1 << 20)] for start in range(0, len(data), 1 << 20)]).hex()


def expected(data: bytes) -> Measurement:
    return Measurement(len(data), hashlib.sha256(data).hexdigest(), root_by_definition(data))


@pytest.fixture
def data_tree(tmp_path: Path) -> Path:
    return make_data_tree(tmp_path / "data")


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    descriptors = len(os.listdir("/proc/self/fd"))
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mlsc-hash")]
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # fewer when what other tests left was collected meanwhile


# Files


@pytest.mark.parametrize("size", BOUNDARIES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_way_gives_the_digests_of_the_definition(tmp_path: Path, size: int, threads: int) -> None:
    data = some_bytes(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    right = expected(data)
    assert measure(path, threads=threads) == right
    assert measure(path, sha256=False, threads=threads) == Measurement(size, None, right.content_root)
    assert measure(path, content_tree=False, threads=threads) == Measurement(size, right.sha256, None)
    assert measure_bytes(data, threads=threads) == right
    assert measure_stream(io.BytesIO(data), threads=threads) == right
    with path.open("rb") as file:
        assert measure_descriptor(file.fileno(), threads=threads) == right


@settings(max_examples=40, deadline=None)
@given(
    blocks=st.integers(0, 9),
    around=st.integers(-2, 2),
    seed=st.integers(0, 2**32),
    threads=st.integers(1, 6),
    wish=st.sampled_from([(True, True), (True, False), (False, True)]),
)
def test_the_content_tree_is_that_of_rfc_6962(blocks: int, around: int, seed: int, threads: int, wish: tuple[bool, bool]) -> None:
    data = some_bytes(max(0, blocks * CONTENT_BLOCK + around), seed)
    right = expected(data)
    found = measure_bytes(data, sha256=wish[0], content_tree=wish[1], threads=threads)
    assert found == Measurement(len(data), right.sha256 if wish[0] else None, right.content_root if wish[1] else None)


def test_the_roots_of_the_format_stay_what_they_are() -> None:
    assert CONTENT_BLOCK == 1_048_576
    assert measure_bytes(b"").content_root == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert measure_bytes(b"").sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    # RFC 6962 leaf hash of one empty byte string is not the root of no bytes.
    assert measure_bytes(b"\0").content_root == hashlib.sha256(b"\0\0").hexdigest()


def test_sha256sum_and_openssl_give_the_same_sha256(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(some_bytes(5 * CONTENT_BLOCK + 11))
    mine = measure(path).sha256
    assert subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0] == mine
    assert subprocess.run(["openssl", "dgst", "-sha256", "-r", path], capture_output=True, text=True, check=True).stdout.split()[0] == mine


@pytest.mark.parametrize("place", [0, CONTENT_BLOCK - 1, CONTENT_BLOCK, 6 * CONTENT_BLOCK + 2])
def test_a_changed_byte_is_found(place: int) -> None:
    data = bytearray(some_bytes(6 * CONTENT_BLOCK + 3))
    before = measure_bytes(data)
    data[place] ^= 1
    after = measure_bytes(data)
    assert before.sha256 != after.sha256
    assert before.content_root != after.content_root


def test_several_files_and_trees_at_once(tmp_path: Path, data_tree: Path) -> None:
    files = {tmp_path / f"shard-{number}": some_bytes(number * 3_000_000, number) for number in range(6)}
    for path, data in files.items():
        path.write_bytes(data)
    seen: list[tuple[int, int]] = []
    found = measure_many([*files, data_tree, *files], threads=3, progress=lambda done, total: seen.append((done, total)))
    assert found == {path: expected(data) for path, data in files.items()} | {data_tree: measure(data_tree)}
    total = sum(map(len, files.values())) + measure(data_tree).size
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)


def test_nothing_asked_for_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    calls: list[Callable[[], Measurement]] = [
        lambda: measure(tmp_path, sha256=False, content_tree=False),
        lambda: measure_bytes(b"", sha256=False, content_tree=False),
        lambda: measure_stream(io.BytesIO(), sha256=False, content_tree=False),
        lambda: measure_descriptor(0, sha256=False, content_tree=False),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="neither"):
            call()


# Descriptors, streams, buffers


def test_the_offset_of_a_descriptor_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(some_bytes(5 * CONTENT_BLOCK))
    with path.open("rb", buffering=0) as file:
        file.seek(1234)
        assert measure_descriptor(file.fileno()) == measure(path)
        assert file.tell() == 1234


def test_a_descriptor_outlives_the_name_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"still here")
    with path.open("rb") as file:
        path.unlink()
        assert measure_descriptor(file.fileno()) == expected(b"still here")


def test_descriptors_of_other_things_are_refused(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    folder = os.open(tmp_path, os.O_RDONLY)
    only_writing = os.open(tmp_path / "w", os.O_WRONLY | os.O_CREAT)
    os.write(only_writing, b"1")
    try:
        for descriptor, why in [(reading, "a FIFO"), (folder, "a directory"), (only_writing, "cannot be read")]:
            with pytest.raises(ArtifactError, match=f"the-name.*{why}"):
                measure_descriptor(descriptor, name="the-name")
    finally:
        for descriptor in (reading, writing, folder, only_writing):
            os.close(descriptor)
    with pytest.raises(ArtifactError, match=rf"descriptor {reading} .*Bad file descriptor"):
        measure_descriptor(reading)


def test_a_stream_may_come_in_small_pieces_from_another_process() -> None:
    data = some_bytes(4 * CONTENT_BLOCK + 77)
    with subprocess.Popen(["dd", "obs=1000", "status=none"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        feeder = threading.Thread(target=lambda: (process.stdin.write(data), process.stdin.close()))  # type: ignore[union-attr]  # asserted above
        feeder.start()
        assert measure_stream(process.stdout) == expected(data)
        feeder.join()


class FailingStream:
    """Gives a block and a half, then fails as a lost connection does."""

    def __init__(self) -> None:
        self._left = [bytes(CONTENT_BLOCK), bytes(1000)]

    def read(self, size: int, /) -> bytes:
        if self._left:
            return self._left.pop(0)
        raise ConnectionResetError(104, "Connection reset by peer")


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_stream_that_fails_is_an_error_that_names_it(threads: int) -> None:
    with pytest.raises(ArtifactError, match=r"s3://bucket/x .*Connection reset"):
        measure_stream(FailingStream(), name="s3://bucket/x", threads=threads)


def test_a_stream_that_does_not_wait_is_refused() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", buffering=0) as stream, pytest.raises(ArtifactError, match="does not wait"):
        measure_stream(stream, name="a pipe")
    os.close(writing)


def test_buffers_of_any_shape_are_measured_as_their_bytes() -> None:
    import numpy

    table = numpy.arange(300_000, dtype="float64").reshape(3, 100_000)
    assert measure_bytes(table.data) == expected(table.tobytes())
    assert measure_bytes(numpy.zeros((0, 4)).data) == expected(b"")
    assert measure_bytes(memoryview(b"abc")) == expected(b"abc")


# Progress, interrupts, memory, imports


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("wish", [(True, True), (True, False), (False, True)])
def test_progress_is_told_in_order_on_the_calling_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, wish: tuple[bool, bool]) -> None:
    monkeypatch.setattr(block_hashing, "PROGRESS_INTERVAL", 0.0)
    path = tmp_path / "file"
    path.touch()
    os.truncate(path, 48 * CONTENT_BLOCK + 1)
    seen: list[tuple[int, int]] = []
    callers: set[int] = set()

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        callers.add(threading.get_ident())

    measure(path, sha256=wish[0], content_tree=wish[1], threads=threads, progress=progress)
    size = path.stat().st_size
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, size), (size, size))
    assert len(seen) > 3
    assert callers == {threading.get_ident()}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_interrupt_ends_the_work_and_its_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(block_hashing, "PROGRESS_INTERVAL", 0.0)
    path = tmp_path / "file"
    path.touch()
    os.truncate(path, 1 << 40)  # a sparse tebibyte: only an interrupt ends this in the time of a test
    for measured in (path, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            measure(measured, threads=threads, progress=midway(lambda: signal.raise_signal(signal.SIGINT)))
    with path.open("rb") as stream, pytest.raises(KeyboardInterrupt):
        measure_stream(stream, threads=threads, progress=lambda done, total: signal.raise_signal(signal.SIGINT) if done else None)


def test_the_first_error_of_any_thread_ends_the_work(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}").touch()
        os.truncate(tmp_path / f"{number}", 1 << 40)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pipe").unlink()
    (tmp_path / "largest").touch()
    os.truncate(tmp_path / "largest", 1 << 41)
    with pytest.raises(ArtifactChangedError, match="largest"):
        measure(tmp_path, threads=4, progress=at_start(lambda: os.truncate(tmp_path / "largest", 5)))


CHILD = """
import resource, sys
import jupyter_mlsc.digests as digests
heavy = {"asyncio", "concurrent.futures", "sqlite3", "logging", "numpy", "ssl", "subprocess", "json"} & set(sys.modules)
assert not heavy, heavy
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as stream:
    found = {digests.measure(sys.argv[1]), digests.measure_stream(stream), digests.measure(sys.argv[1], threads=32)}
assert len(found) == 1, found
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_memory_is_constant_and_the_import_is_light(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 512 << 20)
    child = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert int(child.stdout) < 64
