"""Hashing of blocks on several threads: SHA-256 and the content tree's root of one file, stream or buffer.

Rules kept here: all the bytes, each read once, so that both digests are of the same bytes; constant memory; the calling thread works
too and is the only one that calls ``progress``; whatever it raises, an interrupt among it, stops the other threads within a block.

The content tree is that of RFC 6962 over blocks of 1 MiB (the last one may be shorter): leaf = SHA-256(0x00 || block); no bytes, no
leaves. hashlib releases the interpreter's lock for whole blocks, which is why threads are enough.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from hashlib import sha256 as new_sha256
from typing import NamedTuple, Protocol, TypeAlias

from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError
from jupyter_mlsc.file_identity import changed, printable, unreadable
from jupyter_mlsc.merkle import CompactRange, leaf_hash

CONTENT_BLOCK = 1 << 20
"""Size of a leaf of the content tree, in bytes. Part of the format: signed roots depend on it."""

PROGRESS_INTERVAL = 0.05
"""Least time between two calls of ``progress``, in seconds."""

MAX_THREADS = 32
"""More threads than this wait for memory rather than for a core, and each holds a block in memory."""

_SPARE_BLOCKS = 6
"""Blocks that may have been read ahead of the serial hash, over one for each thread."""

Progress: TypeAlias = Callable[[int, int], None]
"""``progress(bytes_done, bytes_total)``; the total is 0 while it is not known (a stream)."""


class Hashes(NamedTuple):
    """What was computed of one file: hex digests, or None where one was not asked for."""

    sha256: str | None
    content_root: str | None


def usable_threads(threads: int | None) -> int:
    """How many threads to use: as many as asked for, else one for each core that this process may run on."""
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(threads, MAX_THREADS))


class Meter:
    """Counts bytes as they are hashed, on any thread, and reports them from the calling thread: at the start, seldom, and at the end."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self.done = 0
        self._lock = threading.Lock()
        self._due = time.monotonic() + PROGRESS_INTERVAL
        if progress is not None:
            progress(0, total)

    def add(self, count: int) -> None:
        """Count bytes that have been hashed."""
        with self._lock:
            self.done += count

    def tick(self) -> None:
        """Report, if it is time. For the calling thread only."""
        if self._progress is not None and time.monotonic() >= self._due:
            self._progress(self.done, self._total)
            self._due = time.monotonic() + PROGRESS_INTERVAL

    def finish(self) -> None:
        """Report that all is done."""
        if self._progress is not None:
            self._progress(self.done, self._total or self.done)


class Work(Protocol):
    """Something that several threads do together until nothing is left."""

    def run(self, tick: Callable[[], None]) -> None:
        """Take part until nothing is left or it was stopped, calling ``tick`` every few milliseconds."""

    def stop(self) -> None:
        """Make every thread return from ``run`` soon."""


def run_together(work: Work, threads: int, meter: Meter) -> None:
    """Do the work on the calling thread and ``threads - 1`` others. Raises the first error that any of them met."""
    failures: list[BaseException] = []

    def take_part() -> None:
        try:
            work.run(lambda: None)
        except BaseException as err:  # noqa: BLE001 - kept whole for the calling thread, which raises it
            failures.append(err)
            work.stop()

    team = [threading.Thread(target=take_part, name=f"mlsc-hash-{number}", daemon=True) for number in range(1, threads)]
    started: list[threading.Thread] = []
    try:
        for thread in team:
            thread.start()
            started.append(thread)
        work.run(meter.tick)
    except BaseException:
        work.stop()
        raise
    finally:
        for thread in started:
            thread.join()
    if failures:
        raise failures[0]


class Source(Protocol):
    """Where blocks come from; several threads may ask at once."""

    def buffer(self) -> memoryview:
        """A new place to read a block into."""

    def take(self, buffer: memoryview) -> tuple[int, memoryview] | None:
        """The next block and its number, read into ``buffer`` if it has to be read; None when there is no more."""


class DescriptorSource:
    """A regular file by its descriptor, read by position: the descriptor's own offset is neither used nor moved."""

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        self._descriptor = descriptor
        self._size = size
        self._name = name
        self._numbers = itertools.count()

    def buffer(self) -> memoryview:
        """A new place to read a block into."""
        return memoryview(bytearray(CONTENT_BLOCK))

    def take(self, buffer: memoryview) -> tuple[int, memoryview] | None:
        """Read the next block. Raises ArtifactChangedError when the file is not as long as it was."""
        number = next(self._numbers)
        offset = number * CONTENT_BLOCK
        if offset >= self._size:
            return None
        block = buffer[: min(CONTENT_BLOCK, self._size - offset)]
        if read_at(self._descriptor, block, offset, self._name) != len(block):
            raise changed(self._name, "it became shorter")
        return number, block


