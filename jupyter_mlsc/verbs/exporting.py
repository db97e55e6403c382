"""Exports of a project: finds the statement that another format carries, and checks that it still is about these bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates
from jupyter_mlsc.attestation import Envelope, open_envelope
from jupyter_mlsc.claim_files import FoundEnvelope
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import BlockedArtifactError, UsageError
from jupyter_mlsc.export.oms import oms_manifest, write_oms_bundle

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def export_oms(project: ProjectState, path: Path, *, progress: Callable[[int, int], None] | None) -> bytes:
    """The newest OMS bundle about exactly these bytes, by a key that the policy names.

    Raises BlockedArtifactError when the policy blocks the artifact, UsageError when nobody signed it with a key that OMS readers accept.
    """
    target = project.target(path)
    measured = measure(target.path, progress=progress)
    verdict = project.judge.judge(target, measured, lambda: measured)
    if not verdict.allowed:
        raise BlockedArtifactError(verdict)
    for envelope in _twins(project):
        opened = open_envelope(envelope, project.identities)
        if opened.verified and oms_manifest(opened.statement).compare(measured, target.path.name).same:
            return write_oms_bundle(envelope, project.identities[opened.verified[0]].oms_hint)
    raise UsageError(
        f"nobody whom the policy names has signed {path} as it is with an ECDSA key", next_step=f"sign it: mlsc sign {path} (a new key: mlsc keys new)"
    )


def place_for_oms(project: ProjectState, path: Path) -> Path:
    """Where other tools look for the bundle: ``FILE.sig``, or ``model.sig`` in a folder.

    Raises UsageError where that lies in a folder which is signed as a whole: one file more, and the folder is not what was signed.
    """
    place = path / "model.sig" if path.is_dir() else path.with_name(path.name + ".sig")
    whole = next((str(p) for p in PurePosixPath(project.target(path).asked).parents if p.name and project.gatherer.is_named(str(p))), None)
    if whole is not None:
        raise UsageError(f"{place} would be one file more in {whole}, which is signed as a folder", next_step="write it elsewhere: -o FILE")
    return place


def _twins(project: ProjectState) -> Iterator[Envelope]:
    """OMS statements of the project, newest first."""
    ledger = project.books.ledger
    if ledger is not None:
        for entry in ledger.entries(kind="oms-signature", newest_first=True):
            yield Envelope.from_json(ledger.envelope(entry.envelope))
    filed = [i for i in project.books.claims.read() if isinstance(i, FoundEnvelope) and i.statement.predicate_type == predicates.OMS_SIGNATURE]
    for item in reversed(filed):
        yield item.envelope
