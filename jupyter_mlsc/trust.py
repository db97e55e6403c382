"""Which policy rules: the admin's layers, and the version of the project's own policy that this user accepted.

Rules kept (DESIGN, 'Who may change the policy'): a file that does not parse is an error whatever was accepted; a project's policy counts
only in the version that was accepted for this project id, and in no folder that is known for another project's; a policy named with
``--policy`` is trusted by being named and stands in the project layer's place; nothing replaces ``/etc/mlsc/policy.toml``; variables that
point into the project are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.errors import AttestationError, PolicyError, UsageError
from jupyter_mlsc.home import Home, refuse_inside
from jupyter_mlsc.keys import PublicKey
from jupyter_mlsc.policy import AcceptedPolicies, Policy, PolicyChange, PolicyLayer, parse_policy, resolve
from jupyter_mlsc.project_root import POLICY_FILE as POLICY_FILE
from jupyter_mlsc.verdict import Reason

if TYPE_CHECKING:
    from jupyter_mlsc.ledger import Ledger

ADMIN_POLICY = Path("/etc/mlsc/policy.toml")

State = Literal["named", "accepted", "changed", "untrusted"]


class Trust(msgspec.Struct, frozen=True):
    """The policy that rules, and how it came to. ``digest`` is of the project layer's text; ``file`` is that layer as the file has it now."""

    policy: Policy
    layer: PolicyLayer
    file: PolicyLayer
    state: State
    notes: tuple[Reason, ...]

    @property
    def digest(self) -> Digest:
        """SHA-256 of the text of the project layer that rules."""
        return Digest.parse(self.layer.digest)


def load_trust(
    root: Path,
    home: Home,
    environ: Mapping[str, str],
    now: datetime,
    *,
    named: Path | None = None,
    find_ledger: Callable[[], Ledger | None] = lambda: None,
) -> Trust:
    """Read every layer. ``find_ledger`` is asked for revoked keys, where somebody signed a change of the policy.

    Raises PolicyError for a file that cannot be used, UsageError for a variable that points into the project.
    """
    admin = _admin_layers(root, environ)
    if named is not None:
        layer = parse_checked(read_policy_file(named), str(named), "project")
        return Trust(Policy((*admin, layer), str(root)), layer, layer, "named", ())
    text = read_policy_file(root / POLICY_FILE)
    file = parse_checked(text, POLICY_FILE, "project")
    accepted_policies = AcceptedPolicies(home.accepted)
    known_here = accepted_policies.project_at(root)
    accepted = accepted_policies.current(_project_id(file)) if counts_here(root, known_here, _project_id(file)) else None
    resolution = resolve(text, POLICY_FILE, accepted, lambda layer: policy_changes(root, layer, find_ledger))
    if resolution.to_accept is not None and accepted is not None:
        accepted_policies.accept(_project_id(file), text, resolution.to_accept.counter, accepted.ledger_origin, now)
    if accepted is not None and known_here is None:
        accepted_policies.settle(root, _project_id(file))
    if resolution.state == "untrusted":
        return Trust(Policy.untrusted(file, admin, root=str(root)), file, file, "untrusted", resolution.notes)
    return Trust(Policy((*admin, resolution.layer), str(root)), resolution.layer, file, resolution.state, resolution.notes)


def counts_here(root: Path, known_here: str | None, project_id: str) -> bool:
    """True when a version that was accepted for this project id may rule in this folder; ``known_here`` is the project that the user knows in it.

    An accepted policy counts for its own project: in the folder of another one, or in a new folder inside another one, somebody has put it there.
    """
    if known_here is None:
        return not any((folder / POLICY_FILE).is_file() for folder in root.parents)
    return known_here == project_id


def policy_changes(root: Path, accepted: PolicyLayer, find_ledger: Callable[[], Ledger | None] = lambda: None) -> list[PolicyChange]:
    """Signed changes of the policy that travel with the project, with the keys of the accepted version that verify on them and were not revoked."""
    # Needed only where the file differs from the accepted version: finding a project must be quick.
    from jupyter_mlsc import predicates
    from jupyter_mlsc.attestation import open_envelope
    from jupyter_mlsc.claim_files import ClaimFolder
    from jupyter_mlsc.policy.revoking import revoked_keys
    from jupyter_mlsc.revocations import Revocations

    keys = {key_id: PublicKey(der) for key_id, der in Policy((accepted,)).identities_by_key().items()}
    changes = []
    folder = ClaimFolder(root / ".mlsc" / "claims")
    found = list(folder.of_type(predicates.POLICY))
    if not found:
        return []
    revocations = Revocations(find_ledger, folder, keys)
    revocations.look()
    revoked = revoked_keys(accepted, _project_id(accepted), revocations.all())
    for item in found:
        try:
            opened = open_envelope(item.envelope, keys)
            if not opened.verified:
                continue  # not signed by anybody whom the accepted version names: no change of it
            body = predicates.from_predicate(opened.statement.predicate, predicates.PolicyBody)
        except AttestationError:
            continue  # the note 'policy-changed' is what a reader then sees
        digest = Digest.from_in_toto(opened.statement.subjects[0].digest)
        if digest is not None:
            changes.append(PolicyChange(body.project, body.predecessor, str(digest), body.counter, tuple(key for key in opened.verified if key not in revoked)))
    return changes


def _admin_layers(root: Path, environ: Mapping[str, str]) -> tuple[PolicyLayer, ...]:
    files = [ADMIN_POLICY] if ADMIN_POLICY.exists() else []
    named = environ.get("MLSC_POLICY")
    if named:
        path = Path(named)
        if not path.is_absolute():
            raise UsageError(f"MLSC_POLICY is not an absolute path: {named}", next_step="set it to the full path of the admin's policy")
        refuse_inside("MLSC_POLICY", path, root)
        files.append(path)
    return tuple(parse_checked(read_policy_file(path), str(path), "admin") for path in files)


def parse_checked(text: bytes, file: str, layer: Literal["admin", "project"]) -> PolicyLayer:
    """`parse_policy` with the words for formats that this installation knows, so that a misspelt family is an error. Raises PolicyError."""
    # A comment needs no list of formats: `mlsc init` writes one, and the list takes a tenth of the time that a kernel waits for the extension.
    if not any(b"formats" in line for line in text.splitlines() if not line.lstrip().startswith(b"#")):
        return parse_policy(text, file, layer)
    from jupyter_mlsc.formats import FORMATS

    return parse_policy(text, file, layer, families=frozenset().union(*(each.families for each in FORMATS)))


def read_policy_file(path: Path) -> bytes:
    """The text of a policy. Raises PolicyError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as err:
        raise PolicyError(f"the policy cannot be read: {err.strerror}", file=str(path), next_step="restore the file, or make one with: mlsc init") from err


def _project_id(layer: PolicyLayer) -> str:
    assert layer.project_id is not None  # the parser asks for it in a project's layer
    return layer.project_id