class Readable(Protocol):
    """What is asked of a stream: ``read`` as binary files have it. None means that it does not wait for bytes, which is refused."""

    def read(self, size: int, /) -> bytes | None:
        """At most ``size`` bytes; none at the end."""


class StreamSource:
    """A stream that can be read once, in order; threads take turns."""

    def __init__(self, stream: Readable, name: str) -> None:
        self._stream = stream
        self._name = name
        self._turn = threading.Lock()
        self._number = 0
        self._ended = False

    def buffer(self) -> memoryview:
        """A new place to read a block into."""
        return memoryview(bytearray(CONTENT_BLOCK))

    def take(self, buffer: memoryview) -> tuple[int, memoryview] | None:
        """Read the next block, however small the pieces that the stream gives. Raises ArtifactError when it fails."""
        with self._turn:
            filled = 0
            while filled < CONTENT_BLOCK and not self._ended:
                try:
                    piece = self._stream.read(CONTENT_BLOCK - filled)
                except OSError as err:
                    self._ended = True
                    raise unreadable(err, self._name) from err
                if piece is None:
                    self._ended = True
                    raise ArtifactError(f"{printable(self._name)} has no bytes ready: it does not wait for them", next_step="open the stream in blocking mode")
                buffer[filled : filled + len(piece)] = piece
                filled += len(piece)
                self._ended = not piece
            if not filled:
                return None
            self._number += 1
            return self._number - 1, buffer[:filled]


class MemorySource:
    """Bytes that are in memory already; nothing is copied."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._numbers = itertools.count()

    def buffer(self) -> memoryview:
        """An empty place: nothing is read."""
        return memoryview(b"")

    def take(self, buffer: memoryview) -> tuple[int, memoryview] | None:
        """The next block, as a view."""
        number = next(self._numbers)
        block = self._data[number * CONTENT_BLOCK : (number + 1) * CONTENT_BLOCK]
        return (number, block) if len(block) else None


class _Held:
    """A block that was read, its buffer, and how many hashes still need it."""

    __slots__ = ("block", "buffer", "users")

    def __init__(self, block: memoryview, buffer: memoryview, users: int) -> None:
        self.block = block
        self.buffer = buffer
        self.users = users


class BlockHashing:
    """One source hashed by several threads: each reads a block and hashes it as a leaf, or carries the serial SHA-256 on.

    Only one thread at a time carries the serial hash on, over blocks in their order, and any thread may be the one; so with two
    threads both are busy to the end, and with more the serial hash alone sets the pace.
    """

    def __init__(self, source: Source, *, sha256: bool, content_tree: bool, threads: int, meter: Meter) -> None:
        self._source = source
        self._serial = new_sha256() if sha256 else None
        self._tree = CompactRange() if content_tree else None
        self._meter = meter
        self._changed = threading.Condition()
        self._unmade_buffers = threads + (_SPARE_BLOCKS if sha256 else 0)
        self._free: list[memoryview] = []
        self._waiting: dict[int, _Held] = {}
        self._next_serial = 0
        self._serial_taken = False
        self._leaves: dict[int, bytes] = {}
        self._reading = 0
        self._exhausted = False
        self._stopped = False

    def run(self, tick: Callable[[], None]) -> None:
        """Take part until the source is exhausted and every block is hashed."""
        while True:
            tick()
            with self._changed:
                if self._stopped or (self._exhausted and not self._reading and not self._waiting):
                    return
                held = self._take_serial()
                buffer = None if held else self._take_buffer()
                if held is None and buffer is None:
                    self._changed.wait(PROGRESS_INTERVAL)
                    continue
            if held is not None:
                self._carry_on(held)
            elif buffer is not None:
                self._read(buffer)

    def stop(self) -> None:
        """Make every thread return from ``run`` after its block."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def hashes(self) -> Hashes:
        """What was asked for; after ``run``."""
        return Hashes(self._serial.hexdigest() if self._serial else None, self._tree.root().hex() if self._tree else None)

    def _take_serial(self) -> _Held | None:
        if self._serial_taken or self._next_serial not in self._waiting:
            return None
        self._serial_taken = True
        return self._waiting[self._next_serial]

    def _take_buffer(self) -> memoryview | None:
        if self._exhausted:
            return None
        if self._free:
            self._reading += 1
            return self._free.pop()
        if self._unmade_buffers:
            self._reading += 1
            self._unmade_buffers -= 1
            return self._source.buffer()
        return None

    def _carry_on(self, held: _Held) -> None:
        if self._serial is not None:
            self._serial.update(held.block)
        with self._changed:
            del self._waiting[self._next_serial]
            self._next_serial += 1
            self._serial_taken = False
            self._release(held)
            if self._tree is None:
                self._meter.add(len(held.block))
            self._changed.notify_all()

    def _read(self, buffer: memoryview) -> None:
        taken = self._source.take(buffer)
        if taken is None:
            with self._changed:
                self._reading -= 1
                self._exhausted = True
                self._changed.notify_all()
            return
        number, block = taken
        held = _Held(block, buffer, (self._serial is not None) + (self._tree is not None))
        if self._serial is not None:
            with self._changed:
                self._waiting[number] = held
                self._changed.notify_all()
        leaf = leaf_hash(block) if self._tree is not None else None
        with self._changed:
            self._reading -= 1
            if leaf is not None:
                self._add_leaf(number, leaf)
                self._meter.add(len(block))
                self._release(held)
            self._changed.notify_all()

    def _release(self, held: _Held) -> None:
        held.users -= 1
        if not held.users:
            self._free.append(held.buffer)

    def _add_leaf(self, number: int, leaf: bytes) -> None:
        if self._tree is None:
            return
        self._leaves[number] = leaf
        while (leaf_in_order := self._leaves.pop(self._tree.size, None)) is not None:
            self._tree.append(leaf_in_order)


