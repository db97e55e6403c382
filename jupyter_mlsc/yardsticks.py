"""Profiles on record: which signed profile a data set is to be compared with, and the comparison.

Rules kept: the newest profile that counts (`policy.yardstick`) is the yardstick, whatever bytes it is of; what is compared is the open file, which
another process parses; digests of rows that are not there make the comparison coarser, and one that was changed ends it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.attestation import Envelope, open_envelope
from jupyter_mlsc.errors import AttestationError, MlscError
from jupyter_mlsc.format_choice import identify_path
from jupyter_mlsc.gathering import Gatherer
from jupyter_mlsc.policy import Policy
from jupyter_mlsc.policy.evidence import DatasetEvidence
from jupyter_mlsc.policy.globs import Place
from jupyter_mlsc.policy.rules import Rule
from jupyter_mlsc.policy.yardstick import counts, describes
from jupyter_mlsc.predicates import from_predicate
from jupyter_mlsc.profile_files import ProfileFolder
from jupyter_mlsc.profiles import PROFILE, DatasetFacts, ProfileBody
from jupyter_mlsc.scan.datasets.looking import Asked, Looked, look, look_at_images, reading_of
from jupyter_mlsc.scan.datasets.questions import DEFAULT_LIMITS, Limits
from jupyter_mlsc.scan.datasets.telling import headline
from jupyter_mlsc.transfer import OpenedFile

AFFORDABLE = 64 << 20
"""Bytes of a data set up to which a refusal says what differs: a second or two."""
QUICK = Limits(seconds=10.0)


@dataclass(frozen=True, slots=True)
class Yardstick:
    """A signed profile that counts: what it says, of which bytes, and whose word it is."""

    body: ProfileBody
    digest: Digest
    signer: str


@dataclass
class Yardsticks:
    """The profiles of one project."""

    root: Path
    project_id: str
    policy: Policy
    gatherer: Gatherer
    now: Callable[[], datetime]
    _looked: dict[tuple[str, object, str | None], DatasetFacts] = field(default_factory=dict)
    _about_to_be_said: list[tuple[ProfileBody, Digest, str]] = field(default_factory=list)

    @property
    def folder(self) -> ProfileFolder:
        """Where digests of rows are kept."""
        return ProfileFolder(self.root)

    def of(self, name: str) -> Yardstick | None:
        """The newest profile of a data set that counts; None where there is none. Raises LedgerError, ArtifactError."""
        found = [each for each in self._signed(name) if each.body.name == name]
        return max(found, key=lambda each: (each.body.signed_at, str(each.digest)), default=None)

    def of_runs(self, name: str) -> Yardstick | None:
        """The newest profile that a run made of what it saved under this name: to compare with where a person asks, and for nothing else."""
        found = [each for each in self._signed(name, describes) if each.body.name == name]
        return max(found, key=lambda each: (each.body.signed_at, str(each.digest)), default=None)

    @contextlib.contextmanager
    def expecting(self, body: ProfileBody | None, digest: Digest, key: str) -> Iterator[None]:
        """A block in which it is judged as if this key had signed this profile of these bytes."""
        expected = [] if body is None else [(body, digest, key)]
        self._about_to_be_said += expected
        try:
            yield
        finally:
            del self._about_to_be_said[len(self._about_to_be_said) - len(expected) :]

    def rules(self, name: str) -> list[Rule]:
        """The rules that decide for a name, the admin's first."""
        found = (layer.rule_for(Place(name, self.policy.root)) for layer in self.policy.layers if layer.accepted)
        return [rule for rule in found if rule is not None]

    def asked(self, name: str) -> Asked | None:
        """What a new profile of this data set is to hold by the rules; None where there is to be none."""
        said = [rule.dataset for rule in self.rules(name)]
        wanted = _least([each.profile for each in said if each.profile is not None])
        if wanted == "none":
            return None
        label = next((each.label for each in said if each.label is not None), None)
        return Asked(self.key, label, rows=wanted == "rows")

    @property
    def key(self) -> bytes:
        """What keys the digests of rows: of this project, so that they can be compared in it and with no other's."""
        return blake2b(self.project_id.encode(), digest_size=32, person=b"mlsc-rows").digest()

    def evidence(self, name: str, path: Path, measured: Measurement, digest: Digest | None) -> DatasetEvidence | None:
        """What the rules for a name ask to know of a data set; None where they ask nothing. Raises LedgerError, ArtifactError."""
        rules = self.rules(name)
        if not any(rule.dataset.tripwires is not None or "profile" in rule.require for rule in rules):
            return None
        of_bytes = self._of_bytes(name, digest)
        found: dict[str, DatasetFacts] = {}
        for rule in rules:
            against = rule.dataset.profile_of or name
            yardstick = self.of(against) if rule.dataset.tripwires is not None else None
            if yardstick is not None:
                found[against] = yardstick.body.dataset
        if not found or of_bytes is not None:
            return DatasetEvidence(of_bytes is not None, of_bytes.body.dataset if of_bytes is not None else None, "", found)
        present, why = self._present(name, path, measured, digest)
        return DatasetEvidence(False, present, why, found)

    def _of_bytes(self, name: str, digest: Digest | None) -> Yardstick | None:
        """The newest profile of this name that is of these very bytes."""
        found = [each for each in self._signed(name) if each.body.name == name and each.digest == digest]
        return max(found, key=lambda each: each.body.signed_at, default=None)

    def _present(self, name: str, path: Path, measured: Measurement, digest: Digest | None) -> tuple[DatasetFacts | None, str]:
        """What a data set looks like that nobody has profiled, or why that is not known; looked at once for the same bytes."""
        asked = self.asked(name) or Asked(self.key, rows=False)
        known = (name, digest or measured.content_root, asked.label)
        if known not in self._looked:
            try:
                looked = self.profile(name, path, replace(asked, rows=False, hashed=True))
            except (MlscError, OSError) as err:
                return None, str(err).splitlines()[0]
            if looked is None:
                return None, "it is of no format that has a profile"
            if not _is_of(looked, measured, digest):
                return None, "it changed while it was looked at"
            self._looked[known] = looked.facts
        return self._looked[known], ""

    def headline(self, name: str, path: Path) -> str:
        """How a data set differs from its yardstick, in a line; nothing where that is not known, or takes long to find out."""
        try:
            if path.is_dir() or path.stat().st_size > AFFORDABLE:
                return ""
            yardstick = self.of(name)
            looked = None if yardstick is None else self.compare(name, path, yardstick, QUICK)
        except (MlscError, OSError):
            return ""  # the verdict has its reasons; these are what would make them plainer
        if looked is None or looked.differences is None:
            return ""
        label = looked.facts.label
        return headline(looked.differences, None if label is None else label.column)

    def compare(self, name: str, path: Path, yardstick: Yardstick, limits: Limits = DEFAULT_LIMITS) -> Looked | None:
        """A data set against a profile; None for what can have none. Raises FormatError, MissingLibraryError, ArtifactError, ArtifactChangedError."""
        body = yardstick.body
        rows = None if body.rows is None else self.folder.get(body.rows)
        label = body.dataset.label.column if body.dataset.label is not None else None
        return self._look(name, path, Asked(self.key, label, rows=False, limits=limits), (body.dataset, rows))

    def profile(self, name: str, path: Path, asked: Asked, require: Callable[[OpenedFile], None] | None = None) -> Looked | None:
        """A new profile of a file or folder; None where it has none. Raises as `compare`, and what ``require`` raises for the open file."""
        return self._look(name, path, asked, None, require)

    def _look(
        self,
        name: str,
        path: Path,
        asked: Asked,
        against: tuple[DatasetFacts, bytes | None] | None,
        require: Callable[[OpenedFile], None] | None = None,
    ) -> Looked | None:
        reading = reading_of(identify_path(name, path).format)
        if reading is None or (reading.family == "images") != path.is_dir():
            return None
        if reading.family == "images":
            return look_at_images(path, asked, against)
        with OpenedFile(path) as opened:
            if require is not None:
                require(opened)
            found = look(reading, opened.descriptor, asked, against)
            opened.require_unchanged()
        return found

    def _signed(self, name: str, stands: Callable[..., bool] = counts) -> Iterator[Yardstick]:
        for body, digest, key in self._about_to_be_said:
            found = self._standing(body, digest, (key,), stands)
            if found is not None:
                yield found
        for envelope in self.gatherer.statements_about(name, PROFILE):
            with contextlib.suppress(AttestationError):
                found = self._read(envelope, stands)
                if found is not None:
                    yield found

    def _read(self, envelope: Envelope, stands: Callable[..., bool]) -> Yardstick | None:
        opened = open_envelope(envelope, self.gatherer.keys)
        if not opened.verified:
            return None
        statement = opened.statement
        body = from_predicate(statement.predicate, ProfileBody)
        digest = Digest.from_in_toto(statement.subjects[0].digest) if len(statement.subjects) == 1 else None
        if digest is None or statement.subjects[0].name != body.name:
            return None
        return self._standing(body, digest, tuple(opened.verified), stands)

    def _standing(self, body: ProfileBody, digest: Digest, keys: tuple[str, ...], stands: Callable[..., bool]) -> Yardstick | None:
        self.gatherer.revocations.look()
        revocations = (*self.gatherer.revocations.of_keys(keys), *self.gatherer.revocations.of([digest]))
        if not stands(self.policy, body, keys, self.project_id, revocations, self.now()):
            return None
        who = next((name for key in keys if (name := self.policy.identity_name(key)) is not None), keys[0][:12])
        return Yardstick(body, digest, who)


def _is_of(looked: Looked, measured: Measurement, digest: Digest | None) -> bool:
    """True when what was looked at are the bytes that were measured."""
    if measured.manifest is not None:
        return looked.are_the_images_of((line.name, line.sha256) for line in measured.manifest)
    return looked.sha256 == (measured.sha256 if digest is None else digest.hex)


def _least(wanted: list[str]) -> str:
    """What may be kept where several layers say it: the least; all of it where none says anything."""
    order = ("none", "summary", "rows")
    return min(wanted, key=order.index, default="rows")
