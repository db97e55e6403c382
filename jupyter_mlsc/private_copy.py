"""A copy of a large file in memory that nobody can write any more, measured while it is made.

Rules kept: what is measured is what was copied, block by block, never the file again; the copy is sealed before it is handed on (memfd_create(2)
with F_SEAL_WRITE, where the system has that), so that a library may map it; the file held still while it was read, or there is no copy.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.block_hashing import CONTENT_BLOCK, BlockHashing, DescriptorSource, Meter, run_together, usable_threads
from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError
from jupyter_mlsc.transfer import OpenedFile

SEALED_FROM = 4 * CONTENT_BLOCK
"""Files of this many bytes and more get an unnamed file of their own; below, plain memory is quicker."""

_COPIERS = 2
"""Threads that copy where nothing is measured: more do not make memory any faster."""


@dataclass(frozen=True, slots=True)
class PrivateCopy:
    """The bytes in ``data``; ``sealed`` is the same memory as an unnamed file, or None. ``measured`` has the content tree, where that was asked for."""

    data: memoryview
    sealed: BinaryIO | None
    measured: Measurement | None


def copy_privately(opened: OpenedFile, *, measured: bool) -> PrivateCopy:
    """Copy a file into memory; ``measured`` asks for its content tree on the way, where the file is large.

    Raises ArtifactChangedError when the file changes meanwhile, ArtifactError when it cannot be read or does not fit into memory.
    """
    memory = _unnamed_file(opened.size) if opened.size >= SEALED_FROM else None
    if memory is None:
        return PrivateCopy(opened.private_copy(), None, None)
    with contextlib.ExitStack() as undo:
        undo.callback(memory.close)
        source = _CopiedSource(opened, memory.fileno())
        root = _copy_and_measure(source) if measured else None
        if root is None:
            _copy(source)
        opened.require_unchanged()
        _seal(memory.fileno(), opened)
        data = memoryview(mmap.mmap(memory.fileno(), opened.size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ))
        undo.pop_all()
    return PrivateCopy(data, memory, None if root is None else Measurement(opened.size, content_root=root))


class _CopiedSource(DescriptorSource):
    """Blocks of a file, each of which is in the copy before anybody hashes it."""

    def __init__(self, opened: OpenedFile, copy: int) -> None:
        super().__init__(opened.descriptor, opened.size, str(opened.path))
        self._copied_to = copy
        self._shown = f"{opened.path} ({opened.size:,} bytes)"

    def take(self, buffer: memoryview) -> tuple[int, memoryview] | None:
        """Read the next block and keep it. Raises ArtifactChangedError, ArtifactError."""
        taken = super().take(buffer)
        if taken is not None:
            number, block = taken
            written = 0
            while written < len(block):
                try:
                    written += os.pwrite(self._copied_to, block[written:], number * CONTENT_BLOCK + written)
                except OSError as err:
                    step = "load it on a machine with more memory, or save it in a format that cannot run code"
                    raise ArtifactError(f"{self._shown} does not fit into memory: {err.strerror}", next_step=step) from err
        return taken


class _Copying:
    """Copies without measuring, on several threads."""

    def __init__(self, source: _CopiedSource) -> None:
        self._source = source
        self._stopped = False

    def run(self, tick: Callable[[], None]) -> None:
        """Take part until nothing is left."""
        buffer = self._source.buffer()
        while not self._stopped and self._source.take(buffer) is not None:
            tick()

    def stop(self) -> None:
        """Make every thread return after its block."""
        self._stopped = True


def _copy_and_measure(source: _CopiedSource) -> str | None:
    threads, meter = usable_threads(None), Meter(None, 0)
    hashing = BlockHashing(source, sha256=False, content_tree=True, threads=threads, meter=meter)
    run_together(hashing, threads, meter)
    return hashing.hashes().content_root


def _copy(source: _CopiedSource) -> None:
    run_together(_Copying(source), min(_COPIERS, usable_threads(None)), Meter(None, 0))


def _unnamed_file(size: int) -> BinaryIO | None:
    """A file of this size in memory; None where the system has no such files, or no room for one of this size."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        descriptor = os.memfd_create("mlsc-private-copy", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return None  # a sandbox may forbid the call; plain memory does as well
    try:
        os.ftruncate(descriptor, size)
    except OSError:
        os.close(descriptor)
        return None  # RLIMIT_FSIZE counts for files in memory, too
    return os.fdopen(descriptor, "r+b", buffering=0)


def _seal(descriptor: int, opened: OpenedFile) -> None:
    import fcntl

    try:
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except OSError as err:
        # EBUSY: somebody who may look into this process has mapped the copy, to write to it.
        raise ArtifactChangedError(f"the copy of {opened.path} in memory could not be sealed: {err.strerror}", next_step="load it again") from err
