"""``mlsc status``: the project at a glance, and what this machine can do."""

from __future__ import annotations

import click

from jupyter_mlsc.cli.options import Options, globals_too


@click.command("status")
@globals_too
def command(options: Options) -> int:
    """Show the project, its mode, its policy, its ledger, your keys, and whether this machine can supervise.

    Exit code 1 when the ledger is not what you knew.
    """
    from jupyter_mlsc.display import facts_text
    from jupyter_mlsc.sandbox.features import probe

    project = options.project()
    status, machine = project.status(), probe()
    told = f"works here (Landlock ABI {machine.landlock_abi})" if machine.complete else f"not here: {'; '.join(machine.missing)}"
    options.say(facts_text((*status.rows, ("supervision", told))))
    supervision = {"available": machine.complete, "landlock_abi": machine.landlock_abi, "missing": list(machine.missing), "next": machine.remedy}
    options.document({**status.document, "supervision": supervision})
    return 1 if any(fault.fails for fault in project.books.faults) else 0
