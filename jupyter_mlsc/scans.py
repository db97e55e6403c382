"""What a scan and a baseline say: in-toto test-result v0.1 about one artifact, and ``baseline/v1``, a person's word that a finding is known and accepted.

Rules kept: a scan binds the artifact's name, project and digests, and the scanner that made it, lists and policy included, so that it is not done twice and
not believed for another scanner; a baseline is bound to name, digest and code, so that new bytes or a new finding are never covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement
from jupyter_mlsc.predicates import BASE, ContentTree, FileLine, PredicateBody

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
BASELINE = BASE + "baseline/v1"
SCANNER = BASE + "scan/v1"
ENTRY_KIND = "scan"
"""The ledger's kind of an entry that holds a scan."""
ACCEPTED = "accepted"
"""A baseline's decision."""

PASSED, WARNED, FAILED = "PASSED", "WARNED", "FAILED"


class FindingBody(PredicateBody, frozen=True):
    """One finding: code, severity, the file in the artifact (empty for the artifact itself), and the place in it. No text of the file's own."""

    code: str
    severity: str
    path: str = ""
    where: str = ""


class ScanFacts(PredicateBody, frozen=True):
    """Our part of a scan's statement; others ignore it."""

    name: str
    project: str
    size: int
    at: datetime
    scanner: str
    """``sha256:<hex>`` over the version, the lists and what the policy allows (`scan.identity`)."""
    content_tree: ContentTree | None = None
    files: tuple[FileLine, ...] | None = None
    findings: tuple[FindingBody, ...] = ()


class _Configuration(PredicateBody, frozen=True):
    name: str
    digest: dict[str, str]


class ScanBody(PredicateBody, frozen=True):
    """test-result v0.1: the tests are the codes of findings; a code that a person accepted is among those only warned of."""

    result: str
    configuration: tuple[_Configuration, ...]
    warned_tests: tuple[str, ...] = ()
    failed_tests: tuple[str, ...] = ()
    mlsc: ScanFacts | None = None


class BaselineBody(PredicateBody, frozen=True):
    """``baseline/v1``: a person knows these findings of these bytes, and accepts them. The subject is the artifact."""

    name: str
    project: str
    size: int
    accepted: tuple[str, ...]
    """Codes of the findings."""
    why: str
    signed_at: datetime
    channel: str
    content_tree: ContentTree | None = None


def scan_body(facts: ScanFacts, accepted: Sequence[str] = ()) -> ScanBody:
    """Build a test-result of a scan. ``accepted`` are codes that a baseline covers."""
    failing = sorted({each.code for each in facts.findings if each.severity in ("high", "critical")} - set(accepted))
    warned = sorted({each.code for each in facts.findings} - set(failing))
    result = FAILED if failing else WARNED if warned else PASSED
    configuration = (_Configuration(SCANNER, Digest.parse(facts.scanner).in_toto()),)
    return ScanBody(result, configuration, tuple(warned), tuple(failing), facts)


def failed_tests(statement: Statement) -> tuple[str, ...]:
    """The codes of what fails in a statement that `scan_body` made."""
    return tuple(str(each) for each in statement.predicate.get("failedTests", ()))
