"""Profiles of what is about to be signed, or was saved, and the statements about them.

Rules kept: a profile is of the very bytes that are signed: the file's identity and times are the same from before it is hashed until after it was
parsed, and of what was saved the SHA-256 that was parsed is the one that was recorded; what cannot be parsed costs the profile and nothing else.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.errors import FormatError, MissingLibraryError
from jupyter_mlsc.file_identity import FileIdentity, changed, status_of
from jupyter_mlsc.format_choice import identify_here
from jupyter_mlsc.judging import kind_of, whole_digest
from jupyter_mlsc.predicates import to_predicate
from jupyter_mlsc.profiles import PROFILE, DatasetFacts, ProfileBody
from jupyter_mlsc.scan.datasets.behind import SavedBytes
from jupyter_mlsc.scan.datasets.looking import Asked, Looked, reading_of
from jupyter_mlsc.transfer import OpenedFile

if TYPE_CHECKING:
    from jupyter_mlsc.keys import Signer
    from jupyter_mlsc.project_state import ProjectState


@dataclass(frozen=True, slots=True)
class Profiled:
    """A profile that may be signed, or why there is none; neither where none is wanted, or no file of this format has one."""

    looked: Looked | None = None
    problem: str = ""

    @property
    def facts(self) -> DatasetFacts | None:
        """What the profile says."""
        return None if self.looked is None else self.looked.facts

    def sealed(self, project: ProjectState, name: str, digest: Digest, size: int, at: datetime, channel: str, signer: Signer) -> Envelope | None:
        """The signed statement; the digests of rows are on the disk when this returns. Raises ArtifactError."""
        if self.looked is None:
            return None
        return seal(profile_statement(profile_body(project, name, size, at, channel, self.looked), digest), [signer])


def profile_body(project: ProjectState, name: str, size: int, at: datetime, channel: str, looked: Looked) -> ProfileBody:
    """What profile/v1 says of a data set; the digests of its rows are on the disk when this returns. Raises ArtifactError."""
    rows = project.yardsticks.folder.put(looked.rows, looked.block) if looked.rows else None
    return ProfileBody(name, project.project_id, at, channel, size, looked.facts, rows)


def profile_statement(body: ProfileBody, digest: Digest) -> Statement:
    """profile/v1 about a data set of this digest."""
    return Statement((Subject(body.name, digest.in_toto()),), PROFILE, to_predicate(body))


class _Profiles:
    """The profiles of some files, each made once. In the calling thread, since a guard watches by thread."""

    def __init__(self, project: ProjectState, require: Callable[[OpenedFile, str | None], None]) -> None:
        self._project = project
        self._require = require
        self._made: dict[tuple[Path, Asked], Profiled] = {}

    def of(self, name: str, kind: str, path: Path, measured: Measurement) -> Profiled:
        """The profile of a file or folder under one of its names. Raises ArtifactChangedError where it is of other bytes than were measured."""
        asked = self._project.yardsticks.asked(name)
        if asked is None or kind != "dataset":
            return Profiled()
        found = self._made.get((path, asked))
        if found is None:
            found = self._made[path, asked] = self._make(name, path, asked, measured)
        if found.looked is not None and not found.looked.are_the_images_of((line.name, line.sha256) for line in measured.manifest or ()):
            raise changed(str(path), "a file in it was written to")
        return found

    def _make(self, name: str, path: Path, asked: Asked, measured: Measurement) -> Profiled:
        try:
            return Profiled(self._project.yardsticks.profile(name, path, asked, lambda opened: self._require(opened, measured.sha256)))
        except FormatError as err:
            return Profiled(problem=str(err))
        except MissingLibraryError:
            return Profiled()


@contextlib.contextmanager
def dataset_profiles(project: ProjectState, paths: Sequence[Path], require: Callable[[OpenedFile, str | None], None]) -> Iterator[_Profiles]:
    """A block in which profiles of these files are made. Raises ArtifactChangedError at its end for a file that changed meanwhile.

    ``require`` raises for an open file that is not the one which was measured and had this SHA-256.
    """
    before = {path: status_of(str(path), str(path)) for path in paths}
    yield _Profiles(project, require)
    for path, status in before.items():
        if not stat.S_ISDIR(status.st_mode) and FileIdentity.of(status_of(str(path), str(path))) != FileIdentity.of(status):
            raise changed(str(path), "it was written to, or its metadata was changed")


def begin_profile(project: ProjectState, name: str, path: Path, measured: Measurement, families: frozenset[str]) -> None:
    """Begin to make the profile of a governed data set that a run has saved; `verbs.settling` records it once it is made.

    Nobody waits for it: what cannot be started costs the profile. A folder has none until a person signs it.
    """
    if measured.is_tree or not project.policy.governs(name) or kind_of(project.policy, name, families) != "dataset":
        return
    asked, reading = project.yardsticks.asked(name), reading_of(identify_here(name, path).format)
    if asked is None or reading is None:
        return
    with OpenedFile(path) as opened, contextlib.suppress(OSError):
        project.behind.begin(SavedBytes(name, whole_digest(measured), measured.size, project.clock()), reading, opened.descriptor, asked)
