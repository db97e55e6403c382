"""Signing: a person stands for artifacts under their names, with one unlock of the vouching key for all of them.

Rules kept: everything is measured before the key is unlocked; one unlock gives two envelopes for each artifact, ours which policy reads
and an OMS twin for other tools, and of a data set a profile; a data set that cannot be profiled is signed all the same, and says so; what can run code is
scanned first, and what a rule wants scanned is signed only if it passes; signing the policy's own file signs a change of the policy, bound to the version
that was accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import predicates
from jupyter_mlsc.artifact_scans import ENTRY_KIND as SCAN
from jupyter_mlsc.artifact_scans import ArtifactScan, Measured, held_still, is_asked_for, scan_statement, scans_of, told
from jupyter_mlsc.artifacts import KINDS, Digest, Measurement
from jupyter_mlsc.attestation import Envelope, Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.digests import measure_many
from jupyter_mlsc.errors import DecisionRefusedError, UsageError
from jupyter_mlsc.format_choice import families_of, identify_path
from jupyter_mlsc.judging import NEVER_ARTIFACTS, Target, kind_of, whole_digest
from jupyter_mlsc.keys import PassphraseSource, Signer
from jupyter_mlsc.policy import AcceptedPolicies
from jupyter_mlsc.profile_making import Profiled, dataset_profiles
from jupyter_mlsc.profiles import ENTRY_KIND, PROFILE
from jupyter_mlsc.results import Signed
from jupyter_mlsc.scans import TEST_RESULT
from jupyter_mlsc.statement_claims import claims_of
from jupyter_mlsc.trust import POLICY_FILE
from jupyter_mlsc.vouching import artifact_statement, key_to_sign_with, refused, signer_name

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import NewEntry
    from jupyter_mlsc.project_state import ProjectState

OMS_ALGORITHMS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521")
"""Keys that OMS readers accept; a statement of any other key has no OMS twin."""


@dataclass(frozen=True, slots=True)
class _Item:
    target: Target
    name: str
    kind: str
    measured: Measurement

    @property
    def digest(self) -> Digest:
        return whole_digest(self.measured)


def sign(
    project: ProjectState,
    paths: Sequence[Path],
    *,
    kind: str | None,
    note: str,
    channel: str,
    passphrases: PassphraseSource,
    key: str | None,
    progress: Callable[[int, int], None] | None,
    only_if_counted: bool = False,
) -> list[Signed]:
    """Sign artifacts. Raises ArtifactError, KeyUnavailableError, UsageError, and, ``only_if_counted``, DecisionRefusedError; then nothing was signed."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"{kind!r} is no kind of artifact", next_step=f"one of: {', '.join(KINDS)}")
    targets = [project.target(path) for path in dict.fromkeys(paths)]
    if any(target.asked == "." for target in targets):
        raise UsageError(f"{project.root} is the project itself, which is no artifact", next_step="name files or folders in it, for instance: mlsc sign data/*")
    if any(target.asked == POLICY_FILE for target in targets):
        if len(targets) > 1:
            raise UsageError("a change of the policy is signed by itself", next_step=f"run: mlsc sign {POLICY_FILE}")
        return _sign_policy(project, passphrases, key)
    vouching = key_to_sign_with(project, key)
    here = Measured()
    with held_still(_to_scan(project, targets)) as scanning, dataset_profiles(project, [target.path for target in targets], here.require) as profiles:
        measured = measure_many([target.path for target in targets], progress=progress, memory=here)
        items = [item for target in targets for item in _items(project, target, measured[target.path], kind)]
        profiled = [profiles.of(item.name, item.kind, item.target.path, item.measured) for item in items]
        asked = {item.name: (item.target.path, item.measured) for item in items if item.target.path in scanning}
        scanned = scans_of(project, asked, vouching.id, here)
    _require_passed(project, scanned)
    if only_if_counted:
        _require_counted(project, items, note, channel, vouching.id)
    signer, who = _unlock(project, passphrases, key)
    envelopes: list[tuple[_Item, Envelope, Envelope | None, Envelope | None, datetime]] = []
    with project.gatherer.one_look():
        for item, profile in zip(items, profiled, strict=True):
            at = project.gatherer.later_than_all(item.name, project.clock())
            seen = profile.sealed(project, item.name, item.digest, item.measured.size, at, channel, signer)
            envelopes.append((item, _vouch(project, item, note, channel, at, signer), _twin(item, signer), seen, at))
    entries: list[NewEntry] = []
    places = []
    for item, envelope, twin, _, at in envelopes:
        places.append(len(entries))
        entries.append(entry_of("signature", envelope, predicates.ARTIFACT, [(item.name, item.digest)], at))
        if twin is not None:
            entries.append(entry_of("oms-signature", twin, predicates.OMS_SIGNATURE, [(item.name, item.digest)], at))
    entries += [entry_of(ENTRY_KIND, seen, PROFILE, [(item.name, item.digest)], at) for item, _, _, seen, at in envelopes if seen is not None]
    results = [
        (item, seal(scan_statement(project, item.name, item.measured, scanned[item.name], at), [signer]), at)
        for item, *_, at in envelopes
        if item.name in scanned
    ]
    entries += [entry_of(SCAN, envelope, TEST_RESULT, [(item.name, item.digest)], at) for item, envelope, at in results]
    indexes = project.books.append(entries)
    project.books.file_claims((item.digest, each) for item, envelope, twin, seen, _ in envelopes for each in (envelope, twin, seen) if each is not None)
    project.books.file_claims((item.digest, envelope) for item, envelope, _ in results)
    with project.gatherer.one_look():
        return [
            _signed(project, item, who, signer.public.key_id, None if indexes is None else indexes[place], profile, scanned.get(item.name))
            for item, place, profile in zip(items, places, profiled, strict=True)
        ]


