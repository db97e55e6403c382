"""Scanning: every file that is named, or lies below a folder that is named, is looked at in a process that holds no key.

Rules kept: a file is opened once, measured and scanned from that descriptor, and held still meanwhile; links inside a folder are not followed, since
what they lead to is another file; outside a project nothing is recorded.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jupyter_mlsc.errors import ArtifactChangedError, ArtifactMissingError
from jupyter_mlsc.scan.finding import Finding, Scanned
from jupyter_mlsc.scan.limits import DEFAULT, Limits
from jupyter_mlsc.scan.process import AHEAD, ScanProcess
from jupyter_mlsc.transfer import OpenedFile, wrap_os_error

if TYPE_CHECKING:
    from jupyter_mlsc.artifacts import Measurement
    from jupyter_mlsc.project_state import ProjectState

_PASSED_OVER = frozenset({".git", ".mlsc", "__pycache__", "node_modules", ".ipynb_checkpoints"})
"""Folders below a named one that hold no artifacts. Naming one of them scans it."""


class _File(NamedTuple):
    path: Path
    shown: str
    size: int


def scan(
    paths: Sequence[Path],
    *,
    project: ProjectState | None = None,
    also: frozenset[str] = frozenset(),
    limits: Limits = DEFAULT,
    progress: Callable[[int, int], None] | None = None,
) -> Scanned:
    """Findings on files and on all files of folders; in a project, what it governs goes on record, and what persons accepted is told apart.

    Raises ArtifactError for what cannot be read, ArtifactMissingError for what is not there.
    """
    files = list({each.path: each for path in paths for each in _files(path)}.values())
    allow, indexes = (frozenset[str](), frozenset[str]()) if project is None else (project.policy.unpickle_allow, project.policy.install_indexes)
    findings: list[Finding] = []
    accepted: list[Finding] = []
    whole, done = sum(each.size for each in files), 0
    with ScanProcess(limits, allow, also, indexes) as scanning, contextlib.closing(_handed_over(files, scanning)) as handed:
        for each, opened in handed:
            if progress is not None:
                progress(done, whole)
            done += each.size
            # It is hashed while it is scanned, on another core.
            measured = None if project is None else _measured(project, each.path, opened)
            found = scanning.next_findings()
            opened.require_unchanged()
            if not os.path.samestat(os.stat(each.path), opened.status):
                raise ArtifactChangedError(f"{each.path} was replaced while it was scanned", next_step="wait until its writer is done, then scan it again")
            known = frozenset[str]() if project is None or measured is None else _recorded(project, each.path, measured, found)
            findings += [one for one in found if one.code not in known]
            accepted += [one for one in found if one.code in known]
    if progress is not None:
        progress(whole, whole)
    return Scanned(tuple(findings), len(files), accepted=tuple(accepted))


def _handed_over(files: Iterable[_File], scanning: ScanProcess) -> Generator[tuple[_File, OpenedFile]]:
    """Each file, open and handed over, as the next ones are by then; it is let go when the next one is asked for."""
    left, ahead = iter(files), deque[tuple[_File, OpenedFile]]()
    try:
        while True:
            for each in itertools.islice(left, AHEAD - len(ahead)):
                opened = OpenedFile(each.path)
                ahead.append((each, opened))
                scanning.hand_over(each.shown, opened.descriptor)
            if not ahead:
                return
            yield ahead[0]
            ahead.popleft()[1].close()
    finally:
        for _, opened in ahead:
            opened.close()


def _measured(project: ProjectState, path: Path, opened: OpenedFile) -> Measurement | None:
    """What the open file is measured to be, where a scan of it goes on record: by its path it could be another one."""
    if project.trust.state == "untrusted" or not project.is_governed(path):
        return None
    from jupyter_mlsc.digests import measure_descriptor

    return measure_descriptor(opened.descriptor, name=os.fspath(path))


def _recorded(project: ProjectState, path: Path, measured: Measurement, found: tuple[Finding, ...]) -> frozenset[str]:
    """Put a scan of a governed file on record, signed with the run key; the codes that persons accepted for its bytes."""
    from jupyter_mlsc.artifact_scans import ENTRY_KIND, ArtifactScan, accepted_codes, scan_statement
    from jupyter_mlsc.attestation import seal
    from jupyter_mlsc.bookkeeping import entry_of
    from jupyter_mlsc.judging import whole_digest

    target = project.target(path)
    known = accepted_codes(project, target.asked, path, measured)
    here = tuple(each._replace(path="") for each in found)
    at = project.gatherer.later_than_all(target.asked, project.clock())
    statement = scan_statement(project, target.asked, measured, ArtifactScan(here, known), at)
    envelope = seal(statement, [project.run_signer])
    digest = whole_digest(measured)
    project.books.append([entry_of(ENTRY_KIND, envelope, statement.predicate_type, [(target.asked, digest)], at)])
    project.books.file_claim(digest, envelope)
    return known


def _files(path: Path) -> Iterator[_File]:
    if not os.path.lexists(path):
        raise ArtifactMissingError(f"{path} does not exist", next_step="check the path; it is taken relative to the working directory")
    if not path.is_dir():
        yield _File(path, os.fspath(path), path.lstat().st_size)
        return
    try:
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as err:
        raise wrap_os_error(err, path, "read") from err
    for entry in found:
        inner = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _PASSED_OVER:
                yield from _files(inner)
        elif entry.is_file(follow_symlinks=False):
            yield _File(inner, os.fspath(inner), entry.stat(follow_symlinks=False).st_size)
