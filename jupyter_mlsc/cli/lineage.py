"""``mlsc lineage``: what an artifact was made from."""

from __future__ import annotations

import click

from jupyter_mlsc.cli.options import GRAPH_FORMATS, Options, globals_too, tell_graph


@click.command("lineage")
@click.argument("reference", metavar="PATH|DIGEST")
@click.option("--depth", type=click.IntRange(0, 100), default=8, show_default=True, help="How many levels back.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(GRAPH_FORMATS),
    default="text",
    show_default=True,
    help="A tree, the source of a drawing, or a drawing by Graphviz.",
)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="At most so many artifacts.")
@click.option("-o", "--output", metavar="OUT", help="Write it to this file.")
@globals_too
def command(options: Options, reference: str, depth: int, format_name: str, limit: int, output: str | None) -> int:
    """Show what an artifact was made from, by which run and cell. `precise` is false where the inputs are all that the run had read so far."""
    from jupyter_mlsc.export.graphs import lineage_drawing
    from jupyter_mlsc.graph_documents import lineage_document
    from jupyter_mlsc.trees import lineage_lines

    project = options.project_of(reference)
    node = project.lineage(reference, depth=depth, limit=limit)
    options.notes(project)
    tell_graph(options, format_name, lambda: lineage_lines(node), lambda: lineage_drawing(node), f"What {node.path} was made from", output)
    options.document(lineage_document(node))
    return 0
