"""Scans that go on record: an artifact is scanned while it holds still, what persons accepted is taken into account, and the result becomes a statement.

Rules kept: bytes that changed between being measured and being scanned are nobody's; a scan is only saved from being done again by a statement that the
very key made which would sign now; the process that scans never sees a key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates, scans
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.attestation import Statement, Subject
from jupyter_mlsc.errors import ArtifactChangedError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.format_choice import identify_path
from jupyter_mlsc.judging import whole_digest
from jupyter_mlsc.policy import Evidence
from jupyter_mlsc.scan.finding import Finding, passes
from jupyter_mlsc.scan.identity import scanner_digest
from jupyter_mlsc.scan.process import ScanProcess
from jupyter_mlsc.transfer import OpenedFile, wrap_os_error
from jupyter_mlsc.tree_walk import IGNORED

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState

ENTRY_KIND = scans.ENTRY_KIND
BASELINE_KIND = "baseline"


@dataclass(frozen=True, slots=True)
class ArtifactScan:
    """What a scan of an artifact found; ``accepted`` are codes that persons accepted for these bytes. ``known`` where an earlier scan says that it passed."""

    findings: tuple[Finding, ...]
    accepted: frozenset[str] = frozenset()
    known: bool = False

    @property
    def ok(self) -> bool:
        """True when nothing that is not accepted is `high` or worse."""
        return passes(each for each in self.findings if each.code not in self.accepted)


class Measured:
    """Which files were measured, by what the kernel knows them by: a path may lead to another one by the time that it is scanned. A `digests.Memory`."""

    def __init__(self) -> None:
        self._digests: dict[FileIdentity, str | None] = {}

    def recall(self, identities: Sequence[FileIdentity]) -> Sequence[Measurement | None]:
        """Nothing: it is here to see what is measured now."""
        return [None] * len(identities)

    def learn(self, measured: Iterable[tuple[FileIdentity, Measurement]]) -> None:
        """Take note of it."""
        self._digests.update((identity, each.sha256) for identity, each in measured)

    def require(self, opened: OpenedFile, digest: str | None) -> None:
        """Raise ArtifactChangedError unless an open file was measured as it is now, and had this SHA-256."""
        if digest is None or self._digests.get(FileIdentity.of(opened.status)) != digest:
            raise _replaced(opened.path)


def _replaced(path: Path) -> ArtifactChangedError:
    return ArtifactChangedError(
        f"{path} was replaced between being measured and being looked at", next_step="wait until its writer is done, then repeat the command"
    )


@contextmanager
def held_still(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """A block in which these files, and those in these folders, must not change. Raises ArtifactChangedError at its end."""
    before = {path: _state(path) for path in paths}
    yield tuple(before)
    for path, state in before.items():
        if _state(path) != state:
            raise ArtifactChangedError(f"{path} changed while it was scanned", next_step="wait until its writer is done, then repeat the command")


def _state(path: Path) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for each in files_of(path):
        try:
            status = each.stat()
        except OSError as err:
            raise wrap_os_error(err, each, "read") from err
        found[os.fspath(each)] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def files_of(path: Path) -> list[Path]:
    """The file itself, or every file of a folder as a signed tree has it."""
    if not path.is_dir():
        return [path]
    return sorted(each for each in path.rglob("*") if each.is_file())


def is_asked_for(project: ProjectState, name: str, path: Path) -> bool:
    """Whether an artifact is scanned before somebody stands for it: a rule asks for it, loading it can run code, or it is not what its name says."""
    if project.policy.requires_scan(name):
        return True
    if path.is_dir():
        return False
    identified = identify_path(name, path)
    return identified.mismatch or any(each is not None and each.runs_code for each in (identified.named, identified.found))


def scan_files(
    project: ProjectState, artifacts: Mapping[Path, Measurement], seen: Measured | None, called: str | None = None
) -> dict[Path, tuple[Finding, ...]]:
    """Findings on artifacts, each a file or a folder; the path of a finding is the file's name in the folder, and empty for the artifact itself.

    ``seen`` is what they were measured with, where others than this process could have put something else there since; ``called`` is what a file will be
    called that lies under another name yet. Raises ArtifactChangedError.
    """
    found: dict[Path, tuple[Finding, ...]] = {}
    if not artifacts:
        return found
    with ScanProcess(allow=project.policy.unpickle_allow, indexes=project.policy.install_indexes) as process:
        for path, measured in artifacts.items():
            findings: list[Finding] = []
            digests = {"": measured.sha256} if measured.manifest is None else {line.name: line.sha256 for line in measured.manifest}
            left = set(digests)
            for file in files_of(path):
                inner = file.relative_to(path).as_posix() if file != path else ""
                left.discard(inner)
                with OpenedFile(file) as opened:
                    # What a tree leaves out is scanned all the same, though nobody stands for it.
                    if seen is not None and (inner in digests or inner.split("/")[0] not in IGNORED):
                        seen.require(opened, digests.get(inner))
                    # The scan judges by the name too, and finds the same whatever folder the project lies in.
                    findings += [each._replace(path=inner) for each in process.scan(called if called and not inner else file.name, opened.descriptor)]
            if seen is not None and left:
                raise _replaced(path / min(left))
            found[path] = tuple(findings)
    return found


def scan_of_output(project: ProjectState, name: str, path: Path, measured: Measurement, descriptor: int | None = None) -> Statement:
    """What a scan finds in what a run has written, for its rule asks for one. ``descriptor`` is the file, where it is open; ``path`` may be a folder.

    Raises ArtifactError, MlscError.
    """
    if descriptor is None:
        found = scan_files(project, {path: measured}, None, os.path.basename(name))[path]
    else:
        with ScanProcess(allow=project.policy.unpickle_allow) as process:
            found = tuple(each._replace(path="") for each in process.scan(os.path.basename(name), descriptor))
    return scan_statement(project, name, measured, ArtifactScan(found, accepted_codes(project, name, path, measured)), project.clock())


def known_scan(project: ProjectState, name: str, path: Path, measured: Measurement, key: str) -> bool:
    """Whether this very key has said that these bytes passed this very scanner."""
    scanner = scanner_digest(project.policy.unpickle_allow, project.policy.install_indexes)
    claims = project.gatherer.gather(name, path, measured).claims
    return any(
        claim.predicate_type == scans.TEST_RESULT
        and claim.scanned == scans.PASSED
        and claim.scanner == scanner
        and key in claim.keys
        and claim.name == name
        and claim.project == project.project_id
        and claim.is_about(measured)
        for claim in claims
    )


def accepted_codes(project: ProjectState, name: str, path: Path, measured: Measurement) -> frozenset[str]:
    """Codes of findings that persons of the policy accepted for these bytes under this name."""
    claims = project.gatherer.gather(name, path, measured).claims
    if not any(claim.decision == scans.ACCEPTED for claim in claims):
        return frozenset()
    revocations, _ = project.gatherer.revocations_of(measured, measured.digest, claims)
    evidence = Evidence(name, project.project_id, measured, claims, revocations=revocations)
    return project.policy.accepted_findings(evidence, project.clock())


def scans_of(project: ProjectState, artifacts: Mapping[str, tuple[Path, Measurement]], key: str, seen: Measured) -> dict[str, ArtifactScan]:
    """Scan artifacts, by name, that were measured with ``seen`` in the same block of `held_still`; those that this key knows to pass are not scanned again.

    Raises ArtifactChangedError.
    """
    known = {name for name, (path, measured) in artifacts.items() if known_scan(project, name, path, measured, key)}
    found = scan_files(project, {path: measured for name, (path, measured) in artifacts.items() if name not in known}, seen)
    return {
        name: ArtifactScan((), known=True) if name in known else ArtifactScan(found[path], accepted_codes(project, name, path, measured))
        for name, (path, measured) in artifacts.items()
    }


def scan_statement(project: ProjectState, name: str, measured: Measurement, made: ArtifactScan, at: datetime) -> Statement:
    """test-result v0.1: what a scan of these bytes under this name found."""
    facts = scans.ScanFacts(
        name,
        project.project_id,
        measured.size,
        at,
        scanner_digest(project.policy.unpickle_allow, project.policy.install_indexes),
        predicates.content_tree(measured),
        predicates.file_lines(measured),
        tuple(scans.FindingBody(each.code, str(each.severity), each.path, each.where) for each in made.findings),
    )
    body = scans.scan_body(facts, sorted(made.accepted))
    return Statement((Subject(name, whole_digest(measured).in_toto()),), scans.TEST_RESULT, predicates.to_predicate(body))


def told(findings: Sequence[Finding]) -> str:
    """The findings that fail, in a phrase."""
    worst = [each for each in findings if each.severity.fails]
    first = f"{worst[0].message} [{worst[0].code}]" if worst else ""
    return first if len(worst) < 2 else f"{first}, and {len(worst) - 1} more"
