"""What we say: typed bodies of the statements, and the way back from a foreign or hostile body to a typed value.

Formats: in-toto Statement v1 bodies. ``artifact/v1`` and ``policy/v1`` are ours (docs/formats.md, JSON Schemas beside it); provenance
is SLSA provenance v1 with our build type; a judged load is an SLSA VSA v1. Unknown fields are ignored, as in-toto asks; missing or
mistyped ones raise AttestationError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from jupyter_mlsc.artifacts import Digest, ManifestLine, Measurement
from jupyter_mlsc.errors import AttestationError

BASE = "https://jupyter-mlsc.github.io/"
"""Identifiers, not addresses: nothing is ever fetched from them. docs/formats.md is the page that they name."""

ARTIFACT = BASE + "artifact/v1"
POLICY = BASE + "policy/v1"
RUN = BASE + "run/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VSA = "https://slsa.dev/verification_summary/v1"
OMS_SIGNATURE = "https://model_signing/signature/v1.0"

BUILD_TYPE = BASE + "notebook-cell/v1"
BUILDERS = {"guarded": BASE + "builder/guarded/v1", "supervised": BASE + "builder/supervised/v1"}
VERIFIER = BASE + "verifier/v1"
CONTENT_BLOCK = 1 << 20


class PredicateBody(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A predicate or a part of one: camelCase in JSON, unknown fields ignored."""


class ContentTree(PredicateBody, frozen=True):
    """Root of the RFC 6962 tree over a file's blocks; ``block_size`` in bytes."""

    root: str
    block_size: int = CONTENT_BLOCK


class FileLine(PredicateBody, frozen=True):
    """One file of a signed tree: name relative to the tree, SHA-256 in hex, size in bytes."""

    name: str
    sha256: str
    size: int


class ArtifactBody(PredicateBody, frozen=True):
    """``artifact/v1``: a person stands for these bytes under this name, of this kind, in this project."""

    name: str
    kind: str
    project: str
    size: int
    signed_at: datetime
    channel: str
    content_tree: ContentTree | None = None
    files: tuple[FileLine, ...] | None = None
    note: str = ""


class PolicyBody(PredicateBody, frozen=True):
    """``policy/v1``: a new version of a project's policy, bound to the version that it replaces (as TUF's roots follow one another)."""

    project: str
    predecessor: str
    """``sha256:<hex>`` of the policy text that this one replaces."""
    counter: int
    signed_at: datetime


class RunFacts(PredicateBody, frozen=True):
    """Where something happened: the run, the notebook (path in the project) and the cell; digests only, no data values."""

    run: str
    project: str
    tier: str
    notebook: str | None = None
    cell_id: str | None = None
    execution_count: int | None = None
    code: str | None = None
    """``sha256:<hex>`` of the cell's source."""
    environment: str | None = None
    """``sha256:<hex>`` over the sorted ``name==version`` lines of the installed distributions."""
    environment_from: str | None = None
    """``supervisor`` where the environment is that of a supervised run's supervisor: what the run's program is made of cannot be told."""
    git_commit: str | None = None
    git_dirty: bool | None = None
    process: int | None = None
    """The process that did it, as its supervisor saw it."""
    executable: str | None = None
    cell_from: str | None = None
    """``kernel`` where the cell is the kernel's own word, in a supervised run; everything else is the supervisor's."""


class InputBody(PredicateBody, frozen=True):
    """One input of a provenance statement, as an annotation of its resource descriptor."""

    verdict: str
    verified: bool
    cell: str | None = None
    """The id of the cell that read it, or its execution count where the front end gives no id."""
    code: bool = False
    """It is code of the project that ran, a module or a script, and no rule was asked about it."""


class OutputBody(PredicateBody, frozen=True):
    """The artifact that a provenance statement is about: what ``artifact/v1`` binds, said by a run."""

    name: str
    kind: str
    project: str
    size: int
    content_tree: ContentTree | None = None
    files: tuple[FileLine, ...] | None = None
    verdict: str | None = None
    """How the policy judged the output when it was written, for the record."""


