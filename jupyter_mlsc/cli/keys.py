"""``mlsc keys``: this user's keys. Private keys never leave the machine through this command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases

if TYPE_CHECKING:
    from jupyter_mlsc.keys import KeyEntry, KeyStore

_PUT_INTO_POLICY = "put that line under [identities] in mlsc.toml, and the name under a role; then run: mlsc policy check, and mlsc policy trust"


@click.group("keys")
def command() -> None:
    """List, make, import, export and rotate your keys."""


@command.command("list")
@globals_too
def list_keys(options: Options) -> int:
    """List your keys: name, what they are for, fingerprint, where they are kept."""
    entries = _store().list()
    for entry in entries:
        kept = "keychain" if entry.uri.startswith("keyring:") else "file"
        options.say(f"{entry.name:<16} {entry.role:<9} {entry.algorithm:<11} {entry.id[:16]}…  {kept}{'  retired' if entry.retired else ''}")
    if not entries:
        options.advise("no keys yet; make them with: mlsc init")
    options.document([_document(entry) for entry in entries])
    return 0


@command.command("new")
@click.argument("name")
@click.option("--algorithm", type=click.Choice(["ecdsa-p256", "ed25519"]), default="ecdsa-p256", show_default=True, help="OMS readers accept P-256 only.")
@globals_too
def new(options: Options, name: str, algorithm: str) -> int:
    """Make a vouching key called NAME; put its public key into the policy before it counts."""
    entry = _store().new("vouching", name, algorithm, passphrases())
    _say_made(options, entry)
    options.advise(f"next: {_PUT_INTO_POLICY}")
    return 0


@command.command("import")
@click.argument("file", type=click.Path())
@click.option("--name", required=True, help="What to call the key.")
@globals_too
def import_key(options: Options, file: str, name: str) -> int:
    """Take in a private key from a PEM FILE; it is stored encrypted. The file is left as it is."""
    from jupyter_mlsc.transfer import OpenedFile

    with OpenedFile(Path(file)) as opened:
        entry = _store().import_pem(opened.head(1 << 20), name, passphrases())
    _say_made(options, entry)
    options.advise(f"next: {_PUT_INTO_POLICY}; remove {file} if it is not needed elsewhere")
    return 0


@command.command("export")
@click.argument("name", required=False)
@click.option("--role", type=click.Choice(["vouching", "run", "log"]), default="vouching", show_default=True)
@globals_too
def export(options: Options, name: str | None, role: Any) -> int:
    """Print a public key as PEM; without NAME your vouching key."""
    store = _store()
    entry = store.find(role, name)
    options.print(store.export_public(entry))
    options.document({**_document(entry), "pem": store.export_public(entry)})
    return 0


@command.command("rotate")
@click.argument("name")
@click.option("--role", type=click.Choice(["vouching", "run"]), default="vouching", show_default=True)
@globals_too
def rotate(options: Options, name: str, role: Any) -> int:
    """Make a new key under NAME and retire the old one, which stays for reading. The policy must name the new one before it counts."""
    from jupyter_mlsc.keys.store import RUN_KEYS

    fresh, old = _store().rotate(name, passphrases(), role=role)
    options.say(f"retired {old.id[:16]}…")
    options.say(f"key {fresh.name} {fresh.id}")
    # Of a run identity's keys the last is the one for supervised runs.
    both = (fresh, old) if role == "run" and name != RUN_KEYS["supervised"] else (old, fresh)
    options.say(f'for mlsc.toml: key = ["{both[0].public}", "{both[1].public}"]')
    signing = f", or, as a policy-admin: mlsc sign mlsc.toml --key {old.id[:16]}" if role == "vouching" else ""
    options.advise(
        "next: write that in the place of the old key under [identities] in mlsc.toml: what the old one signed counts as long as it stands there;\n"
        f"  then run: mlsc policy check, and mlsc policy trust{signing}"
    )
    options.document({"new": _document(fresh), "retired": _document(old)})
    return 0


def _store() -> KeyStore:
    """This user's keys. They need no project; where there is one, they do not lie in it. Raises UsageError."""
    from jupyter_mlsc.home import Home
    from jupyter_mlsc.keys import KeyStore
    from jupyter_mlsc.project_root import enclosing_project

    return KeyStore(Home.find(os.environ, project=enclosing_project(Path())))


def _say_made(options: Options, entry: KeyEntry) -> None:
    options.say(f"key {entry.name} {entry.id}")
    options.say(f'for mlsc.toml: {entry.name} = {{ key = "{entry.public}" }}')
    options.document(_document(entry))


def _document(entry: KeyEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "role": entry.role,
        "algorithm": entry.algorithm,
        "id": entry.id,
        "public": entry.public,
        "uri": entry.uri.partition(":")[0] + ":",
        "created": entry.created.isoformat(),
        "retired": entry.retired,
    }
