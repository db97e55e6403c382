"""``mlsc run``: a notebook from its first cell to its last, supervised, with nobody in front of it."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too

CELL_FAILED = 1


@click.command("run")
@click.argument("notebook", type=click.Path())
@click.option("-o", "--output", metavar="OUT", help="Write the executed notebook here; without it, in place.")
@click.option("--kernel", metavar="NAME", help="Run it with this kernel instead of the one that it names.")
@globals_too
def command(options: Options, notebook: str, output: str | None, kernel: str | None) -> int:
    """Run NOTEBOOK supervised and write it with its outputs, also when a cell failed.

    The kernel is the one that the notebook names, supervised whether its specification says so or not. Exit code 0 when every cell ran, 1 when a cell
    failed, 125 when supervision failed.
    """
    from jupyter_mlsc.cli.executing import Kernel, execute, kernel_name, read_notebook, write_notebook
    from jupyter_mlsc.errors import UsageError

    path, project = Path(notebook), options.project(notebook)
    book = read_notebook(path)
    target = Path(output or notebook)
    if not target.parent.is_dir():
        raise UsageError(f"{target} cannot be written: there is no folder {target.parent}", next_step="make the folder, or choose another one")
    failed = execute(book, path, Kernel(kernel or kernel_name(book), policy=options.policy))
    write_notebook(book, target)
    ran = sum(1 for cell in book.cells if cell.cell_type == "code" and cell.get("execution_count"))
    options.notes(project)
    if failed is not None:
        click.echo(failed.rstrip(), err=True)
    options.say(f"{'✗ a cell failed' if failed else '✓ ran'}: {notebook} · {ran} cells · written to {target}")
    options.document({"ok": failed is None, "notebook": notebook, "output": str(target), "cells": ran, "error": failed})
    return CELL_FAILED if failed is not None else 0