def _items(project: ProjectState, target: Target, measured: Measurement, kind: str | None) -> list[_Item]:
    """One item for each governed name of the path: a link is signed under its own name and under the name that it leads to."""
    names = [n for n in target.names if project.policy.governs(n)] or [target.asked]
    items = []
    for name in names:
        if name.split("/")[0] in (*NEVER_ARTIFACTS, "..") and not project.policy.governs(name):
            raise UsageError(f"{target.path} is no artifact of this project", next_step="sign files of the project, or add a rule for that folder to mlsc.toml")
        asked_for = project.policy.kind_for(name)
        if kind is not None and asked_for is not None and kind != asked_for:
            raise UsageError(f"the rule for {name} asks for a {asked_for}, not a {kind}", next_step=f"leave --kind out, or change the rule in {POLICY_FILE}")
        items.append(_Item(target, name, kind or kind_of(project.policy, name, families_of(identify_path(target.asked, target.path))), measured))
    return items


def _to_scan(project: ProjectState, targets: Sequence[Target]) -> list[Path]:
    """The paths that are scanned before they are signed."""
    return [target.path for target in targets if any(is_asked_for(project, name, target.path) for name in target.names)]


def _require_passed(project: ProjectState, scanned: Mapping[str, ArtifactScan]) -> None:
    """Raise DecisionRefusedError for the first artifact that a rule wants scanned and that does not pass."""
    for name, scan in scanned.items():
        if not scan.ok and project.policy.requires_scan(name):
            left = [each for each in scan.findings if each.code not in scan.accepted]
            raise DecisionRefusedError(
                f"{name} was not signed: the rule requires a scan, and it did not pass: {told(left)} [scan-failed]",
                next_step=f"see all of it: mlsc scan {name}; what is known and harmless is accepted by: mlsc scan {name} --accept CODE --why TEXT",
            )


def _unlock(project: ProjectState, passphrases: PassphraseSource, key: str | None, *, even_retired: bool = False) -> tuple[Signer, str]:
    entry = key_to_sign_with(project, key)
    return project.keys.signer(entry, passphrases, even_retired=even_retired), signer_name(project, entry)


