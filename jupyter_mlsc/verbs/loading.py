"""Loading: open once, measure, ask the policy, record, and only then hand on exactly the bytes that were judged.

Rules kept: a file that can run code while it loads, and any small file, is copied into memory first and judged there; a large inert file
is parsed from the descriptor that is being measured, and the result is released only if the verdict allows it and the file held still;
what was unpickled without a person's signature passed the allowlist. A load that cannot be recorded fails in `enforce`.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from jupyter_mlsc import formats
from jupyter_mlsc.accounts import settle_read
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.block_hashing import usable_threads
from jupyter_mlsc.digest_cache import measure_cached
from jupyter_mlsc.digests import measure, measure_bytes, measure_descriptor
from jupyter_mlsc.errors import ArtifactError, FormatError, MlscError, UsageError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.format_choice import families_of, format_to_load, identify_to_load, mismatch_faults
from jupyter_mlsc.judging import Target
from jupyter_mlsc.private_copy import SEALED_FROM, copy_privately
from jupyter_mlsc.results import Loaded
from jupyter_mlsc.transfer import PRIVATE_COPY_LIMIT, OpenedFile, wrap_os_error
from jupyter_mlsc.verdict import Mode, Reason, Verdict, reason, with_reason

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Run


def load(project: ProjectState, path: Path, run: Run, *, format_name: str | None) -> Loaded:
    """Load an artifact. Raises BlockedArtifactError, ArtifactError, FormatError, MissingLibraryError, LedgerError."""
    target = project.target(path)
    if _is_folder(target.path):
        value, verdict = _load_folder(project, target, run, format_name)
    else:
        with OpenedFile(target.path) as opened:
            value, verdict = _load_file(project, target, opened, run, format_name)
    return Loaded(value, verdict)


def open_verified(project: ProjectState, path: Path, run: Run) -> tuple[BinaryIO, Verdict]:
    """A stream over a private copy of the bytes that were judged: in memory, or in an unnamed temporary file where they are many."""
    target = project.target(path)
    if _is_folder(target.path):
        raise ArtifactError(f"{path} is a folder, which cannot be opened as a file", next_step="open one of its files, or load it: mlsc.load")
    with OpenedFile(target.path) as opened:
        identified = identify_to_load(target.asked, opened)
        families, faults = families_of(identified), mismatch_faults(identified, target.asked)
        if opened.size <= PRIVATE_COPY_LIMIT:
            data = opened.private_copy()
            verdict = _judge(project, target, lambda whole: measure_bytes(data, sha256=whole), families, run, faults)
            settle_read(project, verdict, run)
            return io.BytesIO(data), verdict
        copy = tempfile.TemporaryFile(prefix="mlsc-")  # noqa: SIM115  # handed to the caller
        with opened.stream() as source:
            shutil.copyfileobj(source, copy, 16 << 20)
        copy.flush()
        opened.require_unchanged()
        verdict = _judge(project, target, lambda whole: measure_descriptor(copy.fileno(), sha256=whole, name=str(path)), families, run, faults)
        settle_read(project, verdict, run)
        copy.seek(0)
        return copy, verdict


def _load_file(project: ProjectState, target: Target, opened: OpenedFile, run: Run, format_name: str | None) -> tuple[object, Verdict]:
    identified = identify_to_load(target.asked, opened)
    chosen = format_to_load(identified, target.asked, format_name)
    # What it is loaded as counts too: bytes that nothing tells to be a pickle are one to whoever unpickles them.
    families, faults = families_of(identified) | chosen.families, mismatch_faults(identified, target.asked)
    if chosen.runs_code or opened.size <= PRIVATE_COPY_LIMIT:
        # The copy is of a file that held still while it was made, so what the cache knows of that state is true of the copy.
        known = project.digest_cache.get(opened.status, time.time_ns())
        if known is not None and known.content_root is None:
            known = None
        with _preparing(project, run) if opened.size >= SEALED_FROM else contextlib.nullcontext():
            copy = copy_privately(opened, measured=known is None)
        if copy.measured is not None:
            project.digest_cache.put(opened.status, copy.measured, time.time_ns())

        def measure_copy(whole: bool) -> Measurement:
            found = known or copy.measured
            if found is not None and (found.sha256 is not None or not whole):
                return found
            measured = measure_bytes(copy.data, sha256=whole)
            project.digest_cache.put(opened.status, measured, time.time_ns())
            return measured

        with copy.sealed or contextlib.nullcontext():
            verdict = _judge(project, target, measure_copy, families, run, faults)
            settle_read(project, verdict, run)
            return _parse(project, chosen, formats.Source(target.asked, data=copy.data, sealed=copy.sealed), verdict), verdict
    return _load_overlapped(project, target, opened, chosen, families, faults, run)


def _load_overlapped(
    project: ProjectState,
    target: Target,
    opened: OpenedFile,
    chosen: formats.Format,
    families: frozenset[str],
    faults: tuple[Reason, ...],
    run: Run,
) -> tuple[object, Verdict]:
    """Parse a large inert file while its digest is computed; nothing of the result leaves before the verdict."""

    def measure_open(whole: bool) -> Measurement:
        # One core is the parser's.
        threads = max(1, usable_threads(None) - 1)
        return measure_cached(opened.descriptor, project.digest_cache, time.time_ns(), sha256=whole, threads=threads)

    value: object = None
    problem: MlscError | None = None
    with _preparing(project, run), ThreadPoolExecutor(1, thread_name_prefix="mlsc-digest") as pool:
        measuring = pool.submit(measure_open, False)
        try:
            with opened.stream() as stream:
                value = chosen.load(formats.Source(target.asked, file=stream), lifted=False, allow=frozenset())
        except MlscError as err:
            problem = err  # the verdict comes first: a blocked file's parse errors are nobody's business
        measured = measuring.result()
    verdict = _judge(project, target, lambda whole: measure_open(True) if whole else measured, families, run, faults)
    if not opened.is_unchanged():
        verdict = with_reason(verdict, reason("tampered-in-use", name=target.asked), Mode.ENFORCE)
    settle_read(project, verdict, run)
    if problem is not None:
        raise problem
    return value, verdict


@contextlib.contextmanager
def _preparing(project: ProjectState, run: Run) -> Iterator[None]:
    """Beside the block, open what the verdict and its record will need. Raises LedgerError."""
    with ThreadPoolExecutor(1, thread_name_prefix="mlsc-prepare") as pool:
        preparing = pool.submit(project.prepare, run)
        yield
        preparing.result()


def _load_folder(project: ProjectState, target: Target, run: Run, format_name: str | None) -> tuple[object, Verdict]:
    identified = formats.identify(target.asked, target.path)
    if identified.format is None and format_name is None:
        raise UsageError(f"{target.asked} is a folder, and not one that is laid out as a model", next_step="load a file in it")
    chosen, faults = format_to_load(identified, target.asked, format_name), mismatch_faults(identified, target.asked)
    before = _states(target.path)
    measured = measure_cached(target.path, project.digest_cache, time.time_ns())
    verdict = _judge(project, target, lambda whole: measured, families_of(identified) | chosen.families, run, faults)
    settle_read(project, verdict, run)
    try:
        # By name, file by file, but nothing in it is run; and what was loaded was judged only if every file held still.
        value = chosen.load(formats.Source(target.asked, folder=target.path), lifted=False, allow=project.policy.unpickle_allow)
    except FormatError:
        if not verdict.person_signed:
            raise
        # It may need code of its own, for which a person stands: that is run from a copy which nobody else can change.
        with tempfile.TemporaryDirectory(prefix="mlsc-") as scratch:
            try:
                copy = shutil.copytree(target.path, Path(scratch) / target.path.name)
            except OSError as err:
                raise wrap_os_error(err, target.path, "copied") from err
            if measure(copy).digest != measured.digest:
                _tampered(project, target, verdict, run)
            return chosen.load(formats.Source(target.asked, folder=copy), lifted=True, allow=frozenset()), verdict
    if _states(target.path) != before or measure_cached(target.path, project.digest_cache, time.time_ns()).digest != measured.digest:
        _tampered(project, target, verdict, run)
    return value, verdict


def _states(folder: Path) -> list[tuple[str, FileIdentity]]:
    """Name, identity and times of all that is in a folder: a file that was swapped and swapped back shows in them, though not in a digest."""
    found = []
    for place, folders, files in os.walk(folder):
        found += [(path, FileIdentity.of(os.lstat(path))) for path in (os.path.join(place, name) for name in (*folders, *files))]
    return sorted(found)


def _tampered(project: ProjectState, target: Target, verdict: Verdict, run: Run) -> None:
    settle_read(project, with_reason(verdict, reason("tampered-in-use", name=target.asked), Mode.ENFORCE), run)


def _judge(
    project: ProjectState,
    target: Target,
    measured: Callable[[bool], Measurement],
    families: frozenset[str],
    run: Run,
    faults: tuple[Reason, ...],
) -> Verdict:
    return project.judge.judge(target, measured(False), lambda: measured(True), families=families, faults=faults, run=run, told=True)


def _parse(project: ProjectState, chosen: formats.Format, source: formats.Source, verdict: Verdict) -> object:
    return chosen.load(source, lifted=verdict.person_signed, allow=project.policy.unpickle_allow)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False  # opening it gives the error with its reason
