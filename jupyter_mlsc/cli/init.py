"""``mlsc init``: a project that works at once for one person."""

from __future__ import annotations

import os
from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases


@click.command("init")
@click.argument("folder", default=".", type=click.Path(file_okay=False))
@click.option("--mode", type=click.Choice(["observe", "warn", "enforce"]), default="warn", show_default=True, help="What happens to what is not vouched for.")
@click.option("--name", metavar="NAME", help="Your name in the policy; by default your user name.")
@globals_too
def command(options: Options, folder: str, mode: str, name: str | None) -> int:
    """Make a policy, a ledger, keys and a first identity in FOLDER. Safe to repeat: what is there stays as it is."""
    from jupyter_mlsc.verbs.initializing import initialize

    made = initialize(Path(folder), os.environ, mode=mode, name=name, passphrases=passphrases())
    for line in made.lines:
        options.say(line)
    options.advise("next: mlsc sign data/FILE, then in a notebook: %load_ext jupyter_mlsc and %mlsc_load data/FILE")
    options.document({"ok": True, "project": made.project_id, "root": str(made.root), "identity": made.identity, "key": made.key, "created": made.created})
    return 0
