"""Accepting findings: a person says that what a scan found in these bytes is known, and why it is harmless. The signed statements are the baseline.

Rules kept: only what a scan finds now can be accepted; the statement is bound to the artifact's name, its digests and the codes, so that other bytes and
other findings are never covered; what the policy would not count is refused before anything is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates, scans
from jupyter_mlsc.artifact_scans import BASELINE_KIND, Measured, held_still, scan_files
from jupyter_mlsc.attestation import Statement, Subject
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import DecisionRefusedError, UsageError
from jupyter_mlsc.judging import whole_digest
from jupyter_mlsc.policy import Evidence
from jupyter_mlsc.results import Decided
from jupyter_mlsc.statement_claims import claims_of
from jupyter_mlsc.vouching import key_to_sign_with, person_deciding, publish, sealed, words

if TYPE_CHECKING:
    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.project_state import ProjectState


def accept(project: ProjectState, path: Path, codes: Sequence[str], *, why: str, channel: str, passphrases: PassphraseSource, key: str | None) -> Decided:
    """Accept findings of an artifact by their codes. Raises UsageError, DecisionRefusedError, ArtifactError, KeyUnavailableError; then nothing was signed."""
    why = words(why, "--why")
    entry = key_to_sign_with(project, key)
    person = person_deciding(project, entry, "accepting a finding")
    target = project.target(path)
    with held_still([target.path]):
        seen = Measured()
        measured = measure(target.path, memory=seen)
        found = {each.code for each in scan_files(project, {target.path: measured}, seen)[target.path]}
    missing = sorted(set(codes) - found)
    if missing:
        there = f"one of: {', '.join(sorted(found))}" if found else "there is nothing to accept"
        raise UsageError(f"a scan of {path} does not find {', '.join(missing)}", next_step=there)
    at = project.gatherer.later_than_all(target.asked, project.clock())
    tree = predicates.content_tree(measured)
    body = scans.BaselineBody(target.asked, project.project_id, measured.size, tuple(sorted(set(codes))), why, at, channel, tree)
    digest = whole_digest(measured)
    statement = Statement((Subject(target.asked, digest.in_toto()),), scans.BASELINE, predicates.to_predicate(body))
    claims = tuple(claims_of(statement, [entry.id], target.asked))
    if not set(codes) <= project.policy.accepted_findings(Evidence(target.asked, project.project_id, measured, claims), at):
        raise DecisionRefusedError(
            f"{person} may not accept findings of {target.asked}: that is for who may sign it, and for a policy-admin",
            next_step="ask one of them, or have the artifact saved without what was found",
        )
    signer = project.keys.signer(entry, passphrases)
    index = publish(project, [sealed(BASELINE_KIND, statement, signer, at)])
    return Decided(scans.ACCEPTED, target.asked, (digest,), person, entry.id, at, f"{', '.join(sorted(set(codes)))}: {why}", index)
