"""``mlsc status``: the project at a glance."""

from __future__ import annotations

import click

from jupyter_mlsc.cli.options import Options, globals_too


@click.command("status")
@globals_too
def command(options: Options) -> int:
    """Show the project, its mode, its policy, its ledger and your keys. Exit code 1 when the ledger is not what you knew."""
    from jupyter_mlsc.display import facts_text

    project = options.project()
    status = project.status()
    options.say(facts_text(status.rows))
    options.document(status.document)
    return 1 if any(fault.fails for fault in project.books.faults) else 0