def _require_counted(project: ProjectState, items: Sequence[_Item], note: str, channel: str, key: str) -> None:
    """Ask the policy what it would make of each signature; where no rule asks for one there is nothing to count. Raises DecisionRefusedError."""
    project.require_trusted()
    for item in items:
        rules = [rule for layer in project.policy.layers if (rule := project.policy.rule_for(item.name, layer)) is not None]
        if not any(rule.signed is not None for rule in rules):
            continue
        at = project.gatherer.later_than_all(item.name, project.clock())
        statement = artifact_statement(project, item.name, item.kind, item.measured, at=at, channel=channel, note=note)
        claims = tuple(claims_of(statement, [key], item.name))
        measured = item.measured  # in full, both digests
        verdict = project.judge.judge(replace(item.target, names=(item.name,)), measured, partial(_same, measured), more=claims)
        if not any(each.key == key and each.at == predicates.rfc3339(at) for each in verdict.signers):
            raise refused(item.name, "a signature", [each for each in verdict.reasons if each.fails] or list(verdict.reasons))


def _same(measured: Measurement) -> Measurement:
    return measured


def _vouch(project: ProjectState, item: _Item, note: str, channel: str, at: datetime, signer: Signer) -> Envelope:
    return seal(artifact_statement(project, item.name, item.kind, item.measured, at=at, channel=channel, note=note), [signer])


def _seal_scan(project: ProjectState, item: _Item, scan: ArtifactScan, at: datetime, signer: Signer) -> Envelope:
    return seal(scan_statement(project, item.name, item.measured, scan, at), [signer])


def _twin(item: _Item, signer: Signer) -> Envelope | None:
    if signer.public.algorithm not in OMS_ALGORITHMS:
        return None
    from jupyter_mlsc.export.oms import oms_statement

    return seal(oms_statement(item.measured, item.target.path.name), [signer])


def _signed(project: ProjectState, item: _Item, signer: str, key: str, index: int | None, profile: Profiled, scan: ArtifactScan | None) -> Signed:
    only = replace(item.target, names=(item.name,))
    verdict = project.judge.judge(only, item.measured, lambda: item.measured)
    named = project.identity_of(key) is not None
    findings = () if scan is None else tuple(each for each in scan.findings if each.code not in scan.accepted)
    return Signed(item.name, item.digest, item.kind, signer, key, index, verdict, named, profile.facts, profile.problem, findings)


def _sign_policy(project: ProjectState, passphrases: PassphraseSource, key: str | None) -> list[Signed]:
    accepted = AcceptedPolicies(project.home.accepted).current(project.project_id)
    if accepted is None:
        raise UsageError("you have accepted no version of this policy, so there is nothing to change", next_step="read mlsc.toml, then run: mlsc policy trust")
    file = project.trust.file
    if file.digest == accepted.digest:
        raise UsageError(f"{POLICY_FILE} is the version that you accepted, so there is no change to sign", next_step="edit it first")
    # A key that was rotated may still say one thing: that another key follows it.
    signer, who = _unlock(project, passphrases, key, even_retired=True)
    if not project.policy.is_admin(signer.public.key_id):
        raise UsageError(f"{who} is no policy-admin in the accepted policy, so the signature would change nothing", next_step="ask a policy-admin to sign it")
    now = project.clock()
    body = predicates.PolicyBody(project.project_id, accepted.digest, accepted.counter + 1, now)
    digest = Digest.parse(file.digest)
    envelope = seal(Statement((Subject(POLICY_FILE, digest.in_toto()),), predicates.POLICY, predicates.to_predicate(body)), [signer])
    indexes = project.books.append([entry_of("policy", envelope, predicates.POLICY, [(POLICY_FILE, digest)], now)])
    project.books.file_claim(digest, envelope)
    return [Signed(POLICY_FILE, digest, "config", who, signer.public.key_id, None if indexes is None else indexes[0], None)]
