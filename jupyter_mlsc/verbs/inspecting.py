"""Inspecting the environment: its files against their records, its start-up files, advisories, licences, the interpreter; on record in a project.

Rules kept: what an earlier look recorded is believed where this project's run keys signed it; a look that cannot be recorded is still told.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc import environment_claims as claims
from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject, open_envelope, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.errors import AttestationError, UsageError
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import PublicKey
from jupyter_mlsc.scan.environment import advisories, online, places
from jupyter_mlsc.scan.environment.looks import Asked, Before, Looked, look
from jupyter_mlsc.scan.finding import Scanned

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState

SCANNER = predicates.BASE + "scan/environment"
Progress = Callable[[int, int], None]


def inspect(
    project: ProjectState | None,
    *,
    prefix: Path | None = None,
    database: str | None = None,
    environ: Mapping[str, str],
    bytecode: bool = False,
    progress: Progress | None = None,
) -> Scanned:
    """Findings on the environment with this ``prefix``, or on the running interpreter's; ``database`` is a folder or zip of OSV records, or a service.

    ``bytecode`` is held against its source where that is asked for: everything is compiled again.

    Raises UsageError where there is no environment, or no database; MlscError where a service does not answer.
    """
    place = places.own() if prefix is None else places.of(prefix)
    if place is None:
        raise UsageError(f"{prefix} is no Python environment: it has no folder of installed distributions", next_step="name the folder with lib/pythonX.Y")
    begun = datetime.now(UTC) if project is None else project.clock()
    wanted = database or (project.policy.environment_advisories if project is not None else None)
    denied = project.policy.denied_licences if project is not None else ()
    looked = look(Asked(place, _source(wanted, environ, begun), denied, _before(project, place), begun, bytecode), progress)
    if project is not None:
        _record(project, place, looked, wanted, begun)
    return Scanned(looked.findings, len(looked.distributions), "distribution")


def _source(database: str | None, environ: Mapping[str, str], now: datetime) -> Callable[[list[tuple[str, str]]], advisories.Matched] | None:
    if database is None:
        return None
    if database in ("osv", "pypi"):
        service: online.Service = "osv" if database == "osv" else "pypi"
        return lambda packages: online.ask(service, packages, Home.find(environ).path / "advisories", environ, now)
    return lambda packages: advisories.match(Path(database), packages)


def _before(project: ProjectState | None, place: places.Place) -> Before:
    """What the newest look at this prefix recorded."""
    if project is None:
        return Before()
    newest: claims.EnvironmentBody | None = None
    keys = {key.id: PublicKey(key.der) for layer in project.policy.layers for identity in layer.identities.values() if identity.is_run for key in identity.keys}
    keys[project.run_signer.public.key_id] = project.run_signer.public
    for envelope in project.books.statements(claims.ENTRY_KIND, claims.ENVIRONMENT):
        try:
            opened = open_envelope(envelope, keys)
            body = predicates.from_predicate(opened.statement.predicate, claims.EnvironmentBody) if opened.statement is not None else None
        except AttestationError:
            continue
        if body is not None and body.project == project.project_id and body.prefix == str(place.prefix) and (newest is None or body.at > newest.at):
            newest = body
    if newest is None:
        return Before()
    records = {f"{each.name}=={each.version}": each.record for each in newest.distributions if each.record is not None}
    return Before(records, {newest.python: newest.interpreter} if newest.python and newest.interpreter else {})


def _record(project: ProjectState, place: places.Place, looked: Looked, source: str | None, begun: datetime) -> None:
    lines = [f"{each.name}=={each.version}" for each in looked.distributions]
    digest = Digest("sha256", hashlib.sha256("\n".join(sorted({*lines, f"python=={looked.version}"})).encode()).hexdigest())
    subject = Subject("environment", digest.in_toto())
    matched = looked.advisories
    told = None if matched is None else claims.DatabaseBody(os.path.basename(source or ""), matched.records, matched.newest)
    at = project.clock()
    body = claims.EnvironmentBody(
        project.project_id,
        str(place.prefix),
        at,
        tuple(claims.DistributionBody(each.name, each.version, each.record, each.licence, each.editable is not None) for each in looked.distributions),
        tuple(claims.FoundBody(each.code, str(each.severity), each.path) for each in looked.findings),
        looked.version,
        looked.interpreter,
        told,
    )
    statements = [Statement((subject,), claims.ENVIRONMENT, predicates.to_predicate(body))]
    if matched is not None and told is not None:
        found = [(each.id, each.rated) for each in matched.advisories]
        statements.append(Statement((subject,), claims.VULNS, claims.vulns_predicate(SCANNER, version("jupyter_mlsc"), told, found, begun, at)))
    sealed = [(statement, seal(statement, [project.run_signer])) for statement in statements]
    project.books.append([entry_of(claims.ENTRY_KIND, envelope, statement.predicate_type, [("environment", digest)], at) for statement, envelope in sealed])
