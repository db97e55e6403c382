"""``environment/v1``: what an environment was when it was looked at, so that a later look can tell what changed since.

Rules kept: a run key signs it, since a machine saw it; it lists what was found by code and never by text; a list of files (RECORD) is named by its digest.
Where advisories were asked for, the same look also makes an in-toto vulns v0.2 statement, for other people's tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jupyter_mlsc.predicates import BASE, PredicateBody, rfc3339

ENVIRONMENT = BASE + "environment/v1"
VULNS = "https://in-toto.io/attestation/vulns/v0.2"
ENTRY_KIND = "environment"


class DistributionBody(PredicateBody, frozen=True):
    """An installed distribution: ``record`` is the SHA-256 in hex of its RECORD, absent where it has none; ``editable`` when it is a folder of sources."""

    name: str
    version: str
    record: str | None = None
    licence: str = ""
    editable: bool = False


class FoundBody(PredicateBody, frozen=True):
    """A finding: its code and severity, and the file or folder that it is about."""

    code: str
    severity: str
    path: str


class DatabaseBody(PredicateBody, frozen=True):
    """The database of advisories that was asked: where it came from, how many records it had, and when the newest was modified."""

    source: str
    records: int
    newest: datetime | None = None


class EnvironmentBody(PredicateBody, frozen=True):
    """One look. ``interpreter`` is the digest over the interpreter's own files (``sha256:<hex>``), absent where another environment was looked at."""

    project: str
    prefix: str
    at: datetime
    distributions: tuple[DistributionBody, ...]
    findings: tuple[FoundBody, ...]
    python: str | None = None
    interpreter: str | None = None
    advisories: DatabaseBody | None = None


def vulns_predicate(scanner: str, version: str, database: DatabaseBody, found: Sequence[tuple[str, str]], begun: datetime, ended: datetime) -> dict[str, Any]:
    """The predicate of a vulns v0.2 statement: advisories found as (id, severity)."""
    return {
        "scanner": {
            "uri": scanner,
            "version": version,
            "db": {"uri": database.source, **({"lastUpdate": rfc3339(database.newest)} if database.newest else {})},
            "result": [{"id": name, "severity": [{"method": "database", "score": rated}]} for name, rated in found],
        },
        "metadata": {"scanStartedOn": rfc3339(begun), "scanFinishedOn": rfc3339(ended)},
    }
