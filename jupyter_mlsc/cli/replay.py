"""``mlsc replay``: a notebook's last run again, in a copy of the project, and whether it makes the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyter_mlsc.cli.options import Options, globals_too

if TYPE_CHECKING:
    from jupyter_mlsc.verbs.replaying import Execute, Plan

GUARD_ON = "%load_ext jupyter_mlsc"


@click.command("replay")
@click.argument("notebook", type=click.Path())
@click.option("--tolerance", type=float, metavar="NUMBER", help="Compare outputs of other bytes by their values, which may differ by so much; 0: not at all.")
@click.option("--order", type=click.Choice(["recorded", "document"]), default="recorded", help="As the cells ran, or as they stand in the notebook.")
@click.option("--guarded", is_flag=True, help="Run it guarded also where this machine can supervise.")
@click.option("--keep", is_flag=True, help="Keep the copy of the project, with what came out, and say where it is.")
@click.option("--kernel", metavar="NAME", help="Run it with this kernel instead of the one that the notebook names.")
@globals_too
def command(options: Options, notebook: str, tolerance: float | None, order: str, guarded: bool, keep: bool, kernel: str | None) -> int:
    """Run NOTEBOOK's last recorded run again and compare what comes out.

    It runs in a copy of the project, on inputs that have the recorded digests, supervised where the machine can. Outputs are compared byte by byte, or,
    with --tolerance, by their values. What came of it is signed with the run's key and goes on record, where a rule's `require = ["reproduced"]` looks for
    it. Exit code 0 when it is the same, 1 when it is not, 3 when it could not be run again as it was.
    """
    from jupyter_mlsc.replay_text import replay_document, replay_lines
    from jupyter_mlsc.sandbox.features import probe
    from jupyter_mlsc.verbs.replaying import Wish

    project = options.project(notebook)
    project.require_trusted()
    supervised = probe().complete and not guarded
    replayed = project.replay(Path(notebook), _executor(options, Path(notebook), kernel, supervised=supervised), Wish(tolerance, order, keep))
    options.say("\n".join(replay_lines(replayed)))
    options.notes(project)
    options.document(replay_document(replayed))
    return 0 if replayed.is_same else 1


def _executor(options: Options, path: Path, kernel: str | None, *, supervised: bool) -> Execute:
    """Runs the planned cells in a kernel, in the copy."""
    from jupyter_mlsc.errors import UsageError

    if options.policy is not None and not supervised:
        raise UsageError("a guarded kernel reads the policy that you accepted, not one that is named", next_step="leave out --policy, or accept that policy")

    from jupyter_mlsc.cli.executing import MAY_FAIL, Kernel, failed_cell, kernel_name, notebook_of, read_notebook, write_notebook
    from jupyter_mlsc.cli.executing import execute as run
    from jupyter_mlsc.verbs.replaying import Executed

    def execute(plan: Plan) -> Executed:
        original = read_notebook(path)
        cells = [(cell.source, [MAY_FAIL] if cell.may_fail else []) for cell in plan.cells]
        before: list[tuple[str, list[str]]] = [] if supervised else [(GUARD_ON, [])]
        book = notebook_of([*before, *cells], original)
        write_notebook(book, plan.notebook)
        chosen = Kernel(kernel or kernel_name(original), supervised, plan.policy if supervised else None, (str(plan.hidden),) if supervised else ())
        error = run(book, plan.notebook, chosen)
        write_notebook(book, plan.notebook)
        place = None if error is None else failed_cell(book)
        return Executed(plan.cells[place - len(before)].id if place is not None and place >= len(before) else None, error)

    return execute
