"""What a project can tell about itself: its status, the entries of its ledger. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, open_envelope, read_unverified
from jupyter_mlsc.coverage import MEANINGS
from jupyter_mlsc.display import TIERS
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.policy.revoking import revoked_keys, revoker
from jupyter_mlsc.results import Status

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Entry
    from jupyter_mlsc.policy.evidence import Revocation
    from jupyter_mlsc.project_state import ProjectState
    from jupyter_mlsc.recording import Run


def log_document(project: ProjectState, entry: Entry) -> dict[str, Any]:
    """One entry of ``log show --json``; reads and writes say where they happened and how they were judged."""
    ledger = project.books.ledger
    assert ledger is not None  # the entry came from it
    document: dict[str, Any] = {
        "index": entry.index,
        "time": predicates.rfc3339(entry.time),
        "kind": entry.kind,
        "subjects": [{"name": name, "digest": digest} for name, digest in entry.subjects],
        "predicate_type": entry.predicate_type,
        "envelope": entry.envelope,
        "signer": None,
    }
    try:
        envelope = Envelope.from_json(ledger.envelope(entry.envelope))
        opened = open_envelope(envelope, project.identities)
        statement = opened.statement if opened.verified else read_unverified(envelope)
        document["signer"] = (project.identity_of(opened.verified[0]) or opened.verified[0]) if opened.verified else None
        document.update(_where(entry, statement))
        if "tier" in document and opened.verified:
            document["tier"] = project.policy.tier_shown(document["tier"], opened.verified)
    except AttestationError as err:
        document["problem"] = err.message
    return document


def _where(entry: Entry, statement: Statement) -> dict[str, Any]:
    if entry.kind == "read":
        load = predicates.from_predicate(statement.predicate, predicates.LoadBody).mlsc
        return {} if load is None else _operation(entry, "read", load.facts, load.verdict) | {"reasons": list(load.reasons)}
    if entry.kind == "write":
        body = predicates.from_predicate(statement.predicate, predicates.ProvenanceBody)
        return _operation(entry, "write", body.facts, body.artifact.verdict)
    if entry.predicate_type in (decisions.SVR, decisions.REVOCATION, decisions.OVERRIDE) or entry.kind == "review":
        return _decision(statement)
    if entry.kind == "run":
        run = predicates.from_predicate(statement.predicate, predicates.RunBody)
        installs = [msgspec.to_builtins(each) for each in run.installs]
        return {"run": run.facts.run, "phase": run.phase, "tier": run.facts.tier, "coverage": run.coverage, **({"installs": installs} if installs else {})}
    return {}


def _decision(statement: Statement) -> dict[str, Any]:
    """What a person decided, in the same fields for every decision."""
    if statement.predicate_type == decisions.REVOCATION:
        revoked = predicates.from_predicate(statement.predicate, decisions.RevocationBody)
        return {"decision": decisions.REVOKED, "revokes": revoked.revokes, "why": revoked.why, "channel": revoked.channel}
    if statement.predicate_type == decisions.OVERRIDE:
        made = predicates.from_predicate(statement.predicate, decisions.OverrideBody)
        until = predicates.rfc3339(made.until)
        return {"decision": decisions.OVERRIDDEN, "covers": list(made.covers), "why": made.why, "until": until, "channel": made.channel}
    if statement.predicate_type == decisions.REJECTION:
        told = predicates.from_predicate(statement.predicate, decisions.RejectionBody).review
        return {"decision": decisions.REJECTED, "why": told.note, "channel": told.channel}
    body = predicates.from_predicate(statement.predicate, decisions.VerificationBody)
    if body.mlsc is None:
        return {}
    way = {"stage": body.mlsc.stage, "source": body.mlsc.source} if body.decision == decisions.PROMOTED else {}
    return {"decision": body.decision, "why": body.mlsc.note, "channel": body.mlsc.channel, **way}


def _operation(entry: Entry, operation: str, facts: predicates.RunFacts, verdict: str | None) -> dict[str, Any]:
    return {
        "path": entry.subjects[0][0],
        "digest": entry.subjects[0][1],
        "op": operation,
        "run": facts.run,
        "notebook": facts.notebook,
        "cell_id": facts.cell_id,
        "execution_count": facts.execution_count,
        "tier": facts.tier,
        "process": facts.process,
        "executable": facts.executable,
        "verdict": verdict,
    }


def status(project: ProjectState, run: Run | None) -> Status:
    """The project at a glance, for a person and for a program."""
    ledger = project.books.ledger
    checkpoint = None if ledger is None else ledger.checkpoint()
    faults = project.books.faults
    keys = [
        {"name": k.name, "role": k.role, "id": k.id, "algorithm": k.algorithm, "identity": project.identity_of(k.id)}
        for k in project.keys.list()
        if not k.retired
    ]
    reads = () if run is None else run.inputs
    revocations, overrides = _standing_revocations(project), _standing_overrides(project)
    document: dict[str, Any] = {
        "ok": not any(f.fails for f in faults) and project.trust.state != "untrusted",
        "root": str(project.root),
        "project": project.project_id,
        "mode": str(project.policy.mode),
        "policy": {"state": project.trust.state, "digest": str(project.trust.digest)},
        "tier": run.tier if run is not None else None,
        "ledger": None
        if ledger is None
        else {"origin": ledger.origin, "size": ledger.size, "writable": ledger.writable, "root": checkpoint.root.hex() if checkpoint else None},
        "keys": keys,
        "revocations": [
            {"what": each.subject, "by": who, "at": predicates.rfc3339(each.signed_at), "why": each.why, "key": each.key} for each, who in revocations
        ],
        "overrides": [_override_document(*each) for each in overrides],
        "notes": [{"code": n.code, "message": n.message, "next": n.next} for n in (*project.notes, *faults)],
        "run": None if run is None else _run_document(run),
    }
    states = {
        "named": "named on the command line",
        "accepted": "accepted",
        "changed": "the file differs from the version that you accepted, which rules",
        "untrusted": "not accepted: nobody is trusted",
    }
    rows = [
        ("project", f"{project.root} ({project.project_id[:12]}…)"),
        ("mode", str(project.policy.mode)),
        ("policy", states[project.trust.state]),
        ("ledger", "none yet" if ledger is None else f"{ledger.size} entries, kept by {'you' if ledger.writable else 'another user'}"),
        ("keys", ", ".join(f"{k['name']} ({k['role']}{', ' + str(k['identity']) if k['identity'] else ''})" for k in keys) or "none yet: mlsc init"),
    ]
    if revocations:
        rows.append(("revoked", f"{len(revocations)} (the newest by {revocations[-1][1]}: {revocations[-1][0].subject}, {revocations[-1][0].why})"))
    if overrides:
        rows.append(("overrides", f"{len(overrides)} in force"))
        rows.extend(("override", f"{body.name} until {predicates.rfc3339(body.until)[:16]}Z, by {who}: {body.why}") for body, _, who in overrides)
    if run is not None:
        rows.append(("tier", TIERS[run.tier]))
        rows.append(("run", run.id))
        rows.extend(("read", f"{r.name}: {r.decision}" + ("" if r.verified else ", nobody vouched for it")) for r in reads)
        rows.extend(("not seen", f"{count} {MEANINGS[code]}") for code, count in sorted(run.coverage.items()))
    rows.extend(("note", f"{n.message}; {n.next}") for n in (*project.notes, *faults))
    return Status(tuple(rows), document)


def _standing_revocations(project: ProjectState) -> list[tuple[Revocation, str]]:
    """Revocations that count in a layer of the policy, oldest first, with who made them."""
    known = project.gatherer.revocations
    known.look()
    found = []
    for each in known.all():
        who = next((who for layer in project.policy.layers if (who := revoker(layer, each, project.project_id)) is not None), None)
        if who is not None:
            found.append((each, who.name))
    return found


def _standing_overrides(project: ProjectState) -> list[tuple[decisions.OverrideBody, Digest, str]]:
    """Exceptions that have not ended, by somebody who may make them, whether their artifacts still need them or not."""
    now, found = project.clock(), {}
    for envelope in project.books.statements("override", decisions.OVERRIDE):
        try:
            opened = open_envelope(envelope, project.identities)
            if not opened.verified:
                continue
            body = predicates.from_predicate(opened.statement.predicate, decisions.OverrideBody)
        except AttestationError:
            continue  # `verify` and `log verify` report it; it makes no exception
        digest = Digest.from_in_toto(opened.statement.subjects[0].digest)
        who = _may_override(project, opened.verified)
        if digest is not None and who is not None and body.project == project.project_id and body.until > now:
            found[envelope.digest] = (body, digest, who)
    return sorted(found.values(), key=lambda each: (each[0].until, each[0].name))


def _override_document(body: decisions.OverrideBody, digest: Digest, who: str) -> dict[str, str]:
    at, until = predicates.rfc3339(body.signed_at), predicates.rfc3339(body.until)
    return {"path": body.name, "digest": str(digest), "by": who, "at": at, "why": body.why, "until": until}


def _may_override(project: ProjectState, keys: Sequence[str]) -> str | None:
    revocations = project.gatherer.revocations.of_keys(keys)
    for layer in project.policy.layers:
        revoked = revoked_keys(layer, project.project_id, revocations)
        for key in keys:
            if layer.accepted and key not in revoked and key in layer.owners and layer.owners[key].name in layer.members(layer.override.by):
                return layer.owners[key].name
    return None


def _run_document(run: Run) -> dict[str, Any]:
    reads = [{"path": r.name, "digest": str(r.digest), "verdict": r.decision} for r in run.inputs]
    return {"id": run.id, "reads": reads, "coverage": run.coverage}
