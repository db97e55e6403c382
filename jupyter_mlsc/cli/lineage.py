"""``mlsc lineage``: what an artifact was made from."""

from __future__ import annotations

import click

from jupyter_mlsc.cli.options import GRAPH_FORMATS, Options, globals_too


@click.command("lineage")
@click.argument("reference", metavar="PATH|DIGEST")
@click.option("--depth", type=click.IntRange(0, 100), default=8, show_default=True, help="How many levels back.")
@click.option("--format", "format_name", type=click.Choice(GRAPH_FORMATS), default="text", show_default=True, help="A tree, or the source of a drawing.")
@globals_too
def command(options: Options, reference: str, depth: int, format_name: str) -> int:
    """Show what an artifact was made from, by which run and cell. `precise` is false where the inputs are all that the run had read so far."""
    from jupyter_mlsc.export.graphs import lineage_drawing
    from jupyter_mlsc.trees import lineage_document, lineage_lines

    project = options.project_of(reference)
    node = project.lineage(reference, depth=depth)
    options.notes(project)
    options.say("\n".join(lineage_lines(node)) if format_name == "text" else lineage_drawing(node).text(format_name))
    options.document(lineage_document(node))
    return 0
