"""From a path to a verdict: which names the policy must be asked about, what has to be computed, and the evidence that goes with it.

Rules kept: a symbolic link is judged under the name that was asked for and under the name that it leads to, and the stricter verdict
counts; where a content tree alone names no statement, the SHA-256 is computed too before anything is said; this file gathers and asks,
the policy decides.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest, Measurement
from jupyter_mlsc.errors import ArtifactError
from jupyter_mlsc.policy import Claim, Evidence, Policy
from jupyter_mlsc.recording import Run
from jupyter_mlsc.verdict import STRICTNESS, Reason, Verdict, reason

if TYPE_CHECKING:
    from jupyter_mlsc.gathering import Gathered, Gatherer
    from jupyter_mlsc.policy import Explanation
    from jupyter_mlsc.yardsticks import Yardsticks

_DIFFERS = ("digest-mismatch", "superseded")
NEVER_ARTIFACTS = (".mlsc", ".git")
"""Folders of the project that hold no artifacts: the ledger's own and git's."""


@dataclass(frozen=True, slots=True)
class Target:
    """A path as the policy sees it: ``asked`` is the name that was asked for, ``names`` has the name that it leads to as well."""

    path: Path
    asked: str
    names: tuple[str, ...]


def target_of(root: Path, path: Path, policy: Policy) -> Target:
    """Name a path. Raises ArtifactError for a name that is not UTF-8, or that no file can have."""
    if "\0" in os.fspath(path):
        raise ArtifactError(f"{path} is no path: it has a NUL character", next_step="check the path")
    lexical = Path(os.path.abspath(path))
    real = Path(os.path.realpath(lexical))
    asked = name_in_project(Path(os.path.realpath(lexical.parent)) / lexical.name, root, policy)
    names = tuple(dict.fromkeys((asked, name_in_project(lexical, root, policy), name_in_project(real, root, policy))))
    return Target(lexical, asked, names)


def name_in_project(path: Path, root: Path, policy: Policy) -> str:
    """The name relative to the project; outside it, whichever of the relative and the absolute form a rule governs."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as err:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise ArtifactError(f"{shown} has a name that is not UTF-8, which no statement can hold", next_step="rename it") from err
    relative = Path(os.path.relpath(path, root)).as_posix()
    if relative.startswith("../") and not policy.governs(relative) and policy.governs(path.as_posix()):
        return path.as_posix()
    return relative


