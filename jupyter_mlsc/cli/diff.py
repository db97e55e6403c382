"""``mlsc diff``: a data set as it is against the last signed profile of it."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too


@click.command("diff")
@click.argument("path", type=click.Path())
@click.option("--against", metavar="PATH", type=click.Path(), help="Compare with the signed profile of this data set instead.")
@globals_too
def command(options: Options, path: str, against: str | None) -> int:
    """Say how the data set PATH differs from what was signed last: rows that changed, were added, removed or moved, labels, columns.

    Rows are counted from 1, the header is none. Exit code 1 when it differs. It tells what is different, not whether that is bad.
    """
    from jupyter_mlsc.dataset_display import diff_document, diff_lines

    project = options.project(path, *(() if against is None else (against,)))
    project.require_trusted()
    found = project.diff(Path(path), against=None if against is None else Path(against), progress=options.progress)
    options.say("\n".join(diff_lines(found)))
    options.notes(project)
    options.document(diff_document(found))
    return 0 if found.equal else 1
