"""From bytes to what they are: the digests of files, directory trees, streams, descriptors and buffers.

Rules kept here: always all the bytes; a file or tree that does not hold still while it is read has no digest; several files are hashed
at once on several threads. A tree's digest is in-toto's ``dirHash`` (``Hash1`` of golang.org/x/mod/sumdb/dirhash): SHA-256 over the
lines ``<sha256 hex><two spaces><name>\\n`` of its files, sorted by name in code point order, as ``sha256sum -z`` prints them.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256 as new_sha256
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jupyter_mlsc.artifacts import ManifestLine, Measurement
from jupyter_mlsc.block_hashing import (
    CONTENT_BLOCK,
    BlockHashing,
    DescriptorSource,
    Hashes,
    MemorySource,
    Meter,
    Progress,
    Readable,
    Source,
    StreamSource,
    hash_alone,
    require_end,
    run_together,
    usable_threads,
)
from jupyter_mlsc.file_identity import FileIdentity, open_same, require_regular, require_same, require_utf8, status_of, unreadable
from jupyter_mlsc.tree_walk import Tree, open_tree, require_same_tree, walk

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["CONTENT_BLOCK", "Memory", "Progress", "manifest_digest", "measure", "measure_bytes", "measure_descriptor", "measure_many", "measure_stream"]

_SHARED_FROM = 4 * CONTENT_BLOCK
"""Files of this many bytes and more may be hashed by several threads at once; below, starting threads costs more than it gains."""


_name = attrgetter("name")


class Memory(Protocol):
    """What was measured before, for callers that may trust it; see `jupyter_mlsc.digest_cache`."""

    def recall(self, identities: Sequence[FileIdentity]) -> Sequence[Measurement | None]:
        """What is known of each file in this very state, or None."""

    def learn(self, measured: Iterable[tuple[FileIdentity, Measurement]]) -> None:
        """Take note of what was measured."""


def measure(
    path: str | os.PathLike[str],
    *,
    sha256: bool = True,
    content_tree: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
    memory: Memory | None = None,
) -> Measurement:
    """Measure a file or a directory tree; a tree always by ``dirhash``, whatever ``sha256`` and ``content_tree`` say.

    ``progress(bytes_done, bytes_total)`` is called on this thread: at the start, at most every 50 ms, and at the end; what it raises
    ends the work. ``threads`` defaults to the cores that this process may use. Nothing is recalled unless ``memory`` is given.
    Raises ArtifactMissingError, ArtifactChangedError (it did not hold still) or ArtifactError, each naming the path at fault.
    """
    return measure_many([path], sha256=sha256, content_tree=content_tree, progress=progress, threads=threads, memory=memory)[Path(path)]


def measure_many(
    paths: Iterable[str | os.PathLike[str]],
    *,
    sha256: bool = True,
    content_tree: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
    memory: Memory | None = None,
) -> dict[Path, Measurement]:
    """Measure several files and trees at once, as `measure` does each; the first error ends all."""
    _require_wish(sha256, content_tree)
    targets: dict[Path, _File | _Folder] = {}
    try:
        for path in dict.fromkeys(map(Path, paths)):
            name = os.fspath(path)
            require_utf8(name)
            status = status_of(name, name)
            if stat.S_ISDIR(status.st_mode):
                targets[path] = _Folder(name, memory)
            else:
                require_regular(status, name)
                targets[path] = _File(_Job(name, name, None, None, FileIdentity.of(status)), sha256, content_tree, memory)
        _work_off([job for target in targets.values() for job in target.jobs], progress, threads)
        return {path: target.measurement() for path, target in targets.items()}
    finally:
        for target in targets.values():
            target.close()


def measure_descriptor(
    descriptor: int,
    *,
    sha256: bool = True,
    content_tree: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
    memory: Memory | None = None,
    name: str | None = None,
) -> Measurement:
    """Measure a regular file by its open descriptor, whose offset is left alone; ``name`` stands in messages. Raises as `measure` does."""
    _require_wish(sha256, content_tree)
    name = name or f"descriptor {descriptor}"
    try:
        status = os.fstat(descriptor)
    except OSError as err:
        raise unreadable(err, name) from err
    require_regular(status, name)
    target = _File(_Job(name, name, None, descriptor, FileIdentity.of(status)), sha256, content_tree, memory)
    _work_off(target.jobs, progress, threads)
    return target.measurement()


def measure_stream(
    stream: Readable,
    *,
    sha256: bool = True,
    content_tree: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
    name: str = "the stream",
) -> Measurement:
    """Measure what a stream gives until it ends, in constant memory. ``progress`` gets 0 for the total, which is not known.

    Raises ArtifactError, which says ``name``, when reading fails.
    """
    _require_wish(sha256, content_tree)
    meter = Meter(progress, 0)
    hashes = _hash_together(StreamSource(stream, name), sha256, content_tree, usable_threads(threads), meter)
    meter.finish()
    return Measurement(meter.done, hashes.sha256, hashes.content_root)


def measure_bytes(
    data: Buffer,
    *,
    sha256: bool = True,
    content_tree: bool = True,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Measurement:
    """Measure bytes in memory, without a copy. ``data`` is anything contiguous with the buffer protocol; nobody may write to it meanwhile."""
    _require_wish(sha256, content_tree)
    view = memoryview(data)
    view = view.cast("B") if view.nbytes else memoryview(b"")
    meter = Meter(progress, len(view))
    hashes = _hash_together(MemorySource(view), sha256, content_tree, usable_threads(threads) if len(view) >= _SHARED_FROM else 1, meter)
    meter.finish()
    return Measurement(len(view), hashes.sha256, hashes.content_root)


def manifest_digest(lines: Iterable[ManifestLine]) -> str:
    """Hex ``dirhash`` of a manifest: SHA-256 over its lines, sorted by name. Raises ValueError for a name with a newline, or one twice."""
    whole = new_sha256()
    last: str | None = None
    for line in sorted(lines, key=_name):
        if "\n" in line.name or line.name == last:
            raise ValueError(f"a manifest cannot hold this name, or not twice: {line.name!r}")
        whole.update(f"{line.sha256}  {line.name}\n".encode())
        last = line.name
    return whole.hexdigest()


@dataclass(slots=True)
class _Job:
    """One regular file to hash: by descriptor, or by a path that is opened when its turn comes."""

    name: str
    path: str
    directory: int | None
    descriptor: int | None
    identity: FileIdentity
    sha256: bool = True
    content_tree: bool = False
    hashes: Hashes = field(default_factory=lambda: Hashes(None, None))

    def hash_by(self, way: Callable[[_Job, int], Hashes | None]) -> None:
        """Hash the file in this way, which gets the job and a descriptor, and see to it that the file was the same before and after."""
        descriptor = self.descriptor
        if descriptor is None:
            descriptor = open_same(self.path, self.identity, self.name, self.directory)
        try:
            hashes = way(self, descriptor)
            if hashes is not None:
                if self.directory is None:  # the files of a tree are all looked at again when the last one is hashed
                    require_same(descriptor, self.identity, self.name)
                self.hashes = hashes
        finally:
            if self.descriptor is None:
                os.close(descriptor)


class _File:
    """A file to be measured: what is known of it, and the job for the rest."""

    def __init__(self, job: _Job, sha256: bool, content_tree: bool, memory: Memory | None) -> None:
        self._job = job
        self._memory = memory
        self._known = (memory.recall([job.identity])[0] if memory else None) or Measurement(job.identity.size)
        job.sha256 = sha256 and self._known.sha256 is None
        job.content_tree = content_tree and self._known.content_root is None
        self.jobs = [job] if job.sha256 or job.content_tree else []

    def measurement(self) -> Measurement:
        """What was known and what was computed, together."""
        if not self.jobs:
            return self._known
        hashes = self._job.hashes
        measured = Measurement(self._known.size, hashes.sha256 or self._known.sha256, hashes.content_root or self._known.content_root)
        if self._memory is not None:
            self._memory.learn([(self._job.identity, measured)])
        return measured

    def close(self) -> None:
        """Nothing is held."""


class _Folder:
    """A tree to be measured: its walk, and a job for each file that is not known."""

    def __init__(self, path: str, memory: Memory | None) -> None:
        self._path = path
        self._memory = memory
        self._root = open_tree(path)
        try:
            self._tree: Tree = walk(self._root, path)
            names, identities = list(self._tree.files), list(self._tree.files.values())
            known = memory.recall(identities) if memory else [None] * len(names)
        except BaseException:
            os.close(self._root)
            raise
        self._known = {name: found.sha256 for name, found in zip(names, known, strict=True) if found is not None and found.sha256 is not None}
        self._unknown = {
            name: _Job(f"{path}/{name}", name, self._root, None, identity) for name, identity in self._tree.files.items() if name not in self._known
        }
        self.jobs = list(self._unknown.values())

    def measurement(self) -> Measurement:
        """The manifest and its digest, once the tree is seen to be as it was; where nothing was hashed no time has passed."""
        if self.jobs:
            require_same_tree(self._tree, walk(self._root, self._path), self._path)
        digests = dict(self._known)
        for name, job in self._unknown.items():
            if job.hashes.sha256 is None:
                raise RuntimeError(f"not hashed: {job.name}")
            digests[name] = job.hashes.sha256
        files = self._tree.files
        lines = [ManifestLine(name, digest, files[name].size) for name, digest in digests.items()]
        lines += [ManifestLine(name, digests[target], files[target].size) for name, target in self._tree.links.items()]
        manifest = tuple(sorted(lines, key=_name))
        if self._memory is not None:
            self._memory.learn([(job.identity, Measurement(job.identity.size, job.hashes.sha256)) for job in self.jobs])
        return Measurement(sum(line.size for line in manifest), dirhash=manifest_digest(manifest), manifest=manifest)

    def close(self) -> None:
        """Let the tree's directory go."""
        os.close(self._root)