@dataclass
class Judge:
    """Asks the policy about measured artifacts of one project. ``faults`` are what is wrong with the ledger, on every verdict."""

    root: Path
    project_id: str
    policy: Policy
    gatherer: Gatherer
    faults: Callable[[], tuple[Reason, ...]]
    now: Callable[[], datetime]
    yardsticks: Yardsticks
    _headlines: dict[tuple[str, Digest | None], str] = field(default_factory=dict)

    def judge(
        self,
        target: Target,
        measured: Measurement,
        measure_fully: Callable[[], Measurement],
        *,
        families: frozenset[str] = frozenset(),
        faults: tuple[Reason, ...] = (),
        more: tuple[Claim, ...] = (),
        run: Run | None = None,
        told: bool = False,
    ) -> Verdict:
        """The strictest verdict over all names of the target; ``told`` where it is to say how a changed data set differs.

        ``measured`` may hold the content tree alone; ``measure_fully`` computes the SHA-256 too, and is called only where no statement
        carries the tree's root. ``more`` are claims that are about to be made.
        """
        governed = [n for n in target.names if self.policy.governs(n)] or [target.asked]
        verdicts = []
        for name in governed:
            verdict, measured = self._judge_name(name, target.path, measured, measure_fully, families, faults, more, run)
            verdicts.append(verdict)
        strictest = max(verdicts, key=lambda v: (STRICTNESS.index(v.decision), not v.verified))
        # What lifts the unpickle allowlist must hold under every name.
        strictest = replace(strictest, person_signed=all(v.person_signed for v in verdicts))
        return self._told(strictest, target.path) if told else strictest

    def _told(self, verdict: Verdict, path: Path) -> Verdict:
        """The verdict with how the data set differs from the signed one, where it is for that that it fails."""
        if not any(each.code in _DIFFERS for each in verdict.reasons):
            return verdict
        known = (verdict.path, verdict.digest)
        if known not in self._headlines:
            self._headlines[known] = self.yardsticks.headline(verdict.path, path)
        said = self._headlines[known]
        if not said:
            return verdict
        look = f"see the rows: mlsc diff {shlex.quote(verdict.path)}; then "
        reasons = tuple(replace(r, message=f"{r.message}: {said}", next=look + r.next) if r.code in _DIFFERS else r for r in verdict.reasons)
        return replace(verdict, reasons=reasons)

    def explain(self, target: Target, measured: Measurement, *, families: frozenset[str], faults: tuple[Reason, ...]) -> Explanation:
        """The grounds of the strictest verdict; ``measured`` in full."""
        from jupyter_mlsc.policy.explain import explain

        governed = [n for n in target.names if self.policy.governs(n)] or [target.asked]
        found = [explain(self.policy, self._evidence(n, target.path, measured, measured.digest, families, faults, (), None), self.now()) for n in governed]
        return max(found, key=lambda e: STRICTNESS.index(e.verdict.decision))

    def _judge_name(
        self,
        name: str,
        path: Path,
        measured: Measurement,
        measure_fully: Callable[[], Measurement],
        families: frozenset[str],
        faults: tuple[Reason, ...],
        more: tuple[Claim, ...],
        run: Run | None,
    ) -> tuple[Verdict, Measurement]:
        gathered = self.gatherer.gather(name, path, measured)
        digest = measured.digest or _carried(measured, gathered.claims)
        if measured.digest is None and digest is not None:
            gathered = self.gatherer.gather(name, path, measured, digest)  # what is said of these bytes under other names, too
        preview = Evidence(name=name, project=self.project_id, measured=measured, claims=gathered.claims)
        # What a run wrote is known by its SHA-256, which no statement's word may stand in for.
        own = run is not None and run.wrote_name(name)
        # Bytes that were revoked by a digest alone are found by no other.
        bare = measured.digest is None and self.gatherer.is_any_sha256_revoked()
        if digest is None or bare or (own and measured.digest is None) or self.policy.needs_sha256(preview):
            measured = measure_fully()
            gathered = self.gatherer.gather(name, path, measured)
            digest = measured.digest
        evidence = self._evidence(name, path, measured, digest, families, faults, more, run, gathered)
        verdict = self.policy.decide(evidence, self.now())
        if verdict.governed:
            made_in = _tier(measured, gathered.claims, self.policy)
            verdict = replace(verdict, tier=verdict.tier or made_in)
        return replace(verdict, digest=digest), measured

    def _scanner(self, name: str) -> str | None:
        """What scans here are made with, where a rule asks for one."""
        if not self.policy.requires_scan(name):
            return None
        from jupyter_mlsc.scan.identity import scanner_digest

        return scanner_digest(self.policy.unpickle_allow, self.policy.install_indexes)

    def _evidence(
        self,
        name: str,
        path: Path,
        measured: Measurement,
        digest: Digest | None,
        families: frozenset[str],
        faults: tuple[Reason, ...],
        more: tuple[Claim, ...],
        run: Run | None,
        gathered: Gathered | None = None,
    ) -> Evidence:
        gathered = gathered or self.gatherer.gather(name, path, measured)
        claims = (*gathered.claims, *more)
        revocations, told = self.gatherer.revocations_of(measured, digest, claims)
        return Evidence(
            name=name,
            project=self.project_id,
            measured=measured,
            claims=claims,
            families=families,
            faults=(*faults, *gathered.faults, *told, *self.faults(), *_mismatched_pairs(name, measured, claims)),
            own_output=run is not None and run.wrote(name, digest),
            tier=run.tier if run is not None else None,
            revocations=revocations,
            dataset=self.yardsticks.evidence(name, path, measured, digest),
            scanner=self._scanner(name),
            not_before=self.gatherer.newest_time(),
        )


def _carried(measured: Measurement, claims: tuple[Claim, ...]) -> Digest | None:
    """The SHA-256 that statements with known signatures bind to the content tree that was computed here; None where they disagree."""
    found = {c.digest for c in claims if c.keys and c.content_root is not None and c.content_root == measured.content_root}
    return found.pop() if len(found) == 1 else None


def _tier(measured: Measurement, claims: tuple[Claim, ...], policy: Policy) -> str | None:
    """The tier of the run that made these bytes, where a statement says so."""
    return next((policy.tier_shown(c.tier, c.keys) for c in claims if c.predicate_type == predicates.PROVENANCE and c.keys and c.is_about(measured)), None)


def _mismatched_pairs(name: str, measured: Measurement, claims: tuple[Claim, ...]) -> tuple[Reason, ...]:
    """Statements that bind a SHA-256 and a content tree of different bytes: their signer made them so."""
    if measured.sha256 is None or measured.content_root is None:
        return ()
    found = []
    for claim in claims:
        if not claim.keys or claim.content_root is None or claim.digest.algorithm != "sha256":
            continue
        agrees = (claim.digest.hex == measured.sha256, claim.content_root == measured.content_root)
        if agrees in ((True, False), (False, True)):
            found.append(reason("digest-pair", name=name, where=claim.source, key=claim.keys[0][:12]))
    return tuple(found)


def kind_of(policy: Policy, name: str, families: frozenset[str]) -> str:
    """What an artifact is where nobody says: the rule's kind, else a model for formats that models are kept in, else a data set."""
    return policy.kind_for(name) or ("model" if families & _MODEL_FAMILIES else "dataset")


_MODEL_FAMILIES = frozenset({"pickle", "joblib", "torch", "safetensors", "huggingface", "skops", "keras", "onnx", "xgboost", "lightgbm"})


def whole_digest(measured: Measurement) -> Digest:
    """The digest of a measurement that was made in full."""
    digest = measured.digest
    assert digest is not None  # measured with its SHA-256
    return digest