def hash_alone(descriptor: int, size: int, name: str, *, sha256: bool, content_tree: bool, buffer: memoryview, tick: Callable[[int], bool]) -> Hashes | None:
    """Hash a file on this thread alone, which is faster than `BlockHashing` where other threads have files of their own.

    ``buffer`` holds a block and a byte. ``tick`` gets the count of bytes of each block and says whether to go on; None if not.
    Raises ArtifactChangedError when the file is not as long as ``size``.
    """
    if size < len(buffer) and sha256 and not content_tree:
        # The fewest steps that it takes: of trees with many small files these are the whole cost.
        data = _read_at_once(descriptor, size + 1, name)
        if len(data) == size:
            return Hashes(new_sha256(data).hexdigest(), None) if tick(size) else None
    serial = new_sha256() if sha256 else None
    tree = CompactRange() if content_tree else None
    for offset in range(0, max(size, 1), CONTENT_BLOCK):
        # One byte more than the last block should have: whether the file has grown is seen without another read.
        wanted = min(CONTENT_BLOCK, size - offset + 1)
        expected = min(CONTENT_BLOCK, size - offset)
        count = read_at(descriptor, buffer[:wanted], offset, name, enough=expected)
        if count != expected:
            raise _other_length(name, count, expected)
        block = buffer[:count]
        if serial is not None:
            serial.update(block)
        if tree is not None and count:
            tree.append(leaf_hash(block))
        if not tick(count):
            return None
    if size and size % CONTENT_BLOCK == 0:
        require_end(descriptor, size, name)
    return Hashes(serial.hexdigest() if serial else None, tree.root().hex() if tree else None)


def require_end(descriptor: int, size: int, name: str) -> None:
    """Raise ArtifactChangedError when there are bytes beyond ``size``: files of /proc say 0 and give more."""
    if read_at(descriptor, memoryview(bytearray(1)), size, name):
        raise _other_length(name, size + 1, size)


def _read_at_once(descriptor: int, count: int, name: str) -> bytes:
    try:
        return os.pread(descriptor, count, 0)
    except OSError as err:
        raise unreadable(err, name) from err


def _other_length(name: str, count: int, expected: int) -> ArtifactChangedError:
    return changed(name, "it became shorter" if count < expected else "it became longer, or gives more bytes than its size says")


def read_at(descriptor: int, buffer: memoryview, offset: int, name: str, *, enough: int | None = None) -> int:
    """Fill the buffer from this offset and return how many bytes there were, fewer only at the end of the file.

    With ``enough``, stop once that many have been read. Raises ArtifactError when the read fails.
    """
    enough = len(buffer) if enough is None else enough
    filled = 0
    try:
        while count := os.preadv(descriptor, [buffer[filled:] if filled else buffer], offset + filled):
            filled += count
            if filled >= enough:
                break
    except OSError as err:
        raise unreadable(err, name) from err
    return filled