class _Queue:
    """Files for several threads, each of which takes the next one for itself."""

    def __init__(self, jobs: Sequence[_Job], meter: Meter) -> None:
        self._jobs = deque(jobs)
        self._largest = max((job.identity.size for job in jobs), default=0)
        self._meter = meter
        self._stopped = threading.Event()

    def run(self, tick: Callable[[], None]) -> None:
        """Hash files until none is left."""
        buffer = memoryview(bytearray(min(self._largest + 1, CONTENT_BLOCK)))

        def counted(count: int) -> bool:
            self._meter.add(count)
            tick()
            return not self._stopped.is_set()

        def alone(job: _Job, descriptor: int) -> Hashes | None:
            return hash_alone(descriptor, job.identity.size, job.name, sha256=job.sha256, content_tree=job.content_tree, buffer=buffer, tick=counted)

        while not self._stopped.is_set():
            try:
                job = self._jobs.popleft()
            except IndexError:
                return
            job.hash_by(alone)

    def stop(self) -> None:
        """Make every thread return after its block."""
        self._stopped.set()


def _work_off(jobs: Sequence[_Job], progress: Progress | None, threads: int | None) -> None:
    """Hash all: a file that outweighs the rest by all threads together, the others each by one thread, the largest first."""
    usable = usable_threads(threads)
    left = sum(job.identity.size for job in jobs)
    meter = Meter(progress, left)
    waiting = deque(sorted(jobs, key=lambda job: -job.identity.size))

    def shared(job: _Job, descriptor: int) -> Hashes:
        source = DescriptorSource(descriptor, job.identity.size, job.name)
        hashes = _hash_together(source, job.sha256, job.content_tree, usable, meter)
        require_end(descriptor, job.identity.size, job.name)
        return hashes

    while waiting and _is_shared(waiting[0], left, len(waiting), usable):
        job = waiting.popleft()
        job.hash_by(shared)
        left -= job.identity.size
    if waiting:
        run_together(_Queue(waiting, meter), min(usable, len(waiting), 1 + left // _SHARED_FROM), meter)
    meter.finish()


def _is_shared(job: _Job, left: int, waiting: int, threads: int) -> bool:
    """Whether all threads do better on this file together; the serial hash alone gains only by being read ahead."""
    outweighs = waiting == 1 or (job.content_tree and job.identity.size * threads > left)
    return threads > 1 and job.identity.size >= _SHARED_FROM and outweighs


def _hash_together(source: Source, sha256: bool, content_tree: bool, threads: int, meter: Meter) -> Hashes:
    # The serial hash is one thread's work at a time; beside it, reading and the leaves keep one and two others busy.
    useful = (3 if content_tree else 2) if sha256 else threads
    hashing = BlockHashing(source, sha256=sha256, content_tree=content_tree, threads=min(threads, useful), meter=meter)
    run_together(hashing, min(threads, useful), meter)
    return hashing.hashes()


def _require_wish(sha256: bool, content_tree: bool) -> None:
    if not (sha256 or content_tree):
        raise ValueError("neither digest was asked for")
