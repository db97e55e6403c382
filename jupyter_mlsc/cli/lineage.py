"""``mlsc lineage``: what an artifact was made from."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too


@click.command("lineage")
@click.argument("reference", metavar="PATH|DIGEST")
@click.option("--depth", type=click.IntRange(0, 100), default=8, show_default=True, help="How many levels back.")
@globals_too
def command(options: Options, reference: str, depth: int) -> int:
    """Show what an artifact was made from, by which run and cell. `precise` is false where the inputs are all that the run had read so far."""
    from jupyter_mlsc.display import lineage_document, lineage_lines

    is_path = not reference.startswith(("sha256:", "dirhash:"))
    project = options.project(Path(reference).parent if is_path else ".")
    project.require_trusted()
    node = project.lineage(reference, depth=depth)
    options.notes(project)
    options.say("\n".join(lineage_lines(node)))
    options.document(lineage_document(node))
    return 0
