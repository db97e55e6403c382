"""``mlsc init``: keys, a policy that works for one person at once, its acceptance, and a ledger. What is there already stays as it is."""

from __future__ import annotations

import getpass
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyter_mlsc.bookkeeping import Bookkeeper
from jupyter_mlsc.errors import KeyUnavailableError, UsageError
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import KeyEntry, KeyStore, PassphraseSource
from jupyter_mlsc.policy import AcceptedPolicies, initial_policy
from jupyter_mlsc.transfer import wrap_os_error
from jupyter_mlsc.trust import POLICY_FILE, parse_checked, read_policy_file


@dataclass(frozen=True, slots=True)
class Initialized:
    """What ``mlsc init`` made, and ``lines`` that say so."""

    root: Path
    project_id: str
    identity: str
    key: str
    created: list[str]
    lines: tuple[str, ...]


def initialize(folder: Path, environ: Mapping[str, str], *, mode: str, name: str | None, passphrases: PassphraseSource) -> Initialized:
    """Set a project up in ``folder``. Raises KeyUnavailableError where there is no passphrase for a new key, UsageError, PolicyError."""
    root = Path(os.path.realpath(folder))
    home = Home.find(environ, project=root)
    file = root / POLICY_FILE
    if file.exists():
        # Parsed before anything is made: a bad policy must not leave half a project behind.
        parse_checked(read_policy_file(file), POLICY_FILE, "project")
    home.make()
    keys, created = KeyStore(home), []
    identity = name or _user_name()
    entry, is_new = _vouching_key(keys, identity, passphrases)
    if is_new:
        created.append("key")
    runs, supervised = keys.run_signer().public, keys.run_signer("supervised").public
    accepted = AcceptedPolicies(home.accepted)
    if not file.exists():
        try:
            root.mkdir(parents=True, exist_ok=True)
            text = initial_policy(secrets.token_hex(16), mode, identity, entry.public, runs.base64_der, supervised.base64_der)
            _write_new(file, text.encode())
        except OSError as err:
            raise wrap_os_error(err, file, "written") from err
        created.append("policy")
    text_bytes = read_policy_file(file)
    layer = parse_checked(text_bytes, POLICY_FILE, "project")
    assert layer.project_id is not None  # the parser asks for it
    books = Bookkeeper(root, home, keys)
    if books.ledger is None:
        created.append("ledger")
    ledger = books.ledger_to_append()
    if "policy" in created:
        accepted.accept(layer.project_id, text_bytes, 1, ledger.origin, datetime.now(UTC))
        accepted.settle(root, layer.project_id)
    made, kept = "made now, " if is_new else "", "in the keychain" if entry.uri.startswith("keyring:") else "an encrypted file"
    lines = [
        f"project {root} ({layer.project_id[:12]}…), mode {layer.mode}",
        f"key     {entry.name} {entry.id[:16]}… ({made}{kept})",
        f"policy  {POLICY_FILE} ({'written and accepted' if 'policy' in created else 'was there already'})",
        f"ledger  .mlsc/ledger.db ({'made now' if 'ledger' in created else f'{ledger.size} entries'})",
    ]
    if "policy" not in created and accepted.current(layer.project_id) is None:
        lines.append("note    this policy was here before you and you have not accepted it: read mlsc.toml, then run: mlsc policy trust")
    return Initialized(root, layer.project_id, identity, entry.id, created, tuple(lines))


def _vouching_key(keys: KeyStore, name: str, passphrases: PassphraseSource) -> tuple[KeyEntry, bool]:
    mine = [entry for entry in keys.list() if entry.role == "vouching" and not entry.retired]
    if mine:
        return next((entry for entry in mine if entry.name == name), mine[-1]), False
    try:
        return keys.new("vouching", name, passphrase=passphrases), True
    except KeyUnavailableError as err:
        raise KeyUnavailableError(f"no vouching key was made, and nothing else: {err.message}", next_step=err.next_step) from err


def _user_name() -> str:
    try:
        found = getpass.getuser()
    except (KeyError, OSError):
        found = "me"
    return re.sub(r"[^A-Za-z0-9_.@+-]", "-", found).strip("-.@+_") or "me"


def _write_new(file: Path, content: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError as err:
        raise UsageError(f"{file} was made by somebody else at this moment", next_step="run mlsc init again") from err
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