class _External(PredicateBody, frozen=True):
    artifact: OutputBody


class _Descriptor(PredicateBody, frozen=True):
    name: str
    digest: dict[str, str]
    annotations: InputBody


class _BuildDefinition(PredicateBody, frozen=True):
    build_type: str
    external_parameters: _External
    internal_parameters: RunFacts
    resolved_dependencies: tuple[_Descriptor, ...] = ()


class _Builder(PredicateBody, frozen=True):
    id: str


class _Metadata(PredicateBody, frozen=True):
    invocation_id: str
    finished_on: datetime


class _ByProduct(PredicateBody, frozen=True):
    name: str
    digest: dict[str, str]


class _RunDetails(PredicateBody, frozen=True):
    builder: _Builder
    metadata: _Metadata
    byproducts: tuple[_ByProduct, ...] = ()


class ProvenanceBody(PredicateBody, frozen=True):
    """SLSA provenance v1 whose build is the execution of a notebook cell; ``precise`` is false where inputs are 'all so far'."""

    build_definition: _BuildDefinition
    run_details: _RunDetails
    precise: bool = False

    @property
    def artifact(self) -> OutputBody:
        """The artifact that was written."""
        return self.build_definition.external_parameters.artifact

    @property
    def facts(self) -> RunFacts:
        """The run, notebook and cell that wrote it."""
        return self.build_definition.internal_parameters

    @property
    def inputs(self) -> tuple[tuple[str, Digest | None, InputBody], ...]:
        """Name, digest and annotation of each input."""
        return tuple((d.name, Digest.from_in_toto(d.digest), d.annotations) for d in self.build_definition.resolved_dependencies)

    @property
    def finished_on(self) -> datetime:
        """When the artifact was complete."""
        return self.run_details.metadata.finished_on


class _Verifier(PredicateBody, frozen=True):
    id: str


class _PolicyReference(PredicateBody, frozen=True):
    uri: str
    digest: dict[str, str]


class LoadBody(PredicateBody, frozen=True):
    """SLSA VSA v1 about one load: subject is the digest that was seen; the fields below ``mlsc`` are ours and ignored by others."""

    verifier: _Verifier
    time_verified: datetime
    resource_uri: str
    policy: _PolicyReference
    verification_result: str
    verified_levels: tuple[str, ...]
    mlsc: LoadFacts | None = None


class LoadFacts(PredicateBody, frozen=True):
    """Our part of a load's statement: the verdict with its reason codes, and where it happened."""

    verdict: str
    verified: bool
    reasons: tuple[str, ...]
    kind: str | None
    facts: RunFacts


class CellRead(PredicateBody, frozen=True):
    """An artifact that an execution of a cell read; ``module`` where it is the source of a module of the project that was imported."""

    name: str
    module: bool = False


class CellWrite(PredicateBody, frozen=True):
    """An artifact that an execution of a cell wrote, and the variable that was saved, where that is known."""

    name: str
    variable: str | None = None


class CellBody(PredicateBody, frozen=True):
    """One execution of a cell: its id where the front end gives one, its execution count, ``sha256:<hex>`` of its source."""

    code: str
    cell_id: str | None = None
    execution_count: int | None = None
    failed: bool = False
    """It ended with an error, so that any of its statements may not have run."""
    reads: tuple[CellRead, ...] = ()
    writes: tuple[CellWrite, ...] = ()
    flow: dict[str, Any] | None = None
    """What its code does to names (docs/lineage.md); absent where nobody analysed it."""


class InstallBody(PredicateBody, frozen=True):
    """A command of a cell that installs something: what it names, from which indexes, what nobody can tell beforehand, whether hashes are required,
    and what the policy said (``allow``, ``warn``, ``block``)."""

    installer: str
    packages: tuple[str, ...]
    indexes: tuple[str, ...]
    unknown: tuple[str, ...]
    hashed: bool
    verdict: str
    cell: str | None = None


