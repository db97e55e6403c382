"""``mlsc revoke``: bytes or a key are not to be trusted any more."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases, tell_decision


@click.command("revoke")
@click.argument("reference", metavar="DIGEST|KEY|PATH")
@click.option("--why", required=True, metavar="TEXT", help="What is wrong; everybody who is blocked will read it.")
@click.option("--key", "key", metavar="NAME", help="Which vouching key to sign with, where the policy names several.")
@globals_too
def command(options: Options, reference: str, why: str, key: str | None) -> int:
    """Revoke bytes by their digest, all bytes that ever had a PATH, or a KEY by its id.

    Every gate obeys at once: what is revoked is blocked under any name, and what was made from it as the policy says. Of a revoked key nothing
    counts any more, whenever it was signed. A revocation cannot be taken back. Exit code 1 when you may not revoke here: then nothing is signed.
    """
    is_path = not reference.startswith(("sha256:", "dirhash:"))
    project = options.project(Path(reference).parent if is_path else ".")
    return tell_decision(options, project, project.revoke(reference, why=why, channel="terminal", passphrases=passphrases(), key=key))
