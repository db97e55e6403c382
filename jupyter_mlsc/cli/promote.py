"""``mlsc promote``: an artifact goes to a stage, if it satisfies what is asked there."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases, tell_decision


@click.command("promote")
@click.argument("path", type=click.Path())
@click.option("--to", "stage", required=True, metavar="STAGE", help="A stage of the policy's [stages].")
@click.option("--note", default="", metavar="TEXT", help="A sentence for those who come after; it becomes part of the statement.")
@click.option("--key", "key", metavar="NAME", help="Which vouching key to sign with, where the policy names several.")
@globals_too
def command(options: Options, path: str, stage: str, note: str, key: str | None) -> int:
    """Copy PATH, exactly these bytes, into the folder of STAGE, once it satisfies what the rule for that folder asks.

    Where the rule asks for several persons each of them promotes, and the last one's word moves it. Exit code 1 says what is missing.
    """
    project = options.project(path)
    return tell_decision(options, project, project.promote(Path(path), stage, note=note, channel="terminal", passphrases=passphrases(), key=key))