class RunBody(PredicateBody, frozen=True):
    """``run/v1``: a run begins or ends, and what it is made of. ``coverage`` counts what no sensor could attribute."""

    facts: RunFacts
    phase: str
    at: datetime
    packages: tuple[str, ...] = ()
    coverage: dict[str, int] = {}
    cells: tuple[CellBody, ...] = ()
    """Every execution of a cell, in order; in the statement that ends a run."""
    installs: tuple[InstallBody, ...] = ()
    """What cells installed, or tried to; in the statement that ends a run."""


BodyT = TypeVar("BodyT", bound=msgspec.Struct)


def to_predicate(body: msgspec.Struct) -> dict[str, Any]:
    """The JSON object of a typed body (times as RFC 3339 in UTC)."""
    built: dict[str, Any] = msgspec.to_builtins(body)
    return built


def from_predicate(predicate: Mapping[str, Any], kind: type[BodyT]) -> BodyT:
    """Read a predicate into its typed body. Raises AttestationError that says which field is wrong."""
    try:
        body = msgspec.convert(predicate, kind)
    except (msgspec.ValidationError, ValueError) as err:
        raise AttestationError(f"a statement's predicate is not a valid {kind.__name__}: {err}") from err
    for moment in _times(body):
        if moment.tzinfo is None:
            raise AttestationError(f"a statement's predicate is not a valid {kind.__name__}: a time without a time zone")
    return body


def _times(body: msgspec.Struct) -> list[datetime]:
    found = []
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if isinstance(value, datetime):
            found.append(value)
        elif isinstance(value, msgspec.Struct):
            found.extend(_times(value))
    return found


def content_tree(measured: Measurement) -> ContentTree | None:
    """The content tree that a statement carries for a file; None for a tree of files."""
    return ContentTree(measured.content_root) if measured.content_root is not None else None


def file_lines(measured: Measurement) -> tuple[FileLine, ...] | None:
    """The manifest that a statement carries for a tree; None for a file."""
    return None if measured.manifest is None else tuple(FileLine(line.name, line.sha256, line.size) for line in measured.manifest)


def manifest_lines(files: Sequence[FileLine]) -> tuple[ManifestLine, ...]:
    """The way back from a statement's manifest."""
    return tuple(ManifestLine(line.name, line.sha256, line.size) for line in files)


def provenance_body(
    output: OutputBody, facts: RunFacts, inputs: Sequence[tuple[str, Digest | None, InputBody]], finished_on: datetime, *, precise: bool
) -> ProvenanceBody:
    """Build an SLSA provenance v1 body for an output of a run."""
    dependencies = tuple(_Descriptor(name, {} if digest is None else digest.in_toto(), note) for name, digest, note in inputs)
    byproducts = () if facts.code is None else (_ByProduct("cell source", Digest.parse(facts.code).in_toto()),)
    return ProvenanceBody(
        _BuildDefinition(BUILD_TYPE, _External(output), facts, dependencies),
        _RunDetails(_Builder(BUILDERS[facts.tier]), _Metadata(facts.run, finished_on), byproducts),
        precise,
    )


def load_body(name: str, policy_digest: Digest, load: LoadFacts, at: datetime) -> LoadBody:
    """Build an SLSA VSA v1 body for a judged load; the levels are ours, since none may begin with ``SLSA_`` that was not earned."""
    passed = load.verdict != "block"
    levels = (f"MLSC_{load.facts.tier.upper()}_{'VERIFIED' if load.verified else 'RECORDED'}",) if passed else ("FAILED",)
    return LoadBody(_Verifier(VERIFIER), at, name, _PolicyReference("mlsc.toml", policy_digest.in_toto()), "PASSED" if passed else "FAILED", levels, load)


def rfc3339(moment: datetime) -> str:
    """A time as the formats want it: UTC, microseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
