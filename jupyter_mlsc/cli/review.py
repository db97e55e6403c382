"""``mlsc review``: a person approves or rejects what lies there now."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases, tell_decision


@click.command("review")
@click.argument("path", type=click.Path())
@click.option("--approve", is_flag=True, help="Say that it is good.")
@click.option("--reject", is_flag=True, help="Say that it is not.")
@click.option("--note", required=True, metavar="TEXT", help="What you looked at and found; it becomes part of the statement.")
@click.option("--key", "key", metavar="NAME", help="Which vouching key to sign with, where the policy names several.")
@globals_too
def command(options: Options, path: str, approve: bool, reject: bool, note: str, key: str | None) -> int:
    """Approve or reject PATH, exactly as it is now; a notebook together with what its last run read and wrote.

    A rule with `require = ["review"]` asks for it. Whoever made the artifact cannot approve it. A rejection stands until its maker approves, or
    somebody who may approves after it. Exit code 1 when the policy would not count your word: then nothing is signed.
    """
    if approve == reject:
        raise click.UsageError("Say one of --approve and --reject.")
    project = options.project(path)
    return tell_decision(options, project, project.review(Path(path), approve=approve, note=note, channel="terminal", passphrases=passphrases(), key=key))
